"""Requests that wait on the server: for a log-in, and then for a decision. Nothing of them is in a cookie.

The handle of a waiting request is a secret that only its page carries; the storage knows its digest. The answer to a
decision is kept for a minute, encrypted under a key derived from that handle, so that a form sent twice is answered
twice although the code itself is kept as a digest only.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ..core.clock import Clock
from ..oauth import AuthorizationRequest
from ..oauth.server.response_modes import AuthorizationResponse
from ..oauth.server.storage import ProviderStorage, Settlement, Waiting, digest, new_secret

#: How long a person may take to log in, and then to decide.
LIFETIME = timedelta(minutes=10)
#: How long the answer to a decision is repeated to the same form.
REPEATED = timedelta(seconds=60)
#: Requests of one browser that wait at once; a further one drops the oldest.
MOST_PER_BROWSER = 20
_NONCE = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """A request that a person was shown.

    Attributes:
        request: the snapshot.
        answer: how the decision was answered already, or ``None`` while there is none.
    """

    request: AuthorizationRequest
    answer: AuthorizationResponse | None


class WaitingRequests:
    """Keeps waiting requests of one provider in its storage.

    Args:
        storage: keeps them by digest, bounded for each browser.
        clock: returns the current aware instant.
    """

    def __init__(self, storage: ProviderStorage, clock: Clock) -> None:
        self._storage = storage
        self._clock = clock

    def park(self, query: str, browser: str) -> str:
        """Keep the query of an authorization request while its sender logs in, and return its handle.

        The same request of the same browser has the same handle.
        """
        handle, now = _handle_of(query, browser), self._clock()
        kept = Waiting(digest=digest(handle), browser=browser, content=query, created_at=now, expires_at=now + LIFETIME)
        self._storage.keep_waiting(kept, now, MOST_PER_BROWSER)
        return handle

    def parked(self, handle: str, browser: str) -> str | None:
        """Return the query that waits behind a handle in this browser."""
        kept = self._storage.find_waiting(digest(handle), self._clock())
        return kept.content if kept is not None and kept.browser == browser and not kept.subject else None

    def parked_since(self, query: str, browser: str) -> datetime | None:
        """Return when this request was parked last, and forget it: a log-in after it answers its demand once."""
        key = digest(_handle_of(query, browser))
        kept = self._storage.find_waiting(key, self._clock())
        if kept is None or kept.browser != browser:
            return None
        self._storage.drop_waiting(key)
        return kept.created_at

    def keep(self, asked: AuthorizationRequest, browser: str, subject: str) -> str:
        """Keep a request that is shown to a person, and return the handle for its form."""
        handle, now = new_secret(), self._clock()
        kept = Waiting(
            digest=digest(handle),
            browser=browser,
            subject=subject,
            content=asked.to_json(),
            created_at=now,
            expires_at=now + LIFETIME,
        )
        self._storage.keep_waiting(kept, now, MOST_PER_BROWSER)
        return handle

    def find(self, handle: str, browser: str, subject: str) -> Pending | None:
        """Return what waits behind a form's handle, for the browser and the person it was shown to."""
        kept = self._storage.find_waiting(digest(handle), self._clock())
        if kept is None or kept.browser != browser or not kept.subject or kept.subject != subject:
            return None
        if kept.answer is not None:
            answer = _decrypted(kept.answer, handle)
            return (
                None
                if answer is None
                else Pending(request=_request(kept), answer=AuthorizationResponse.from_json(answer))
            )
        return Pending(request=_request(kept), answer=None)

    def settlement(self, handle: str, answer: AuthorizationResponse, pushed: str | None) -> Settlement:
        """Return what the storage writes in the transaction that carries a decision out."""
        return Settlement(
            waiting=digest(handle),
            answer=_encrypted(answer.to_json(), handle),
            until=self._clock() + REPEATED,
            pushed=pushed,
        )


def _request(kept: Waiting) -> AuthorizationRequest:
    return AuthorizationRequest.from_json(kept.content)


def _handle_of(query: str, browser: str) -> str:
    return hashlib.sha256(json.dumps([browser, query]).encode()).hexdigest()


def _key(handle: str) -> bytes:
    return hmac.digest(handle.encode(), b"flask-cimd repeated answer", hashlib.sha256)


def _encrypted(answer: str, handle: str) -> bytes:
    nonce = os.urandom(_NONCE)
    return nonce + AESGCM(_key(handle)).encrypt(nonce, answer.encode(), None)


def _decrypted(kept: bytes, handle: str) -> str | None:
    try:
        return AESGCM(_key(handle)).decrypt(kept[:_NONCE], kept[_NONCE:], None).decode()
    except InvalidTag:
        return None

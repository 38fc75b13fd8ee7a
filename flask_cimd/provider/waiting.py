"""Authorization requests that wait on the server for a log-in or a decision; cookies contain no part of them.

The handle of a waiting request is a secret in the form of its page; the storage has only its digest. The storage keeps
the response to a decision for a minute, encrypted with a key derived from that handle: a form sent twice gets the same
response, although the storage has only the digest of the code.
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
from ..core.digests import digest_of
from ..errors import DocumentError
from ..oauth import AuthorizationRequest
from ..oauth.server.response_modes import AuthorizationResponse
from ..oauth.server.storage import ProviderStorage, Settlement, Waiting, new_secret

#: Maximum time for the log-in, and again for the decision.
LIFETIME = timedelta(minutes=10)
#: Time in which the response to a decision can be repeated.
REPEATED = timedelta(seconds=60)
#: Maximum number of waiting requests of one browser; one more drops the oldest.
MOST_PER_BROWSER = 20
_NONCE = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """A request with a consent page.

    Attributes:
        request: the snapshot.
        answer: the response to the decision; ``None`` while there is no decision.
    """

    request: AuthorizationRequest
    answer: AuthorizationResponse | None


class WaitingRequests:
    """Stores the waiting requests of one provider.

    Args:
        storage: stores them by digest, up to a number for each browser.
        clock: returns the current time as an aware `datetime`.
    """

    def __init__(self, storage: ProviderStorage, clock: Clock) -> None:
        self._storage = storage
        self._clock = clock

    def park(self, query: str, browser: str) -> str:
        """Store the query of an authorization request during the log-in, and return its handle.

        The same request of the same browser has the same handle.
        """
        handle, now = _handle_of(query, browser), self._clock()
        kept = Waiting(
            digest=digest_of(handle), browser=browser, content=query, created_at=now, expires_at=now + LIFETIME
        )
        self._storage.keep_waiting(kept, now, MOST_PER_BROWSER)
        return handle

    def parked(self, handle: str, browser: str) -> str | None:
        """Return the query that this browser stored under a handle."""
        kept = self._storage.find_waiting(digest_of(handle), self._clock())
        return kept.content if kept is not None and kept.browser == browser and not kept.subject else None

    def parked_since(self, query: str, browser: str) -> datetime | None:
        """Return the time at which this request was parked, and delete it, so that a log-in counts only once."""
        key = digest_of(_handle_of(query, browser))
        kept = self._storage.find_waiting(key, self._clock())
        if kept is None or kept.browser != browser:
            return None
        self._storage.drop_waiting(key)
        return kept.created_at

    def keep(self, asked: AuthorizationRequest, browser: str, subject: str) -> str:
        """Store a request for its consent page, and return the handle for the form."""
        handle, now = new_secret(), self._clock()
        kept = Waiting(
            digest=digest_of(handle),
            browser=browser,
            subject=subject,
            content=asked.to_json(),
            created_at=now,
            expires_at=now + LIFETIME,
        )
        self._storage.keep_waiting(kept, now, MOST_PER_BROWSER)
        return handle

    def find(self, handle: str, browser: str, subject: str) -> Pending | None:
        """Return the request of a form's handle, for the browser and person that saw the page.

        The request ends if another person submits the form in this browser.
        """
        kept = self._storage.find_waiting(digest_of(handle), self._clock())
        if kept is None or kept.browser != browser or not kept.subject:
            return None
        if kept.subject != subject:
            if kept.answer is None:
                self._storage.drop_waiting(kept.digest)
            return None
        try:
            asked = AuthorizationRequest.from_json(kept.content)
        except DocumentError:
            return None  # another version of this library stored it
        if kept.answer is None:
            return Pending(request=asked, answer=None)
        answer = _decrypted(kept.answer, handle)
        return None if answer is None else Pending(request=asked, answer=AuthorizationResponse.from_json(answer))

    def settlement(self, handle: str, answer: AuthorizationResponse, pushed: str | None) -> Settlement:
        """Return the settlement of a decision, for the transaction of its outcome."""
        return Settlement(
            waiting=digest_of(handle),
            answer=_encrypted(answer.to_json(), handle),
            until=self._clock() + REPEATED,
            pushed=pushed,
        )


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

"""The keys that count for a client now: inline in its document, or behind ``jwks_uri`` and fetched under guard.

A key set is read like a document: https, vetted addresses, no redirects, a byte cap, one deadline, strict JSON, one
flight (CIMD §8.6 covers every URL inside a document). An unknown ``kid`` is how rotation shows, so it is worth one
fetch; at most one a minute and client, or a flood of invented names would be a flood of fetches.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from .. import signals
from ..core import freshness
from ..core.keys import check_jwks
from ..core.metadata import ClientMetadata
from ..core.strict_json import StrictJSONError, read_object
from ..errors import DocumentError, FetchError, GoneError, Problem
from ..fetch.fetcher import Response
from ..stores import Fetched, FetchedStore
from .linked import fetch_linked
from .loading import is_json
from .resolver import Resolver

logger = logging.getLogger(__name__)

PublishedKey = Mapping[str, Any]

#: Bytes of a key set; one more is refused.
MAX_KEY_SET = 16384
#: How long the same unknown name, or any other, is not looked for again.
PAUSE = timedelta(seconds=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class _KeySet:
    keys: tuple[PublishedKey, ...]
    expires_at: datetime
    tried_at: datetime

    def has(self, kid: str | None) -> bool:
        return kid is None or any(key.get("kid") == kid for key in self.keys)

    def to_bytes(self) -> bytes:
        times = {"expires_at": self.expires_at.timestamp(), "tried_at": self.tried_at.timestamp()}
        return json.dumps({"keys": self.keys, **times}).encode()

    @classmethod
    def from_bytes(cls, kept: bytes) -> _KeySet:
        values = json.loads(kept)
        expires_at, tried_at = (datetime.fromtimestamp(values[name], UTC) for name in ("expires_at", "tried_at"))
        return cls(keys=tuple(values["keys"]), expires_at=expires_at, tried_at=tried_at)


class ClientKeys:
    """Finds the published keys of one app's clients.

    Args:
        resolver: lends its guarded fetcher, its clock and its bound on simultaneous fetches.
        store: where fetched key sets are kept, for as long as they may serve stale.
    """

    def __init__(self, resolver: Resolver, store: FetchedStore) -> None:
        self._resolver = resolver
        self._store = store

    def find(self, metadata: ClientMetadata, kid: str | None = None) -> Sequence[PublishedKey]:
        """Return the client's signature keys; the one called ``kid`` may still be missing from them.

        Raises:
            FetchError: the key set cannot be read, and no copy is young enough to stand in.
            DocumentError: it is not a set of public keys.
        """
        if metadata.jwks is not None:
            return tuple(json.loads(metadata.jwks)["keys"])
        if metadata.jwks_uri is None:
            return ()
        place = _place(metadata)
        kept, now = self._kept(place), self._resolver.clock()
        if kept is not None and now < kept.expires_at and kept.has(kid):
            return kept.keys
        if kept is not None and now < kept.tried_at + PAUSE and now < self._last_use(kept):
            return kept.keys
        return self._resolver.flights.run(f"jwks {place}", lambda: self._renew(place, metadata)).keys

    def _last_use(self, kept: _KeySet) -> datetime:
        return kept.expires_at + self._resolver.settings.stale_max

    def _kept(self, place: str) -> _KeySet | None:
        found = self._store.get(place)
        return _KeySet.from_bytes(found.content) if found is not None and found.content is not None else None

    def _keep(self, place: str, found: _KeySet) -> _KeySet:
        self._store.put(place, Fetched(found.to_bytes(), self._last_use(found) + PAUSE), self._resolver.clock())
        return found

    def _renew(self, place: str, metadata: ClientMetadata) -> _KeySet:
        before, now = self._kept(place), self._resolver.clock()
        try:
            return self._keep(place, self._fetch(metadata, now))
        except GoneError:
            self._store.put(place, Fetched(None, now + PAUSE), now)
            raise
        except (FetchError, DocumentError) as error:
            # A host that is down for an hour must not end its users' sessions (CIMD §5.2 lets stale copies serve).
            if before is None or now >= self._last_use(before):
                raise
            logger.warning("a client of %s keeps its stored keys: %s", metadata.identifier.display_host, error.slug)
            return self._keep(place, replace(before, tried_at=now))

    def _fetch(self, metadata: ClientMetadata, now: datetime) -> _KeySet:
        started = time.monotonic()
        try:
            keys, answer = fetch_key_set(self._resolver, metadata)
        except FetchError as error:
            host, seconds = urlsplit(metadata.jwks_uri or "").netloc, time.monotonic() - started
            self._resolver.notify(signals.fetch_failed, error=error, host=host, duration=seconds)
            raise
        lifetime = freshness.lifetime(answer.headers, self._resolver.settings.bounds, now)
        return _KeySet(keys=keys, expires_at=now + timedelta(seconds=lifetime.seconds), tried_at=now)


def fetch_key_set(resolver: Resolver, metadata: ClientMetadata) -> tuple[tuple[PublishedKey, ...], Response]:
    """GET a client's key set under guard, whatever is kept; return its signature keys and the answer.

    Raises:
        FetchError: it cannot be read.
        DocumentError: it is not a set of public keys.
    """
    uri = metadata.jwks_uri or ""
    answer = fetch_linked(
        resolver,
        metadata,
        uri,
        accept="application/json, application/jwk-set+json;q=0.9",
        max_size_for=lambda media_type: MAX_KEY_SET if is_json(media_type) else 0,
    )
    return _read(answer.body, metadata.client_id), answer


def _place(metadata: ClientMetadata) -> str:
    """Return the name of a client's key set in the store; two clients that share an address do not share a copy."""
    return hashlib.sha256(json.dumps(["jwks", metadata.client_id, metadata.jwks_uri]).encode()).hexdigest()


def _read(body: bytes, client_id: str) -> tuple[PublishedKey, ...]:
    try:
        keys, problems = check_jwks(read_object(body), "")
    except StrictJSONError as exc:
        raise DocumentError(client_id, (Problem("", exc.rule, exc.message),)) from exc
    if problems:
        raise DocumentError(client_id, tuple(problems))
    return tuple(keys)

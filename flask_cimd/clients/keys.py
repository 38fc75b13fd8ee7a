"""The keys of a client: inline in its document, or fetched from its ``jwks_uri``.

A key set is fetched like a document: https, vetted addresses, no redirects, a size limit, one deadline, strict JSON,
coalescing (CIMD §9.6 covers every URL in a document). An unknown ``kid`` indicates a key rotation and causes a fetch,
at most one per minute and client: otherwise invented key IDs would cause a flood of fetches.
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
from .linked import LinkedFetcher
from .loading import is_json
from .parts import ClientParts, run_with_reserve

logger = logging.getLogger(__name__)

PublishedKey = Mapping[str, Any]

#: Maximum size of a key set, in bytes.
MAX_KEY_SET = 16384
#: Minimum time between two fetches of a key set for an unknown ``kid`` or after a failure.
PAUSE = timedelta(seconds=60)
#: Maximum number of key sets in this process's memory if the store stores none.
_IN_MEMORY = 1000


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
        parts: the linked fetcher, coalescing, cache bounds, clock and signals of the app.
        store: store of fetched key sets, also of stale ones; defaults to the app's cache.
    """

    def __init__(self, parts: ClientParts, store: FetchedStore | None = None) -> None:
        self._linked = parts.linked
        self._coalescing = parts.coalescing
        self._reserve = parts.reserve
        self._bounds = parts.settings.bounds
        self._stale_max = parts.settings.stale_max
        self._clock = parts.clock
        self._notify = parts.notify
        self._store = parts.cache.fetched(_IN_MEMORY) if store is None else store

    def find(self, metadata: ClientMetadata, kid: str | None = None) -> Sequence[PublishedKey]:
        """Return the client's signature keys; the key ``kid`` may be missing.

        Raises:
            FetchError: the key set cannot be fetched, and no stored copy is recent enough.
            DocumentError: the response is not a set of public keys.
        """
        if metadata.jwks is not None:
            return tuple(json.loads(metadata.jwks)["keys"])
        if metadata.jwks_uri is None:
            return ()
        key = _store_key(metadata)
        kept, now = self._kept(key), self._clock()
        if kept is not None and now < kept.expires_at and kept.has(kid):
            return kept.keys
        if kept is not None and now < kept.tried_at + PAUSE and now < self._last_use(kept):
            return kept.keys
        return run_with_reserve(
            metadata.client_id,
            lambda: self._coalescing.run(f"jwks {key}", lambda: self._renew(key, metadata, self._linked)),
            self._reserve,
            lambda parts: parts.coalescing.run(f"jwks {key}", lambda: self._renew(key, metadata, parts.linked)),
        ).keys

    def _last_use(self, kept: _KeySet) -> datetime:
        return kept.expires_at + self._stale_max

    def _kept(self, key: str) -> _KeySet | None:
        found = self._store.get(key)
        return _KeySet.from_bytes(found.content) if found is not None and found.content is not None else None

    def _keep(self, key: str, found: _KeySet) -> _KeySet:
        self._store.put(key, Fetched(found.to_bytes(), self._last_use(found) + PAUSE), self._clock())
        return found

    def _renew(self, key: str, metadata: ClientMetadata, linked: LinkedFetcher) -> _KeySet:
        before, now = self._kept(key), self._clock()
        try:
            return self._keep(key, self._fetch(metadata, now, linked))
        except GoneError:
            self._store.put(key, Fetched(None, now + PAUSE), now)
            raise
        except (FetchError, DocumentError) as error:
            # An hour's outage of a host must not end its users' sessions (CIMD §5.2 allows stale copies).
            if before is None or now >= self._last_use(before):
                raise
            logger.warning("a client of %s keeps its stored keys: %s", metadata.identifier.display_host, error.slug)
            return self._keep(key, replace(before, tried_at=now))

    def _fetch(self, metadata: ClientMetadata, now: datetime, linked: LinkedFetcher) -> _KeySet:
        started = time.monotonic()
        try:
            keys, response = fetch_key_set(linked, metadata)
        except FetchError as error:
            self._report(error, urlsplit(metadata.jwks_uri or "").netloc, started)
            raise
        lifetime = freshness.lifetime(response.headers, self._bounds, now)
        return _KeySet(keys=keys, expires_at=now + timedelta(seconds=lifetime.seconds), tried_at=now)

    def _report(self, error: FetchError, host: str, started: float) -> None:
        seconds = time.monotonic() - started
        self._notify(signals.fetch_failed, error=error, slug=error.slug, host=host, phase=error.phase, duration=seconds)


def fetch_key_set(linked: LinkedFetcher, metadata: ClientMetadata) -> tuple[tuple[PublishedKey, ...], Response]:
    """GET a client's key set without the cache; return its signature keys and the response.

    Raises:
        FetchError: the key set cannot be fetched.
        DocumentError: the response is not a set of public keys.
    """
    response = linked.fetch(
        metadata.jwks_uri or "",
        client_id=metadata.client_id,
        accept="application/json, application/jwk-set+json;q=0.9",
        max_size_for=lambda media_type: MAX_KEY_SET if _may_be_keys(media_type) else 0,
    )
    return _read(response.json_body, metadata.client_id), response


def _may_be_keys(media_type: str) -> bool:
    """Return whether a body of this media type may be a key set: some servers send ``.well-known`` files untyped."""
    return is_json(media_type) or media_type in ("", "text/plain", "application/octet-stream")


def _store_key(metadata: ClientMetadata) -> str:
    """Return the store's key for a client's key set; two clients with one ``jwks_uri`` have separate copies."""
    return hashlib.sha256(json.dumps(["jwks", metadata.client_id, metadata.jwks_uri]).encode()).hexdigest()


def _read(body: bytes, client_id: str) -> tuple[PublishedKey, ...]:
    try:
        keys, problems = check_jwks(read_object(body), "")
    except StrictJSONError as exc:
        raise DocumentError(client_id, (Problem("", exc.rule, exc.message),)) from exc
    if problems:
        raise DocumentError(client_id, tuple(problems))
    return tuple(keys)

"""The values in a store and the protocols that a store implements.

A store may drop entries. A missing or unreadable entry is a miss, not an error. If the store's server fails, every
method raises only `StoreError`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import Any, Protocol, TypeVar

from ..core.identifier import ClientIdentifier
from ..core.leases import Leases
from ..core.metadata import ClientMetadata
from .records import Records

#: Time that a shared store keeps an expired entry: stale copies serve existing grants (CIMD §5.2).
KEPT_PAST_EXPIRY = timedelta(hours=24)
#: Maximum number of parsed clients that a shared store caches in memory while their rows stay unchanged.
PARSED = 256
#: Default size limit of a shared store in bytes, for clients and separately for key sets and logos.
SHARED_BYTES = 256 * 1024 * 1024

C = TypeVar("C", bound=type)


class StoreError(Exception):
    """The store cannot be read or written now; ``args[0]`` names the cause without remote text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One validated client with its times; errors and invalid documents never become entries (CIMD §5.2).

    Attributes:
        fetched_at: time of the fetch, an aware `datetime`.
        expires_at: end of freshness, an aware `datetime`; afterwards the document is fetched again.
    """

    metadata: ClientMetadata
    fetched_at: datetime
    expires_at: datetime

    def is_fresh(self, now: datetime) -> bool:
        """Return whether the entry may be used without a fetch."""
        return now < self.expires_at


@dataclass(frozen=True, slots=True)
class Fetched:
    """A fetched key set or logo.

    Attributes:
        content: ``None`` records that the fetch failed.
        expires_at: expiry, an aware `datetime`; afterwards a store may drop it.
    """

    content: bytes | None
    expires_at: datetime


class FetchedStore(Protocol):
    """Stores fetched key sets and logos under keys of 64 hexadecimal digits."""

    def get(self, key: str) -> Fetched | None:
        """Return the item, expired or not, or ``None``."""

    def put(self, key: str, found: Fetched, now: datetime) -> None:
        """Store an item in place of an older one; may drop items that expired before ``now``."""


class ClientStore(Protocol):
    """Stores entries by the raw identifier string.

    Attributes:
        leases: leases of a store that several processes share; ``None`` if only this process uses the store.
        records: store of the operator's rules and pinned copies.
        fetched: store of key sets and logos; ``None`` means this process's memory.
    """

    leases: Leases | None
    records: Records
    fetched: FetchedStore | None

    def get(self, identifier: ClientIdentifier) -> Entry | None:
        """Return the entry, fresh or stale, or ``None``."""

    def put(self, entry: Entry) -> None:
        """Store an entry in place of an older one."""

    def delete(self, client_id: str) -> None:
        """Delete a client; without effect for an unknown client."""

    def __iter__(self) -> Iterator[str]:
        """Yield the stored raw identifiers."""

    def __len__(self) -> int:
        """Return the number of entries."""


def raises_store_error(*kinds: type[Exception]) -> Callable[[C], C]:
    """Return a class decorator: public methods raise `StoreError` if a driver raises one of these exceptions."""

    def decorate(store: C) -> C:
        for name, method in list(vars(store).items()):
            if callable(method) and (not name.startswith("_") or name in ("__iter__", "__len__")):
                setattr(store, name, _translated(method, kinds))
        return store

    return decorate


def _translated(method: Callable[..., Any], kinds: tuple[type[Exception], ...]) -> Callable[..., Any]:
    @wraps(method)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return method(*args, **kwargs)
        except kinds as exc:
            raise StoreError(type(exc).__name__) from exc

    return call


def instant_of(seconds: float) -> datetime:
    """Return a Unix time in seconds as an aware `datetime`."""
    return datetime.fromtimestamp(seconds, UTC)


def key_of(client_id: str) -> str:
    """Return the key of an identifier in shared stores: its SHA-256 digest as 64 hexadecimal digits."""
    return hashlib.sha256(client_id.encode()).hexdigest()

"""The values that a store keeps and the protocols that it implements.

A store may drop entries. It never raises for a missing or unreadable entry: that is a miss. If its server fails, every
method raises `StoreError` and nothing else.
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

#: Time for which a shared store keeps an expired entry: stale copies serve existing grants (CIMD §5.2).
KEPT_PAST_EXPIRY = timedelta(hours=24)
#: Clients that a shared store keeps parsed, as long as what is stored of them stays the same.
PARSED = 256
#: Bytes that a shared store keeps of clients, and as many of key sets and logos, unless it is told another bound.
SHARED_BYTES = 256 * 1024 * 1024

C = TypeVar("C", bound=type)


class StoreError(Exception):
    """The store cannot be read or written at the moment; ``args[0]`` names the cause without remote text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One validated client with its times; errors and invalid documents never become entries (CIMD §5.2).

    Attributes:
        fetched_at: aware instant of the fetch.
        expires_at: aware instant after which the document is fetched again.
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
        expires_at: aware instant after which a store may drop it.
    """

    content: bytes | None
    expires_at: datetime


class FetchedStore(Protocol):
    """Keeps fetched key sets and logos under keys of 64 hexadecimal digits."""

    def get(self, key: str) -> Fetched | None:
        """Return what is kept, expired or not."""

    def put(self, key: str, found: Fetched, now: datetime) -> None:
        """Keep something in place of an older one; what expired before ``now`` may be dropped."""


class ClientStore(Protocol):
    """Keeps entries by the raw identifier string.

    Attributes:
        leases: for stores that several processes share; ``None`` means that this process is alone.
        records: where the operator's rules and pinned copies are kept.
        fetched: where key sets and logos are kept; ``None`` keeps them in this process.
    """

    leases: Leases | None
    records: Records
    fetched: FetchedStore | None

    def get(self, identifier: ClientIdentifier) -> Entry | None:
        """Return the entry, fresh or not."""

    def put(self, entry: Entry) -> None:
        """Keep an entry in place of an older one."""

    def delete(self, client_id: str) -> None:
        """Forget a client; unknown ones are fine."""

    def __iter__(self) -> Iterator[str]:
        """Yield the raw identifiers that are kept."""

    def __len__(self) -> int:
        """Return how many entries are kept."""


def raises_store_error(*kinds: type[Exception]) -> Callable[[C], C]:
    """Return a class decorator: public methods raise `StoreError` where a driver raises one of these kinds."""

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
    """Return the aware instant this many seconds after 1970 began."""
    return datetime.fromtimestamp(seconds, UTC)


def key_of(client_id: str) -> str:
    """Return the key under which shared stores keep an identifier: its SHA-256 as 64 hexadecimal digits."""
    return hashlib.sha256(client_id.encode()).hexdigest()

"""What a store holds and what it must be able to do."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from sqlalchemy.exc import SQLAlchemyError

from ..core.identifier import ClientIdentifier
from ..core.metadata import ClientMetadata
from .records import Records

#: How long past its lifetime a shared store keeps an entry: stale copies serve existing grants (CIMD §5.2).
KEPT_PAST_EXPIRY = timedelta(hours=24)


class StoreError(OSError):
    """The store's server does not answer, or not as it should."""


#: What a store may raise while its server is in trouble.
STORE_TROUBLE = (SQLAlchemyError, OSError)


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
        """Say whether the entry may be used without a fetch."""
        return now < self.expires_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """Somebody's promise to fetch one document.

    Attributes:
        outcome: how it ended, in a few words of our own; ``None`` while it is under way.
    """

    expires_at: datetime
    outcome: str | None


class Leases(Protocol):
    """Lets one process fetch a document while the others wait; a lease ends by itself if its owner dies."""

    def take(self, client_id: str, owner: str, *, now: datetime, until: datetime) -> bool:
        """Take the lease if nobody has it: one conditional statement, exactly one winner."""

    def look(self, client_id: str) -> Lease | None:
        """Return the lease as it stands, a finished one for as long as it would have lasted."""

    def finish(self, client_id: str, owner: str, outcome: str) -> None:
        """Say how it ended and let go; without effect if somebody else took over meanwhile."""


class ClientStore(Protocol):
    """Keeps entries by the raw identifier string.

    A store may forget at any time. It never raises for a missing or unreadable entry: that is a miss. Trouble with
    its server is a `StoreError` or an ``SQLAlchemyError``, and ends no sign-in.

    Attributes:
        leases: for stores that several processes share; ``None`` means that this process is alone.
        records: where the operator's rules and pinned copies are kept.
    """

    leases: Leases | None
    records: Records

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


def instant_of(seconds: float) -> datetime:
    """Return the aware instant that is so many seconds after 1970 began."""
    return datetime.fromtimestamp(seconds, UTC)


def key_of(client_id: str) -> str:
    """Return the fixed-length key under which shared stores keep an identifier: its SHA-256."""
    return hashlib.sha256(client_id.encode()).hexdigest()

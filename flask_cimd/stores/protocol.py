"""What a store holds and what it must be able to do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ..core.identifier import ClientIdentifier
from ..core.metadata import ClientMetadata


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


class ClientStore(Protocol):
    """Keeps entries by the raw identifier string.

    A store may forget at any time. It never raises for a missing or unreadable entry: that is a miss.
    """

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

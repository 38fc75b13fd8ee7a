"""Leases: of all processes that share a store, one fetches a document while the others wait."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """One process's exclusive right to fetch one document.

    Attributes:
        expires_at: aware instant after which any process may take the lease.
        outcome: how the fetch ended, in words of this package; ``None`` while it runs.
    """

    expires_at: datetime
    outcome: str | None


class Leases(Protocol):
    """Lets one process fetch a document while the others wait; a lease expires by itself if its owner dies."""

    def take(self, client_id: str, owner: str, *, now: datetime, until: datetime) -> bool:
        """Take the lease if it is free: one conditional statement, exactly one winner."""

    def look(self, client_id: str) -> Lease | None:
        """Return the lease; a finished one is kept as long as it would have lasted."""

    def finish(self, client_id: str, owner: str, outcome: str) -> None:
        """Record the outcome and release the lease; without effect if another owner has taken it."""

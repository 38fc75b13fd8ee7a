"""Storage protocols for operators; `flask_cimd.provider.SQLAlchemyStorage` and `MemoryStorage` implement them."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from .registration import Registration
from .storage import LivingGrant


class GrantAdministration(Protocol):
    """The grants of all people, for the commands ``flask cimd grants``."""

    def grants(
        self,
        now: datetime,
        *,
        subject: str | None = None,
        client_id: str | None = None,
        after: str = "",
        limit: int = 100,
    ) -> list[LivingGrant]:
        """Return at most ``limit`` grants that are not over, in the order of their ids.

        Args:
            now: the aware instant.
            subject: return only grants of this person.
            client_id: return only grants of this client.
            after: id of the last grant of the previous page.
            limit: maximum number of grants.
        """

    def revoke_client(self, subject: str | None, client_id: str, now: datetime) -> int:
        """End all grants of a client, of one person or of everybody; return how many were not revoked before."""

    def revoke_subject(self, subject: str, now: datetime) -> int:
        """End all grants of a person; return how many were not revoked before."""

    def revoke_all(self, now: datetime) -> int:
        """End all grants of everybody; return how many were not revoked before."""


class RegistrationAdministration(Protocol):
    """The clients that registered themselves, for the commands ``flask cimd registrations``."""

    def registrations(self, now: datetime, *, after: str = "", limit: int = 100) -> list[Registration]:
        """Return at most ``limit`` registrations that have not ended, in the order of their identifiers."""

    def remove(self, client_id: str) -> bool:
        """Delete a registration; return whether it existed."""

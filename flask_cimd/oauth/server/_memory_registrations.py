"""Registrations and resource servers in this process."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import RLock

from ._memory_requests import drop
from .introspection import ResourceServer
from .registration import Registration
from .storage import Grant

#: Maximum number of registrations without approval; the oldest is dropped.
_MOST_UNUSED, _MOST_UNUSED_OF_NETWORK = 200, 20
_UNUSED, _IDLE = timedelta(days=1), timedelta(days=90)


@dataclass(slots=True)
class _KeptRegistration:
    registration: Registration
    ends_at: datetime
    network: str
    used_at: datetime | None = None


class MemoryRegistrations:
    """A ``RegistrationStorage`` of one process."""

    _lock: RLock

    def __init__(self) -> None:
        super().__init__()
        self._registrations: dict[str, _KeptRegistration] = {}
        self._servers: dict[str, tuple[str, ResourceServer]] = {}

    def add(self, registration: Registration, now: datetime, network: str = "") -> bool:
        """Store a registration; beyond the bounds, drop the oldest without approval, first of the same network."""
        with self._lock:
            self._registrations[registration.client_id] = _KeptRegistration(registration, now + _UNUSED, network)
            unused = [key for key, kept in self._registrations.items() if kept.used_at is None]
            theirs = [key for key in unused if network and self._registrations[key].network == network]
            for key in {*unused[:-_MOST_UNUSED], *theirs[:-_MOST_UNUSED_OF_NETWORK]}:
                del self._registrations[key]
        return True

    def find(self, client_id: str, now: datetime) -> Registration | None:
        """Return a registration that has not ended."""
        found = self._registrations.get(client_id)
        return found.registration if found is not None and now < found.ends_at else None

    def registrations(self, now: datetime, *, after: str = "", limit: int = 100) -> list[Registration]:
        """Return at most ``limit`` registrations that have not ended, in the order of their identifiers."""
        with self._lock:
            found = [self._registrations[key] for key in sorted(self._registrations) if key > after]
        return [kept.registration for kept in found if now < kept.ends_at][:limit]

    def remove(self, client_id: str) -> bool:
        """Delete a registration; return whether it existed."""
        return self._registrations.pop(client_id, None) is not None

    def _note_use(self, grant: Grant, now: datetime) -> None:
        found = self._registrations.get(grant.client_id)
        if grant.client is None and found is not None:
            found.used_at, found.ends_at = now, now + _IDLE

    def add_resource_server(self, server: ResourceServer, name: str, now: datetime) -> None:  # noqa: ARG002
        """Store a resource server with a name for the operator."""
        self._servers[server.id] = (name, server)

    def find_resource_server(self, server_id: str) -> ResourceServer | None:
        """Return a resource server."""
        found = self._servers.get(server_id)
        return None if found is None else found[1]

    def _sweep_registrations(self, now: datetime, limit: int) -> int:
        return drop(self._registrations, lambda kept: kept.ends_at <= now, limit)

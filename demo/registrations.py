"""Dynamically registered apps: removed when unused, and bounded in number."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from demo.models import RegistrationRow, db
from flask_cimd.oauth import Registration

#: A registration that the owner does not approve within this time ends.
UNUSED = timedelta(days=1)
#: A registration without an approval or a refresh for this time ends; refresh tokens live as long.
IDLE = timedelta(days=90)
#: Registrations that wait for a first approval; simultaneous requests may exceed it slightly.
MOST_UNUSED = 200

_registration = RegistrationRow.__table__


class DatabaseRegistrations:
    """`flask_cimd.oauth.RegistrationStorage` on the site's database."""

    def add(self, registration: Registration, now: datetime) -> bool:
        """Store a registration; ``False`` if too many wait for a first approval."""
        waiting = select(func.count()).select_from(_registration).where(_registration.c.used_at.is_(None))
        with db.engine.begin() as connection:
            connection.execute(delete(_registration).where(~_is_alive(now)))
            if connection.execute(waiting).scalar_one() >= MOST_UNUSED:
                return False
            connection.execute(
                insert(_registration).values(
                    client_id=registration.client_id,
                    members=registration.members,
                    created_at=registration.created_at.timestamp(),
                )
            )
        return True

    def find(self, client_id: str, now: datetime) -> Registration | None:
        """Return a registration, unless it has ended."""
        query = select(_registration).where(_registration.c.client_id == client_id, _is_alive(now))
        with db.engine.connect() as connection:
            row = connection.execute(query).first()
        if row is None:
            return None
        created_at = datetime.fromtimestamp(row.created_at, UTC)
        return Registration(client_id=row.client_id, members=row.members, created_at=created_at)


def note_use(connection: Connection, client_id: str, now: datetime) -> None:
    """Note that a grant of the app began or was refreshed, in the transaction of that grant."""
    mine = _registration.c.client_id == client_id
    connection.execute(update(_registration).where(mine).values(used_at=now.timestamp()))


def _is_alive(now: datetime) -> Any:
    used_at, created_at = _registration.c.used_at, _registration.c.created_at
    lately = func.coalesce(used_at, 0) > (now - IDLE).timestamp()
    return lately | (used_at.is_(None) & (created_at > (now - UNUSED).timestamp()))

"""The time zone of the owner: days begin in it, and pages show instants in it."""

from __future__ import annotations

from functools import cache
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from flask import g
from sqlalchemy import select, update

from flask_cimd_site.account.tables import AccountRow
from flask_cimd_site.models import db
from flask_cimd_site.services import services

#: Regions of the names that people know their zone by; the others are aliases.
_REGIONS = tuple(
    f"{region}/" for region in (
        "Africa", "America", "Antarctica", "Arctic", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific"
    )
)  # fmt: skip
_ZONE: Any = select(AccountRow.__table__.c.zone)


@cache
def choices() -> tuple[str, ...]:
    """Return the IANA names that the owner can choose from, in alphabetical order; ``UTC`` is the last."""
    return (*sorted(name for name in available_timezones() if name.startswith(_REGIONS)), "UTC")


def name() -> str:
    """Return the IANA name of the owner's zone: the one that they chose, else the one of ``DEMO_ZONE``."""
    if "owner_zone" not in g:
        with db.engine.connect() as connection:
            chosen = connection.execute(_ZONE).scalar()
        # The system may have forgotten a zone since.
        g.owner_zone = chosen if chosen in choices() else services().configuration.zone
    found: str = g.owner_zone
    return found


def current() -> ZoneInfo:
    """Return the owner's zone."""
    return ZoneInfo(name())


def choose(chosen: str) -> bool:
    """Keep the owner's choice; ``False`` if it is none of `choices`."""
    if chosen not in choices():
        return False
    with db.engine.begin() as connection:
        connection.execute(update(AccountRow).values(zone=chosen))
    g.pop("owner_zone", None)
    return True

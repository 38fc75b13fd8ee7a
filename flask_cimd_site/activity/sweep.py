"""The end of old events."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select

from flask_cimd_site.activity.kinds import BY_STRANGERS
from flask_cimd_site.activity.tables import ActivityRow
from flask_cimd_site.models import db

KEPT = timedelta(days=400)
#: Events of one kind that strangers can cause; older ones give way, since nothing else bounds their number.
MOST_OF_A_KIND = 20_000
_activity: Any = ActivityRow.__table__


def sweep(now: datetime, limit: int) -> int:
    """Delete at most ``limit`` events that are too old, and return their number."""
    with db.engine.begin() as connection:
        too_old = _activity.c.at < (now - KEPT).timestamp()
        swept = _delete(connection, too_old, limit)
        for kind in sorted(BY_STRANGERS):
            of_kind = _activity.c.kind == kind
            newest_too_many = select(_activity.c.at).where(of_kind).order_by(_activity.c.at.desc())
            at = connection.execute(newest_too_many.offset(MOST_OF_A_KIND).limit(1)).scalar()
            if at is not None and swept < limit:
                swept += _delete(connection, of_kind & (_activity.c.at <= at), limit - swept)
    return swept


def _delete(connection: Any, which: Any, limit: int) -> int:
    oldest = select(_activity.c.id).where(which).order_by(_activity.c.at, _activity.c.id).limit(limit)
    deleted: int = connection.execute(delete(_activity).where(_activity.c.id.in_(oldest))).rowcount
    return deleted

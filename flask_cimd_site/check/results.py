"""Storage of results: each has a link that nobody can guess, ends after a week, and gives way to newer ones."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, insert, select

from flask_cimd.clients import Explanation, pack_explanation, unpack_explanation
from flask_cimd.core import digest_of
from flask_cimd_site.check.tables import CheckResultRow
from flask_cimd_site.models import db

KEPT = timedelta(days=7)
#: Results that are kept at the same time, and bytes of one: 25 MB at most.
MOST, LARGEST = 500, 50_000
#: 144 random bits.
_BYTES = 18
_NAME = re.compile(r"[A-Za-z0-9_-]{24}")
_results: Any = CheckResultRow.__table__


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A stored result; ``ends_at`` may be in the past until the next sweep."""

    found: Explanation
    made_at: datetime
    ends_at: datetime


def keep(found: Explanation, now: datetime) -> str | None:
    """Store a result and return the name of its link; ``None`` if it is larger than `LARGEST` bytes."""
    text = pack_explanation(found)
    if len(text) > LARGEST:  # JSON in ASCII: characters are bytes
        return None
    name = secrets.token_urlsafe(_BYTES)
    with db.engine.begin() as connection:
        connection.execute(insert(_results).values(key=digest_of(name), made_at=now.timestamp(), result=text))
        newest = select(_results.c.key).order_by(_results.c.made_at.desc(), _results.c.key).limit(MOST)
        if connection.execute(select(func.count()).select_from(_results)).scalar_one() > MOST:
            connection.execute(delete(_results).where(_results.c.key.not_in(newest)))
    return name


def find(name: str) -> Result | None:
    """Return the result behind a link, also one that has ended; ``None`` if there is none."""
    if not _NAME.fullmatch(name):
        return None
    with db.engine.connect() as connection:
        row = connection.execute(select(_results).where(_results.c.key == digest_of(name))).first()
    if row is None:
        return None
    made_at = datetime.fromtimestamp(row.made_at, UTC)
    return Result(found=unpack_explanation(row.result), made_at=made_at, ends_at=made_at + KEPT)


def sweep(now: datetime, limit: int) -> int:
    """Delete at most ``limit`` results that ended more than a week ago, and return their number.

    Until then their links tell that the result has ended, rather than that there was none.
    """
    over = select(_results.c.key).where(_results.c.made_at < (now - 2 * KEPT).timestamp()).limit(limit)
    with db.engine.begin() as connection:
        deleted: int = connection.execute(delete(_results).where(_results.c.key.in_(over))).rowcount
    return deleted

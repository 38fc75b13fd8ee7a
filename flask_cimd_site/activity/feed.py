"""The secret address of the activity log's feed.

The address is derived from a random value in the database and the key of the site: a copy of the database alone does
not hold it, and the page can show it at any time.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select

from flask_cimd_site.activity.tables import FeedRow
from flask_cimd_site.models import db
from flask_cimd_site.services import services

_feed: Any = FeedRow.__table__
_ONLY = 1
_FIND = select(_feed.c.nonce).where(_feed.c.id == _ONLY)


def secret() -> str | None:
    """Return the last part of the address, or ``None`` while there is no feed."""
    with db.engine.connect() as connection:
        nonce = connection.execute(_FIND).scalar()
    return None if nonce is None else _derived(nonce)


def renew(now: datetime) -> None:
    """Give the feed a new address; the one before ends."""
    with db.engine.begin() as connection:
        connection.execute(delete(_feed))
        connection.execute(insert(_feed).values(id=_ONLY, nonce=secrets.token_hex(16), created_at=now.timestamp()))


def end() -> None:
    """End the feed."""
    with db.engine.begin() as connection:
        connection.execute(delete(_feed))


def opens(given: str) -> bool:
    """Return whether this is the last part of the address, in constant time."""
    known = secret()
    return known is not None and hmac.compare_digest(given.encode(), known.encode())


def _derived(nonce: str) -> str:
    key = services().configuration.secret_key.encode()
    return hmac.new(key, f"activity feed {nonce}".encode(), hashlib.sha256).hexdigest()[:40]

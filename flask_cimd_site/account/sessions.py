"""Sessions of the owner, kept in the database: the cookie holds a random id, the database its digest alone.

The id is a member of Flask's session, so that a CSRF token belongs to one login: a login and a log-out begin a new one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from secrets import token_urlsafe
from typing import Any

from flask import Flask, g, session
from sqlalchemy import bindparam, delete, insert, or_, select, update

from flask_cimd.core import digest_of
from flask_cimd_site import visitor
from flask_cimd_site.account.tables import SessionRow
from flask_cimd_site.models import db
from flask_cimd_site.services import services

#: Longest life of a session, and its longest rest between two requests.
LONGEST, IDLE = timedelta(days=30), timedelta(days=7)
#: Time between two notes of when a session was last seen.
_NOTED_EVERY = timedelta(minutes=1)
_MEMBER = "owner"
#: Member of `flask.g` with the session of this request.
_MEMO = "owner_session"

_sessions: Any = SessionRow.__table__
#: Sent by every request of a browser that has logged in.
_FIND = select(_sessions).where(_sessions.c.digest == bindparam("own"))


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerSession:
    """A session of the owner.

    Attributes:
        id: names the session in lists; it opens nothing.
        created_at: time of the login.
        proved_at: time at which the owner last logged in or was checked in this session.
        seen_at: time of the last request, to the minute.
        method: how the owner logged in.
        browser: browser and system, such as ``Firefox on Linux``.
        network: address of the login, shortened to the /24 of IPv4 or the /48 of IPv6.
    """

    id: int
    created_at: datetime
    proved_at: datetime
    seen_at: datetime
    method: str
    browser: str
    network: str

    def lives(self, now: datetime) -> bool:
        """Return whether the session has not ended by its age or by its rest."""
        return now < self.created_at + LONGEST and now < self.seen_at + IDLE


def init_app(app: Flask) -> None:
    """Let the cookie of a login live as long as its session may."""
    app.config.update(PERMANENT_SESSION_LIFETIME=LONGEST, SESSION_REFRESH_EACH_REQUEST=False)


def begin(method: str) -> None:
    """Begin a session in this browser, in place of the one that it has."""
    now = services().clock().timestamp()
    with db.engine.begin() as connection:
        connection.execute(delete(_sessions).where(or_(_sessions.c.digest == _digest(), _has_ended(now))))
        secret = token_urlsafe(32)
        connection.execute(
            insert(_sessions).values(
                digest=digest_of(secret),
                created_at=now,
                proved_at=now,
                seen_at=now,
                method=method,
                browser=visitor.browser()[:64],
                network=visitor.network()[:64],
            )
        )
    session.clear()  # session fixation: no member of the session before the login is kept
    session[_MEMBER] = secret
    session.permanent = True
    g.pop(_MEMO, None)


def end() -> None:
    """End the session of this browser; a copy of its cookie is dead, too."""
    with db.engine.begin() as connection:
        connection.execute(delete(_sessions).where(_sessions.c.digest == _digest()))
    session.clear()
    g.pop(_MEMO, None)


def end_others() -> int:
    """End all sessions but that of this browser, and return how many."""
    with db.engine.begin() as connection:
        return int(connection.execute(delete(_sessions).where(_sessions.c.digest != _digest())).rowcount)


def end_one(session_id: int) -> bool:
    """End the session with this id; ``False`` if there is none."""
    with db.engine.begin() as connection:
        ended = connection.execute(delete(_sessions).where(_sessions.c.id == session_id)).rowcount
    g.pop(_MEMO, None)
    return bool(ended)


def end_all() -> int:
    """End all sessions, and return how many."""
    with db.engine.begin() as connection:
        return int(connection.execute(delete(_sessions)).rowcount)


def living() -> list[OwnerSession]:
    """Return the sessions that have not ended, the latest first."""
    now = services().clock()
    with db.engine.connect() as connection:
        rows = connection.execute(select(_sessions).order_by(_sessions.c.seen_at.desc(), _sessions.c.id.desc())).all()
    return [found for row in rows if (found := _read(row)).lives(now)]


def prove() -> None:
    """Note that the owner has just proved, in this session, to be there."""
    now = services().clock().timestamp()
    with db.engine.begin() as connection:
        connection.execute(update(_sessions).where(_sessions.c.digest == _digest()).values(proved_at=now, seen_at=now))
    g.pop(_MEMO, None)


def current() -> OwnerSession | None:
    """Return the session of this request, or ``None``; at most one query a request, and one note a minute."""
    if _MEMBER not in session:
        return None
    if _MEMO not in g:
        setattr(g, _MEMO, _load())
    found: OwnerSession | None = g.get(_MEMO)
    return found


def _load() -> OwnerSession | None:
    with db.engine.connect() as connection:
        row = connection.execute(_FIND, {"own": _digest()}).first()
    found, now = None if row is None else _read(row), services().clock()
    if found is None or not found.lives(now):
        return None
    if now - found.seen_at >= _NOTED_EVERY:
        with db.engine.begin() as connection:
            connection.execute(update(_sessions).where(_sessions.c.id == found.id).values(seen_at=now.timestamp()))
    return found


def _read(row: Any) -> OwnerSession:
    instants = {
        name: datetime.fromtimestamp(getattr(row, name), UTC) for name in ("created_at", "proved_at", "seen_at")
    }
    return OwnerSession(id=row.id, method=row.method, browser=row.browser, network=row.network, **instants)


def _has_ended(now: float) -> Any:
    created, seen = now - LONGEST.total_seconds(), now - IDLE.total_seconds()
    return or_(_sessions.c.created_at <= created, _sessions.c.seen_at <= seen)


def _digest() -> str:
    return digest_of(str(session.get(_MEMBER, "")))

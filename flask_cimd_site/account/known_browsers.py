"""Browsers in which the owner has logged in, known by a random cookie: strangers' guesses do not lock them out."""

from __future__ import annotations

from datetime import timedelta
from secrets import token_urlsafe
from typing import Any

from flask import Response, after_this_request, request
from sqlalchemy import delete, select, update

from flask_cimd.core import digest_of
from flask_cimd_site.account.tables import KnownBrowserRow
from flask_cimd_site.models import db, insert_into
from flask_cimd_site.services import services

#: Longest time that browsers keep a cookie.
_LIFE = timedelta(days=400)
#: Browsers that are kept; the one that was not used for the longest time goes first.
_MOST = 50
_known: Any = KnownBrowserRow.__table__


def known() -> str | None:
    """Return the digest of this browser's cookie if the owner has logged in here before."""
    digest = _presented()
    if digest is None:
        return None
    with db.engine.connect() as connection:
        oldest = services().clock().timestamp() - _LIFE.total_seconds()
        found = connection.execute(
            select(_known.c.digest).where(_known.c.digest == digest, _known.c.seen_at > oldest)
        ).first()
    return None if found is None else digest


def remember() -> None:
    """Know this browser from now on; it keeps the cookie that it has if that one is known."""
    now, digest = services().clock().timestamp(), known()
    with db.engine.begin() as connection:
        if digest is not None:
            connection.execute(update(_known).where(_known.c.digest == digest).values(seen_at=now))
            return
        secret = token_urlsafe(32)
        added = insert_into(_known, connection.dialect.name).values(digest=digest_of(secret), seen_at=now)
        connection.execute(added.on_conflict_do_nothing())
        kept = select(_known.c.digest).order_by(_known.c.seen_at.desc()).limit(_MOST)
        connection.execute(delete(_known).where(_known.c.digest.not_in(kept)))
    _give(secret)


def forget_all() -> None:
    """Know no browser any more."""
    with db.engine.begin() as connection:
        connection.execute(delete(_known))


def _give(secret: str) -> None:
    is_https = services().configuration.is_https

    @after_this_request
    def add(answer: Response) -> Response:
        answer.set_cookie(_cookie(), secret, max_age=_LIFE, secure=is_https, httponly=True, samesite="Lax", path="/")
        return answer


def _presented() -> str | None:
    secret = request.cookies.get(_cookie())
    return digest_of(secret) if secret else None


def _cookie() -> str:
    return "__Host-browser" if services().configuration.is_https else "site_browser"

"""Writing to the activity log.

An event of a request is written when its view has returned, in a transaction of its own: the event of a refused request
is kept although the request changed nothing, and the view may hold a transaction of SQLite, which has one writer.
"""

from __future__ import annotations

import logging
from typing import Any

from blinker import Signal
from flask import Response, after_this_request, current_app, g, has_request_context
from sqlalchemy import Connection, Select, insert, select
from sqlalchemy.exc import SQLAlchemyError

from flask_cimd.core import WebURL, safe_text
from flask_cimd_site import visitor
from flask_cimd_site.activity.kinds import NOTABLE, Kind
from flask_cimd_site.activity.tables import ActivityRow, NoticeRow
from flask_cimd_site.models import db
from flask_cimd_site.services import services

logger = logging.getLogger(__name__)

#: Something was recorded; ``kind``. The sender is the app.
recorded = Signal()

FAILURES_IN_A_ROW = 10
_LONGEST_APP = 2048
_LONGEST_DETAIL = 500
#: Events of one request.
_MOST_EVENTS = 20
_activity: Any = ActivityRow.__table__
_notice: Any = NoticeRow.__table__


def record(kind: Kind, *, app: str | None = None, detail: str | None = None) -> None:
    """Add an event to the activity log; never raises, and never fails the request.

    Within a request, the event is written after the view; elsewhere, as in a command, at once. Browser and network of
    the request are added, shortened.

    Args:
        kind: what happened.
        app: ``client_id`` of the app that it is about.
        detail: a few words such as scopes, the slug of a refusal or the name of a key, cut to 500 characters; text of
            strangers is welcome, secrets (passwords, codes, tokens, links that log in) are not.
    """
    recorded.send(current_app._get_current_object(), kind=str(kind))  # type: ignore[attr-defined]  # werkzeug's proxy
    app = safe_text(app, _LONGEST_APP)
    event = {
        "at": services().clock().timestamp(),
        "kind": str(kind),
        "app": app or None,
        "host": host_of(app),
        "detail": safe_text(detail, _LONGEST_DETAIL),
        "browser": visitor.browser(),
        "network": visitor.network()[:64],
    }
    if not has_request_context():
        _write([event])
        return
    if "activity" not in g:
        g.activity = []
        after_this_request(_write_those_of_the_request)
    if len(g.activity) < _MOST_EVENTS:
        g.activity.append(event)


def host_of(app: str) -> str:
    """Return the host of an app's URL, or the first 255 characters of another identifier, in lower case."""
    url = WebURL.parse(app)
    return (app if url is None else url.host).lower()[:255]


def _write_those_of_the_request(answer: Response) -> Response:
    _write(g.pop("activity", []))
    return answer


def _write(events: list[dict[str, Any]]) -> None:
    try:
        with db.engine.begin() as connection:
            for event in events:
                _add(connection, event)
                if event["kind"] == Kind.LOGIN_FAILED and _are_many_failures(connection):
                    _add(connection, {**event, "kind": str(Kind.LOGIN_FAILURES), "detail": ""})
    except SQLAlchemyError as exc:
        kinds = ", ".join(event["kind"] for event in events)
        logger.error("the activity log cannot be written: %s; lost: %s", type(exc).__name__, kinds)  # noqa: TRY400  a line, no traceback: a full disk fails every request


def _add(connection: Connection, event: dict[str, Any]) -> None:
    number = connection.execute(insert(_activity).values(event).returning(_activity.c.id)).scalar_one()
    if event["kind"] in NOTABLE:
        connection.execute(insert(_notice).values(activity_id=number))


def _are_many_failures(connection: Connection) -> bool:
    """Return whether the last ten attempts failed; ``False`` while an unread notice says so."""
    is_told = select(_notice.c.activity_id).join(_activity).where(_activity.c.kind == Kind.LOGIN_FAILURES).limit(1)
    if connection.execute(is_told).first():
        return False
    failures = connection.execute(_newest(Kind.LOGIN_FAILED, FAILURES_IN_A_ROW)).scalars().all()
    breaks = (connection.execute(_newest(kind, 1)).scalar() or 0 for kind in (Kind.LOGIN, Kind.LOGIN_FAILURES))
    return len(failures) == FAILURES_IN_A_ROW and min(failures) > max(breaks)


def _newest(kind: Kind, most: int) -> Select[Any]:
    of_kind = select(_activity.c.id).where(_activity.c.kind == kind)
    return of_kind.order_by(_activity.c.at.desc(), _activity.c.id.desc()).limit(most)

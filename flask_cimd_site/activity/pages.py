"""The page of the activity log, its files and its feed."""

from __future__ import annotations

from collections.abc import Iterator

from flask import (
    Blueprint,
    Flask,
    Response,
    abort,
    flash,
    redirect,
    render_template,
    request,
    stream_with_context,
    url_for,
)
from flask_babel import gettext as _
from flask_babel import ngettext
from lxml import etree
from lxml.builder import ElementMaker

from flask_cimd_site.account.login import owner_only
from flask_cimd_site.activity import export, feed, reading
from flask_cimd_site.activity.kinds import BY_STRANGERS, NOTABLE, TEXTS, Kind
from flask_cimd_site.activity.log import record
from flask_cimd_site.activity.reading import Event, Filter, FilterError
from flask_cimd_site.frame import Notice, add_notices
from flask_cimd_site.services import services

blueprint = Blueprint("activity", __name__)

_FORMATS = {"csv": (export.as_csv, "text/csv; charset=utf-8"), "json": (export.as_json, "application/json")}
_FEED_SIZE = 50
_MOST_DIGITS = 15
_ATOM = ElementMaker(namespace="http://www.w3.org/2005/Atom", nsmap={None: "http://www.w3.org/2005/Atom"})
#: Strangers cannot push what matters out of the feed.
_IN_FEED = [kind for kind in Kind if kind not in BY_STRANGERS]


def init_app(app: Flask) -> None:
    """Let every page of the owner tell of unread events."""
    add_notices(app, notices)


@blueprint.get("/activity")
@owner_only
def show() -> str | tuple[str, int]:
    """Show one page of the log; the query filters it."""
    try:
        wanted = Filter.parse(request.args)
        events, following = reading.page(wanted, request.args.get("before", ""))
    except FilterError:
        return _page(Filter(), [], None, problem=_("This filter cannot be read. Choose again.")), 400
    return _page(wanted, events, following)


@blueprint.get("/activity/export.<format>")
@owner_only
def export_file(format: str) -> Response:  # noqa: A002  the name in the address
    """Send the events of a filter as a file."""
    if format not in _FORMATS:
        abort(404)
    try:
        wanted = Filter.parse(request.args)
    except FilterError:
        abort(400)
    write, media_type = _FORMATS[format]
    answer = Response(stream_with_context(write(reading.everything(wanted))), content_type=media_type)
    answer.headers["Content-Disposition"] = f'attachment; filename="activity.{format}"'
    return answer


@blueprint.post("/activity/read")
@owner_only
def mark_read() -> Response:
    """Note that the owner has read the events that the page showed."""
    given = request.form.getlist("event")
    reading.mark_read([int(text) for text in given if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS])
    flash(_("Marked as read."))
    return _back()


@blueprint.post("/activity/feed")
@owner_only
def change_feed() -> Response:
    """Begin the feed, give it a new address, or end it."""
    if "end" in request.form:
        feed.end()
        flash(_("The feed has ended. Its address does not work any more."))
    else:
        feed.renew(services().clock())
        record(Kind.FEED_RENEWED)
        flash(_("The feed has a new address. The one before does not work any more."))
    return _back()


@blueprint.get("/activity/feed/<secret>.atom")
def show_feed(secret: str) -> Response:
    """Serve the newest events, but for those that strangers cause at will, to whoever knows the address."""
    if not feed.opens(secret):
        abort(404)
    here = services()
    events = reading.newest(_IN_FEED, _FEED_SIZE)
    updated = events[0].at if events else here.clock()
    address = here.configuration.base_url + "/activity"
    document = _ATOM.feed(
        _ATOM.title(_("Activity")),
        _ATOM.id(address),
        _ATOM.link(rel="alternate", href=address),
        _ATOM.updated(updated.isoformat(timespec="seconds")),
        _ATOM.author(_ATOM.name(here.identity.owner().name)),
        *(_entry(event, address) for event in events),
    )
    body = etree.tostring(document, xml_declaration=True, encoding="utf-8")
    return Response(body, content_type="application/atom+xml; charset=utf-8")


def notices() -> Iterator[Notice]:
    """Return one notice for each kind of unread events, the newest first; one query.

    The page of the log has these events themselves.
    """
    events = [] if request.endpoint == "activity.show" else reading.unread()
    for kind in dict.fromkeys(event.kind for event in events):
        of_kind = [event for event in events if event.kind == kind]
        text = _describe(of_kind[0])
        if more := len(of_kind) - 1:
            text += " " + ngettext("(and one more)", "(and %(num)d more)", more)
        yield Notice(text=text, address=url_for("activity.show"), link=_("Look at it"))


def _describe(event: Event) -> str:
    return f"{event.opening} {event.host}" if event.host else event.text


def _page(wanted: Filter, events: list[Event], following: str | None, problem: str | None = None) -> str:
    secret = feed.secret()
    return render_template(
        "activity.html",
        events=events,
        wanted=wanted,
        problem=problem,
        kinds={kind.value: str(text) for kind, text in TEXTS.items()},
        notable={str(kind) for kind in NOTABLE},
        unread=reading.unread(),
        older=url_for("activity.show", **wanted.as_query(), before=following) if following else None,
        is_first="before" not in request.args,
        feed_url=services().configuration.base_url + url_for("activity.show_feed", secret=secret) if secret else None,
    )


def _back() -> Response:
    return redirect(url_for("activity.show"), code=303)  # type: ignore[return-value]  # Werkzeug's type of Flask's Response


def _entry(event: Event, address: str) -> etree._Element:
    details = [event.app, event.detail, event.browser, event.network]
    return _ATOM.entry(
        _ATOM.title(_describe(event)),
        _ATOM.id(f"{address}#{event.id}"),
        _ATOM.link(rel="alternate", href=address),
        _ATOM.updated(event.at.isoformat(timespec="seconds")),
        _ATOM.content("\n".join(detail for detail in details if detail), type="text"),
    )

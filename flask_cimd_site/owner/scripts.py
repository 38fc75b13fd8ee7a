"""The page of tokens for scripts: made by hand, shown once, listed and ended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from flask_cimd.core import NAME_LIMIT, safe_text
from flask_cimd_site.account import zones
from flask_cimd_site.account.fresh import fresh_owner_only
from flask_cimd_site.account.login import owner_only
from flask_cimd_site.activity import Kind, record
from flask_cimd_site.owner import script_tokens
from flask_cimd_site.provider.resource_servers import named_resources
from flask_cimd_site.provider.scopes import NOTES_SCOPES, SCOPE_TEXTS
from flask_cimd_site.services import services

blueprint = Blueprint("scripts", __name__)

_PRESET = timedelta(days=90)
#: Apps of the AT Protocol prove a key with each request, so a token that is only copied would not do.
_NOT_FOR_SCRIPTS = "atproto"


class _ProblemError(ValueError):
    """The form cannot be taken; ``args[0]`` says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wish:
    name: str
    scopes: list[str]
    resources: dict[str, str]
    ends_at: datetime


@blueprint.get("/tokens")
@owner_only
def show() -> str:
    """Show the tokens that live, and the form for a new one."""
    return _page()


@blueprint.post("/tokens")
@fresh_owner_only
def make() -> str | tuple[str, int]:
    """Make a token and show it, this once."""
    try:
        wish = _read()
    except _ProblemError as problem:
        return _page(problem=str(problem)), 400
    secret = script_tokens.make(wish.name, scopes=wish.scopes, resources=wish.resources, ends_at=wish.ends_at)
    record(Kind.TOKEN_MADE, detail=f"{wish.name}: {' '.join(wish.scopes)}")
    return _page(secret=secret, name=wish.name)


@blueprint.post("/tokens/end")
@owner_only
def end() -> Response:
    """End a token."""
    name = script_tokens.end(request.form.get("id", "")[:32], services().clock())
    if name is None:
        abort(404)
    record(Kind.TOKEN_ENDED, detail=name)
    flash(_("The token “%(name)s” has ended.", name=name))
    return redirect(url_for("scripts.show"), code=303)


def _page(*, problem: str | None = None, secret: str | None = None, name: str = "") -> str:
    now = services().clock()
    form = request.form if problem else None
    return render_template(
        "tokens.html",
        tokens=script_tokens.living(now),
        problem=problem,
        secret=secret,
        new_name=name,
        typed_name=safe_text(form.get("name"), NAME_LIMIT) if form else "",
        chosen=set(form.getlist("scope")) if form else {"create"},
        places_chosen=set(form.getlist("resource")) if form else {services().server.issuer},
        scopes=_scopes(),
        scope_texts=SCOPE_TEXTS,
        places=_places(),
        preset=(_today() + _PRESET).isoformat(),
        first=(_today() + timedelta(days=1)).isoformat(),
        last=(_today() + script_tokens.LONGEST - timedelta(days=1)).isoformat(),
        name_limit=NAME_LIMIT,
    )


def _read() -> _Wish:
    name = safe_text(request.form.get("name"), NAME_LIMIT)
    offered, places = _scopes(), _places()
    scopes = [scope for scope in offered if scope in request.form.getlist("scope")]
    resources = {url: text for url, text in places.items() if url in request.form.getlist("resource")}
    if not name:
        raise _ProblemError(_("Enter a name, so that you recognise the token later."))
    if not scopes:
        raise _ProblemError(_("Choose what the script may do."))
    if not resources:
        raise _ProblemError(_("Choose where the token works."))
    if len(script_tokens.living(services().clock())) >= script_tokens.MOST:
        raise _ProblemError(_("There are %(most)d tokens already. End one of them first.", most=script_tokens.MOST))
    return _Wish(name=name, scopes=scopes, resources=resources, ends_at=_end(request.form.get("ends", "")))


def _end(text: str) -> datetime:
    """Return the end of a day in the zone of the owner."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = date.min
    today = _today()
    if not today < day < today + script_tokens.LONGEST:
        raise _ProblemError(_("Choose a day from tomorrow on, within a year."))
    return datetime.combine(day, time.max.replace(microsecond=0), tzinfo=zones.current())


def _today() -> date:
    return services().clock().astimezone(zones.current()).date()


def _scopes() -> dict[str, str]:
    """Return the scopes that a script can use here, with their sentences."""
    here = services().configuration
    left_out = {_NOT_FOR_SCRIPTS, *(() if here.owner_email else ("email",)), *(() if here.mcp_url else NOTES_SCOPES)}
    return {scope: text for scope, text in SCOPE_TEXTS.items() if scope not in left_out}


def _places() -> dict[str, str]:
    return {services().server.issuer: _("This site: posts, pictures and who you are")} | named_resources()

"""The owner's way in: one password, one form, no script."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from flask import Blueprint, redirect, render_template, request, session, url_for
from werkzeug.wrappers import Response

from demo.security import allow_leaving
from demo.services import services

blueprint = Blueprint("login", __name__)

#: How long after a login the page that asked for it may count on it.
_ON_THE_WAY = timedelta(minutes=1)


@blueprint.get("/login")
def show() -> Response | str:
    """Show the form, or go on if the owner is logged in and that is enough."""
    target = _local(request.args.get("next"))
    is_theirs = is_logged_in()
    return redirect(target, code=303) if is_theirs and "again" not in request.args else _form(target, again=is_theirs)


@blueprint.post("/login")
def log_in() -> Response | tuple[str, int]:
    """Check the password and start a fresh session."""
    target = _local(request.form.get("next"))
    if not _same(request.form.get("password", ""), services().configuration.owner_password):
        return _form(target, failed=True), 403
    session.clear()  # nothing that was set before the login survives it
    session["owner"] = _password_mark()
    session["id"] = secrets.token_urlsafe(16)
    session["since"] = services().clock().timestamp()
    session["came_for"] = _page(target)
    return redirect(target, code=303)


@blueprint.post("/logout")
def log_out() -> Response:
    """End the session."""
    session.clear()
    return redirect(url_for("home.show"), code=303)


def is_logged_in() -> bool:
    """Say whether this browser is the owner's; a changed password ends every session."""
    return _same(str(session.get("owner", "")), _password_mark())


def logged_in_at() -> datetime | None:
    """Return when this browser's session began with the password."""
    since = session.get("since")
    return None if since is None else datetime.fromtimestamp(since, UTC)


def has_logged_in_within(max_age: int) -> bool:
    """Say whether the login is younger than so many seconds, or was just now made for this very page.

    The second counts once: whoever opens the page again with ``max_age`` 0 is asked again, and nobody twice.
    """
    since = logged_in_at()
    age = services().clock() - since if since else timedelta.max
    came_for_this = session.pop("came_for", "") == _page(request.full_path)
    return age < timedelta(seconds=max_age) or (came_for_this and age < _ON_THE_WAY)


def session_id() -> str:
    """Return the name of the owner's session, to which requests for consent are bound."""
    return str(session["id"])


def owner_only(view: Callable[..., Any]) -> Callable[..., Any]:
    """Send everybody else to the login form."""

    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        if is_logged_in():
            return view(*args, **kwargs)
        target = request.full_path if request.method == "GET" else url_for("home.show")
        return redirect(url_for("login.show", next=target.rstrip("?")), code=303)

    return guarded


def _form(target: str, *, failed: bool = False, again: bool = False) -> str:
    if target.startswith(url_for("authorize.ask")):
        allow_leaving()  # the form's redirects may end at the app
    development = services().configuration.development
    return render_template("login.html", next=target, failed=failed, again=again, development=development)


def _local(target: str | None) -> str:
    """Return the target if it is a path of this site; anything else leads home."""
    plain = target is not None and target.isascii() and target.isprintable() and "\\" not in target
    return (
        target if target and plain and target.startswith("/") and not target.startswith("//") else url_for("home.show")
    )


def _password_mark() -> str:
    configuration = services().configuration
    return hmac.new(
        configuration.secret_key.encode(), configuration.owner_password.encode(), hashlib.sha256
    ).hexdigest()


def _page(target: str) -> str:
    """Return a short name for a path with its query; browsers may write the same one in different ways."""
    parts = urlsplit(target)
    return hashlib.sha256(repr((parts.path, parse_qsl(parts.query))).encode()).hexdigest()


def _same(given: str, expected: str) -> bool:
    # Digests first: the time of the comparison must not tell the length.
    digests = (hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest() for text in (given, expected))
    return hmac.compare_digest(*digests)

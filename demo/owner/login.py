"""The login of the owner: one password, one HTML form, no JavaScript."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from datetime import UTC, datetime
from functools import wraps
from typing import Any

from flask import Blueprint, redirect, render_template, request, session, url_for
from werkzeug.wrappers import Response

from demo.security import allow_leaving
from demo.services import services

blueprint = Blueprint("login", __name__)


@blueprint.get("/login")
def show() -> Response | str:
    """Show the form; redirect to ``next`` if the owner is logged in, unless ``again`` asks for a new login."""
    target = _local(request.args.get("next"))
    is_theirs = is_logged_in()
    return redirect(target, code=303) if is_theirs and "again" not in request.args else _form(target, again=is_theirs)


@blueprint.post("/login")
def log_in() -> Response | tuple[str, int]:
    """Check the password and begin a new session."""
    target = _local(request.form.get("next"))
    if not _same(request.form.get("password", ""), services().configuration.owner_password):
        return _form(target, failed=True), 403
    session.clear()  # session fixation: no member of the session before the login is kept
    session["owner"] = _password_mark()
    session["since"] = services().clock().timestamp()
    return redirect(target, code=303)


@blueprint.post("/logout")
def log_out() -> Response:
    """End the session."""
    session.clear()
    return redirect(url_for("home.show"), code=303)


def is_logged_in() -> bool:
    """Say whether the session is that of the owner; a changed password ends every session."""
    return _same(str(session.get("owner", "")), _password_mark())


def logged_in_at() -> datetime | None:
    """Return the time of the login of this session."""
    since = session.get("since")
    return None if since is None else datetime.fromtimestamp(since, UTC)


def owner_only(view: Callable[..., Any]) -> Callable[..., Any]:
    """Redirect requests without the session of the owner to the login form."""

    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        if is_logged_in():
            return view(*args, **kwargs)
        target = request.full_path if request.method == "GET" else url_for("home.show")
        return redirect(url_for("login.show", next=target.rstrip("?")), code=303)

    return guarded


def _form(target: str, *, failed: bool = False, again: bool = False) -> str:
    if target.startswith("/authorize"):
        allow_leaving()  # the redirects after the form may end at the app
    development = services().configuration.development
    return render_template("login.html", next=target, failed=failed, again=again, development=development)


def _local(target: str | None) -> str:
    """Return the target if it is a path of this site, else the path of the home page."""
    plain = target is not None and target.isascii() and target.isprintable() and "\\" not in target
    return (
        target if target and plain and target.startswith("/") and not target.startswith("//") else url_for("home.show")
    )


def _password_mark() -> str:
    configuration = services().configuration
    return hmac.new(
        configuration.secret_key.encode(), configuration.owner_password.encode(), hashlib.sha256
    ).hexdigest()


def _same(given: str, expected: str) -> bool:
    # Digests have one length, so the time of the comparison does not reveal the length of the password.
    digests = (hashlib.sha256(text.encode()).digest() for text in (given, expected))
    return hmac.compare_digest(*digests)

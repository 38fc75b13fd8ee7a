"""The login of the owner: an HTML form without JavaScript."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from demo.account import passwords, sessions
from demo.security import allow_leaving
from demo.services import services

blueprint = Blueprint("login", __name__)


@blueprint.get("/login")
def show() -> Response | str:
    """Show the form; redirect to ``next`` if the owner is logged in, unless ``again`` asks for a new login."""
    target = local_path(request.args.get("next"))
    is_theirs = is_logged_in()
    return redirect(target, code=303) if is_theirs and "again" not in request.args else _form(target, again=is_theirs)


@blueprint.post("/login")
def log_in() -> Response | tuple[str, int]:
    """Check the password and begin a new session."""
    target = local_path(request.form.get("next"))
    if not passwords.is_right(request.form.get("password", "")):
        return _form(target, failed=True), 403
    sessions.begin("password")
    return redirect(target, code=303)


@blueprint.post("/logout")
def log_out() -> Response:
    """End the session."""
    sessions.end()
    return redirect(url_for("home.show"), code=303)


def is_logged_in() -> bool:
    """Say whether this request belongs to a session of the owner; at most one query a request."""
    return sessions.current() is not None


def logged_in_at() -> datetime | None:
    """Return the time at which the owner last proved, in this session, to be there."""
    current = sessions.current()
    return None if current is None else current.proved_at


def owner_only(view: Callable[..., Any]) -> Callable[..., Any]:
    """Redirect requests without a session of the owner to the login form."""

    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        if is_logged_in():
            return view(*args, **kwargs)
        target = request.full_path if request.method == "GET" else url_for("home.show")
        return redirect(url_for("login.show", next=target.rstrip("?")), code=303)

    return guarded


def local_path(target: str | None) -> str:
    """Return the target if it is a path of this site, else the path of the home page."""
    plain = target is not None and target.isascii() and target.isprintable() and "\\" not in target
    return (
        target if target and plain and target.startswith("/") and not target.startswith("//") else url_for("home.show")
    )


def _form(target: str, *, failed: bool = False, again: bool = False) -> str:
    if target.startswith("/authorize"):
        allow_leaving()  # the redirects after the form may end at the app
    development = services().configuration.development
    return render_template("login.html", next=target, failed=failed, again=again, development=development)

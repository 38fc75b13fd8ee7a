"""Log-in with the app's own hooks or with Flask-Login."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from flask import Flask, current_app, redirect, session, url_for

from ..errors import ConfigurationError

#: Key of the app's session for the time of a Flask-Login log-in, a Unix time in seconds.
AUTH_TIME = "_cimd_auth_time"


def flask_login_hooks(login_view: str | None) -> dict[str, Callable[..., Any]]:
    """Return the default hooks: Flask-Login's user, and its log-in or ``login_view``."""
    return {"subject": _flask_login_subject, "login": _login_by(login_view)}


def _flask_login_subject() -> str | None:
    if _manager() is None:
        raise ConfigurationError("register @provider.subject, or set Flask-Login up in this app")
    from flask_login import current_user

    return str(current_user.get_id()) if current_user.is_authenticated else None


def _login_by(login_view: str | None) -> Callable[[str, bool], Any]:
    def login(target: str, again: bool) -> Any:
        manager = _manager()
        view = login_view or getattr(manager, "login_view", None)
        if not view:
            raise ConfigurationError("name the log-in: Provider(login_view=...), @provider.login or Flask-Login's")
        if again and manager is not None:
            # A log-in view redirects logged-in people, but these must log in again.
            from flask_login import logout_user

            logout_user()
        address = view if view.startswith(("/", "https://", "http://")) else url_for(view)
        joiner = "&" if "?" in address else "?"
        return redirect(f"{address}{joiner}{urlencode({'next': target})}", code=303)

    return login


def remember_login(app: Flask) -> None:
    """Store the time of each Flask-Login log-in in the app's session, for ``max_age``."""
    try:
        from flask_login import user_logged_in
    except ImportError:
        return
    user_logged_in.connect(_note_login, app)


def login_at() -> datetime | None:
    """Return the time of the Flask-Login log-in as an aware `datetime`, or ``None`` if it is unknown."""
    since = session.get(AUTH_TIME)
    return datetime.fromtimestamp(since, UTC) if isinstance(since, int | float) else None


def _note_login(*_: Any, **__: Any) -> None:
    session[AUTH_TIME] = datetime.now(UTC).timestamp()


def _manager() -> Any:
    return getattr(current_app, "login_manager", None)

"""The login of the owner: HTML forms that need no JavaScript, except for the one of passkeys."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Any

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext
from werkzeug.wrappers import Response

from flask_cimd_site.account import entrance, passkeys, passwords, secrets, sessions, waiting
from flask_cimd_site.account.attempts import Attempt
from flask_cimd_site.account.errors import AccountError
from flask_cimd_site.activity import Kind, record
from flask_cimd_site.security import allow_leaving, allow_scripts
from flask_cimd_site.services import services

blueprint = Blueprint("login", __name__)


@blueprint.get("/login")
def show() -> Response | str:
    """Show the form; redirect to ``next`` if the owner is logged in, unless ``again`` asks for a new login."""
    target = local_path(request.args.get("next"))
    is_theirs = is_logged_in()
    if is_theirs and "again" not in request.args:
        return redirect(target, code=303)
    if not passwords.has_account():
        return redirect(url_for("first_run.show"), code=303)
    return _form(target, again=is_theirs)


@blueprint.post("/login")
def log_in() -> Response:
    """Check the password and begin a new session; the name beside it helps password managers and is ignored."""
    target = local_path(request.form.get("next"))
    try:
        entrance.check_password(request.form.get("password", ""), gettext("Wrong password. Try again."))
    except AccountError as error:
        return refusal(error, _form(target, error=error))
    entrance.let_in("password")
    return redirect(target, code=303)


@blueprint.post("/login/passkey")
def log_in_by_passkey() -> Response:
    """Check the answer of a passkey and begin a new session."""
    target = local_path(request.form.get("next"))
    try:
        name = check_passkey()
    except AccountError as error:
        return refusal(error, _form(target, error=error))
    entrance.let_in("passkey", detail=name)
    return redirect(target, code=303)


@blueprint.get("/login/recovery")
def ask_for_code() -> str:
    """Ask for a recovery code."""
    return render_template("login_recovery.html", error=None)


@blueprint.post("/login/recovery")
def log_in_by_code() -> Response:
    """Use a recovery code and lead to the account, so that the owner gets a new passkey or password."""
    try:
        entrance.spend_secret(
            secrets.Kind.CODE, request.form.get("code", ""), gettext("This code is wrong or was used before.")
        )
    except AccountError as error:
        return refusal(error, render_template("login_recovery.html", error=error))
    return _recovered("recovery code")


@blueprint.get("/login/link")
def ask_before_link() -> Response | str:
    """Show a button: programs that only look at a link do not use it up."""
    secret = request.args.get("secret", "")
    if not secrets.holds(secrets.Kind.LINK, secret, services().clock()):
        error = _ended_link()
        return refusal(error, render_template("login_link.html", error=error))
    return render_template("login_link.html", secret=secret, error=None)


@blueprint.post("/login/link")
def log_in_by_link() -> Response:
    """Use a recovery link; it is too long to be guessed, so no attempts are counted."""
    if not secrets.spend(secrets.Kind.LINK, request.form.get("secret", ""), services().clock()):
        error = _ended_link()
        return refusal(error, render_template("login_link.html", error=error))
    return _recovered("recovery link")


@blueprint.post("/logout")
def log_out() -> Response:
    """End the session."""
    was_logged_in = is_logged_in()
    sessions.end()
    if was_logged_in:
        record(Kind.LOGOUT)
        flash(gettext("You are logged out."))
    return redirect(url_for("home.show"), code=303)


def is_logged_in() -> bool:
    """Return whether this request belongs to a session of the owner; at most one query a request."""
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


def check_passkey() -> str:
    """Check the answer of a passkey in the form, write a failure to the log, and return the passkey's name.

    Raises:
        AccountError: with the slug of the rule that it breaks.
    """
    with Attempt():
        return passkeys.check(request.form.get("credential", ""))


def offered_passkeys() -> str | None:
    """Return what the page passes to the browser so that it asks for a passkey; ``None`` if there is none to use."""
    if not passkeys.are_possible() or not passkeys.all_passkeys():
        return None
    allow_scripts()
    return passkeys.request_options()


def refusal(error: AccountError, page: str) -> Response:
    """Return the page of a refusal with its status and, if time helps, the seconds until the next try."""
    answer = make_response(page, error.status)
    if error.retry_after is not None:
        answer.headers["Retry-After"] = str(error.retry_after)
    return answer


def _form(target: str, *, error: AccountError | None = None, again: bool = False) -> str:
    if target.startswith("/authorize"):
        allow_leaving()  # the redirects after the form may end at the app
    here = services()
    return render_template(
        "login.html",
        next=target,
        error=error,
        again=again,
        app=waiting.app_behind(target),
        person=here.identity.owner(),
        prints_password=here.configuration.development and here.configuration.owner_password is not None,
        options=offered_passkeys(),
    )


def _recovered(method: str) -> Response:
    entrance.let_in(method, kind=Kind.RECOVERY_USED)
    flash(gettext("You are logged in. Add a passkey or set a new password now."))
    return redirect(url_for("account.show"), code=303)


def _ended_link() -> AccountError:
    return AccountError(
        "link-ended",
        gettext("This link was used before or is older than 15 minutes. Make a new one with the command."),
    )

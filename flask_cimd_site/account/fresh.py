"""The check before dangerous actions: a passkey or the password within the last ten minutes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext
from werkzeug.wrappers import Response

from flask_cimd_site.account import entrance, passwords, sessions
from flask_cimd_site.account.errors import AccountError
from flask_cimd_site.account.login import check_passkey, local_path, offered_passkeys, owner_only, refusal
from flask_cimd_site.services import services

blueprint = Blueprint("fresh", __name__)

_FRESH = timedelta(minutes=10)


def fresh_owner_only(view: Callable[..., Any]) -> Callable[..., Any]:
    """Redirect requests without a session of the owner to the login, and those without a fresh check to the check.

    See `ask` for what happens after the check.
    """

    @wraps(view)
    @owner_only
    def guarded(*args: Any, **kwargs: Any) -> Any:
        return view(*args, **kwargs) if is_fresh() else ask(_way_back())

    return guarded


def ask(target: str) -> Response:
    """Redirect to the check, which leads to a path of this site.

    A GET request is made again. A POST request is not, since its form is gone: the target is the page of the form, and
    it tells the owner to send the form once more.
    """
    repeat = None if request.method == "GET" else 1
    return redirect(url_for("fresh.show", next=target, repeat=repeat), code=303)


def is_fresh() -> bool:
    """Return whether the owner has proved within the last ten minutes to be there."""
    current = sessions.current()
    return current is not None and services().clock() - current.proved_at < _FRESH


@blueprint.get("/account/check")
@owner_only
def show() -> str:
    """Ask for the password or a passkey."""
    return _form(local_path(request.args.get("next")))


@blueprint.post("/account/check")
@owner_only
def check() -> Response:
    """Check the password and go back."""
    return _check(
        lambda: entrance.check_password(request.form.get("password", ""), gettext("Wrong password. Try again."))
    )


@blueprint.post("/account/check/passkey")
@owner_only
def check_by_passkey() -> Response:
    """Check the answer of a passkey and go back."""
    return _check(check_passkey)


def _check(work: Callable[[], object]) -> Response:
    target = local_path(request.form.get("next"))
    try:
        work()
    except AccountError as error:
        return refusal(error, _form(target, error))
    sessions.prove()
    if "repeat" in request.form:
        flash(gettext("Confirmed. Nothing has changed yet: press the button once more."))
    return redirect(target, code=303)


def _form(target: str, error: AccountError | None = None) -> str:
    return render_template(
        "account_check.html",
        next=target,
        repeat="repeat" in request.values,
        error=error,
        has_password=passwords.has_password(),
        options=offered_passkeys(),
    )


def _way_back() -> str:
    if request.method == "GET":
        return request.full_path.rstrip("?")
    came_from = urlsplit(request.referrer or "")
    is_ours = f"{came_from.scheme}://{came_from.netloc}" == services().configuration.base_url
    return came_from.path if is_ours else url_for("home.show")

"""The first run: whoever has the secret that the terminal shows makes the account."""

from __future__ import annotations

import os
from datetime import datetime
from secrets import token_bytes

from flask import Blueprint, current_app, redirect, render_template, request, session, url_for
from flask_babel import gettext
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url
from werkzeug.wrappers import Response

from flask_cimd.clients import ImageError
from flask_cimd.core import NAME_LIMIT, safe_text
from flask_cimd.provider import translate
from flask_cimd_site import security
from flask_cimd_site.account import entrance, passkeys, passwords, secrets
from flask_cimd_site.account.attempts import Attempt
from flask_cimd_site.account.errors import AccountError
from flask_cimd_site.account.login import owner_only, refusal
from flask_cimd_site.activity import Kind
from flask_cimd_site.config import SHORTEST_PASSWORD, Configuration
from flask_cimd_site.counters import DatabaseCounters
from flask_cimd_site.identity import Owner
from flask_cimd_site.services import services
from flask_cimd_site.site import media, profiles

blueprint = Blueprint("first_run", __name__)

_HANDLE = "user_handle"
_ENVELOPE = 64 * 1024


@blueprint.get("/first-run")
def show() -> Response | str:
    """Show the form, as long as the site has no owner."""
    if passwords.has_account():
        return redirect(url_for("login.show"), code=303)
    announce(services().configuration, services().clock())
    return _form()


@blueprint.post("/first-run")
def set_up() -> Response:
    """Make the account, its profile and its passkey or password, and log in."""
    if passwords.has_account():
        return redirect(url_for("login.show"), code=303)
    security.protect_upload(media.LARGEST_FILE + _ENVELOPE)
    try:
        _make_account()
    except AccountError as error:
        return refusal(error, _form(error))
    entrance.let_in("set-up", kind=Kind.SET_UP)
    return redirect(url_for("first_run.what_now"), code=303)


@blueprint.get("/first-run/next")
@owner_only
def what_now() -> str:
    """Say what a new site can do."""
    return render_template(
        "first_run_next.html",
        samples=current_app.config.get("DEMO_SAMPLES") or (),
        first_note="writing.show_new",
    )


def announce(configuration: Configuration, now: datetime) -> None:
    """Print a secret in the terminal, once an hour over all workers, as long as the site has no owner."""
    if passwords.has_account() or os.environ.get("FLASK_RUN_FROM_CLI"):  # commands have a secret of their own
        return
    counters = DatabaseCounters(current_app._get_current_object(), lambda: now)  # type: ignore[attr-defined]  # werkzeug's proxy
    life = secrets.SET_UP_LIFE
    if counters.incr(f"site/{configuration.base_url}/first-run", int(life.total_seconds())) == 1:
        secret = secrets.new(secrets.Kind.SET_UP, life, now)
        print(
            f"\nThis site has no owner yet. Open {configuration.base_url}/first-run and enter this secret within an "
            f"hour:\n    {secret}\nA new one: flask-cimd-site owner set-up\n",
            flush=True,
        )


def _make_account() -> None:
    now, form = services().clock(), request.form
    secret = form.get("secret", "")
    _judge(secret)
    name = safe_text(form.get("name", ""), NAME_LIMIT)
    if not name:
        raise AccountError("no-name", gettext("Enter a name."))
    password, answer = form.get("new_password", ""), form.get("credential", "")
    if password or not answer:
        passwords.check_length(password)
    try:
        upload = request.files.get("photo")
        image = media.read_upload(upload) if upload and upload.filename else None
    except ImageError as error:
        raise AccountError("photo", translate(error.args[0])) from error
    handle = base64url_to_bytes(str(session.get(_HANDLE, ""))) or token_bytes(32)
    made = passkeys.check_new(answer) if answer else None
    development = services().configuration.development
    hashed = passwords.make_hash(password, development=development) if password else None
    is_spent = secrets.spend(secrets.Kind.SET_UP, secret, now)
    if not is_spent or not passwords.create(hashed, now, handle):
        raise AccountError("set-up-ended", gettext("Somebody has just set up this site."))
    if made is not None:
        passkeys.add(*made, form.get("passkey_name", ""))
    profiles.save(Owner(name=name), image, now)


def _judge(secret: str) -> None:
    """Judge the secret within the limit on guesses; it stays good until the whole form is."""
    with Attempt():
        if not secrets.holds(secrets.Kind.SET_UP, secret, services().clock()):
            raise AccountError(
                "wrong-set-up",
                gettext("The secret is wrong or older than an hour. “flask-cimd-site owner set-up” prints a new one."),
            )


def _form(error: AccountError | None = None) -> str:
    possible = passkeys.are_possible()
    if possible:
        security.allow_scripts()
        session.setdefault(_HANDLE, bytes_to_base64url(token_bytes(32)))
    options = passkeys.creation_options(base64url_to_bytes(session[_HANDLE])) if possible else None
    return render_template(
        "first_run.html",
        error=error,
        options=options,
        shortest=SHORTEST_PASSWORD,
        name=safe_text(request.form.get("name", ""), NAME_LIMIT),
    )

"""The account page: passkeys, password, recovery codes and sessions."""

from __future__ import annotations

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext
from werkzeug.wrappers import Response

from flask_cimd_site.account import known_browsers, passkeys, passwords, secrets, sessions, zones
from flask_cimd_site.account.errors import AccountError
from flask_cimd_site.account.fresh import fresh_owner_only
from flask_cimd_site.account.login import owner_only, refusal
from flask_cimd_site.activity import Kind, record
from flask_cimd_site.config import SHORTEST_PASSWORD
from flask_cimd_site.security import allow_scripts
from flask_cimd_site.services import services

blueprint = Blueprint("account", __name__)


@blueprint.get("/account")
@owner_only
def show() -> str:
    """Show the account."""
    return render_template(
        "account.html",
        passkeys=passkeys.all_passkeys(),
        passkeys_are_possible=passkeys.are_possible(),
        has_password=passwords.has_password(),
        codes_left=secrets.codes_left(),
        sessions=sessions.living(),
        zone=zones.name(),
        now=services().clock(),
        current=sessions.current(),
    )


# -- passkeys -----------------------------------------------------------------------------------------------------


@blueprint.get("/account/passkeys/new")
@fresh_owner_only
def ask_for_passkey() -> str:
    """Show the form for a new passkey."""
    return _passkey_form()


@blueprint.post("/account/passkeys/new")
@fresh_owner_only
def add_passkey() -> Response:
    """Check the new passkey and keep it."""
    name = request.form.get("name", "")
    try:
        passkeys.add(*passkeys.check_new(request.form.get("credential", "")), name)
    except AccountError as error:
        return refusal(error, _passkey_form(error))
    record(Kind.PASSKEY_ADDED, detail=name)
    return _done(gettext("The passkey was added."))


@blueprint.post("/account/passkeys/<int:passkey_id>/rename")
@owner_only
def rename_passkey(passkey_id: int) -> Response:
    """Give a passkey another name."""
    if not passkeys.rename(passkey_id, request.form.get("name", "")):
        abort(404)
    return _done(gettext("The passkey was renamed."))


@blueprint.post("/account/passkeys/<int:passkey_id>/remove")
@fresh_owner_only
def remove_passkey(passkey_id: int) -> Response:
    """Remove a passkey, unless nothing else would let the owner in."""
    if not passwords.has_password() and len(passkeys.all_passkeys()) == 1:
        return _done(gettext("This is the only way to log in. Set a password or add another passkey first."))
    name = passkeys.remove(passkey_id)
    if name is None:
        abort(404)
    record(Kind.PASSKEY_REMOVED, detail=name)
    return _done(gettext("The passkey was removed."))


# -- password and recovery codes ----------------------------------------------------------------------------------


@blueprint.get("/account/password")
@fresh_owner_only
def ask_for_password() -> str:
    """Show the form for a new password."""
    return render_template("account_password.html", shortest=SHORTEST_PASSWORD, error=None)


@blueprint.post("/account/password")
@fresh_owner_only
def change_password() -> Response:
    """Change the password, end all other sessions and forget all browsers but this one."""
    try:
        passwords.change(request.form.get("new_password", ""), services().clock())
    except AccountError as error:
        return refusal(error, render_template("account_password.html", shortest=SHORTEST_PASSWORD, error=error))
    ended = sessions.end_others()
    known_browsers.forget_all()
    known_browsers.remember()
    record(Kind.PASSWORD_CHANGED, detail=f"sessions ended: {ended}")
    return _done(gettext("The password was changed, and all other logins were ended."))


@blueprint.post("/account/codes")
@fresh_owner_only
def make_codes() -> str:
    """Make new recovery codes and show them, once."""
    codes = secrets.new_codes(services().clock())
    record(Kind.RECOVERY_CODES)
    return render_template("account_codes.html", codes=codes)


# -- sessions -----------------------------------------------------------------------------------------------------


@blueprint.post("/account/sessions/<int:session_id>/end")
@owner_only
def end_session(session_id: int) -> Response:
    """End one session."""
    if not sessions.end_one(session_id):
        abort(404)
    record(Kind.SESSION_ENDED)
    return _done(gettext("The login was ended."))


@blueprint.post("/account/sessions/end-others")
@owner_only
def end_other_sessions() -> Response:
    """End all sessions but this one."""
    record(Kind.SESSION_ENDED, detail=f"sessions: {sessions.end_others()}")
    return _done(gettext("All other logins were ended."))


@blueprint.post("/account/end-everything")
@fresh_owner_only
def end_everything() -> Response:
    """End every session, forget every browser and end what every app can do; the owner logs in again."""
    record(Kind.EVERYTHING_ENDED, detail=f"logins ended, too: {len(sessions.living())}")
    here = services()
    here.storage.revoke_subject(here.identity.me, here.clock())
    known_browsers.forget_all()
    sessions.end_all()
    sessions.end()
    flash(gettext("Every login and the access of every app were ended. Log in again."))
    return redirect(url_for("login.show"), code=303)


# -- time zone ----------------------------------------------------------------------------------------------------


@blueprint.get("/account/zone")
@owner_only
def ask_for_zone() -> str:
    """Show the form of the time zone."""
    return _zone_form(zones.name())


@blueprint.post("/account/zone")
@owner_only
def change_zone() -> Response | tuple[str, int]:
    """Keep the time zone."""
    chosen = request.form.get("zone", "")
    if not zones.choose(chosen):
        return _zone_form(zones.name(), problem=gettext("Choose a time zone of the list.")), 400
    return _done(gettext("Times are shown in the zone %(zone)s.", zone=chosen))


def _zone_form(chosen: str, problem: str | None = None) -> str:
    return render_template("account_zone.html", choices=zones.choices(), chosen=chosen, problem=problem)


def _passkey_form(error: AccountError | None = None) -> str:
    allow_scripts()
    possible = passkeys.are_possible()
    options = passkeys.creation_options(passwords.user_handle()) if possible else None
    return render_template("account_passkey.html", options=options, error=error)


def _done(text: str) -> Response:
    flash(text)
    return redirect(url_for("account.show"), code=303)

"""The page that checks the address of an app, step by step, as a sign-in would."""

from __future__ import annotations

from flask import Blueprint, render_template, request
from flask_babel import lazy_gettext as _

from flask_cimd_site.account.login import owner_only
from flask_cimd_site.services import services

blueprint = Blueprint("explain", __name__)

_MOST_CHARACTERS = 2048
#: Titles of the steps of an explanation; other steps are named by the member of the document that they are about.
_STEP_TITLES = {
    "identifier": _("Address"),
    "policy": _("Rules of this site"),
    "resolve": _("DNS"),
    "connect": _("Connection"),
    "tls": _("TLS"),
    "headers": _("Header"),
    "response": _("Response"),
    "lifetime": _("Cache"),
    "page": _("Page"),
    "authentication": _("Proof of identity"),
    "keys": _("Keys"),
    "logo": _("Logo"),
}


@blueprint.get("/explain")
@owner_only
def show() -> str:
    """Show the form, filled in with the query's ``client_id``; a GET request fetches nothing."""
    client_id = request.args.get("client_id", "").strip()[:_MOST_CHARACTERS]
    return render_template("explain.html", client_id=client_id, found=None)


@blueprint.post("/explain")
@owner_only
def run() -> str:
    """Check one client identifier URL with the rules of a sign-in."""
    client_id = request.form.get("client_id", "").strip()[: _MOST_CHARACTERS + 1]
    found = services().cimd.explain(client_id) if client_id else None
    return render_template("explain.html", client_id=client_id, found=found, step_titles=_STEP_TITLES)

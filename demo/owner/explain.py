"""The owner's dry run: why does this app's address work here, or not?"""

from __future__ import annotations

from flask import Blueprint, render_template, request

from demo.owner.login import owner_only
from demo.services import services

blueprint = Blueprint("explain", __name__)

_MOST_CHARACTERS = 2048


@blueprint.get("/explain")
@owner_only
def show() -> str:
    """Show the form; nothing is fetched by following a link here."""
    return render_template("explain.html", client_id="", found=None)


@blueprint.post("/explain")
@owner_only
def run() -> str:
    """Look at one client URL with the rules of a sign-in; the owner alone may make this site fetch one."""
    client_id = request.form.get("client_id", "").strip()[: _MOST_CHARACTERS + 1]
    found = services().cimd.explain(client_id) if client_id else None
    return render_template("explain.html", client_id=client_id, found=found)

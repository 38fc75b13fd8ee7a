"""The page of apps that registered themselves: listed and removed, also those that never got access."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from flask_cimd.core import redirect_host, safe_text
from flask_cimd.oauth import Registration
from flask_cimd_site.account.login import owner_only
from flask_cimd_site.activity import Kind, record
from flask_cimd_site.services import services

blueprint = Blueprint("registered", __name__)

PAGE_SIZE = 20
_LONGEST = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredApp:
    """An app that registered itself.

    Attributes:
        name: what it calls itself; may be empty.
        hosts: hosts, or schemes, of its redirect URIs.
        has_access: a grant of it lives.
    """

    client_id: str
    name: str
    hosts: tuple[str, ...]
    registered_at: datetime
    has_access: bool


@blueprint.get("/apps/registered")
@owner_only
def show() -> str:
    """Show one page of them, in the order of their identifiers."""
    here = services()
    found = here.storage.registrations(here.clock(), after=request.args.get("after", ""), limit=PAGE_SIZE + 1)
    return render_template(
        "registered.html",
        apps=[_as_app(registration) for registration in found[:PAGE_SIZE]],
        following=found[PAGE_SIZE - 1].client_id if len(found) > PAGE_SIZE else None,
        is_open=here.configuration.dynamic_registration,
    )


@blueprint.post("/apps/registered/remove")
@owner_only
def remove() -> Response:
    """Remove one, and end its access."""
    here, client_id = services(), request.form.get("client_id", "")
    if not here.storage.remove(client_id):
        abort(404)
    here.storage.revoke_client(here.identity.me, client_id, here.clock())
    record(Kind.UNREGISTERED, app=client_id)
    flash(_("The app was removed, and its access was ended."))
    return redirect(url_for("registered.show"), code=303)


def _as_app(registration: Registration) -> RegisteredApp:
    here, members = services(), json.loads(registration.members)
    return RegisteredApp(
        client_id=registration.client_id,
        name=safe_text(str(members.get("client_name") or ""), _LONGEST),
        hosts=tuple(dict.fromkeys(safe_text(redirect_host(uri), _LONGEST) for uri in members["redirect_uris"])),
        registered_at=registration.created_at,
        has_access=here.storage.has_living_grant(registration.client_id, here.clock()),
    )

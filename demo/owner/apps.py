"""The page of connected apps, and the button that revokes a grant."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from flask import Blueprint, abort, redirect, render_template, url_for
from werkzeug.wrappers import Response

from demo.models import GrantRow
from demo.owner.login import owner_only
from demo.provider.scopes import SCOPE_TEXTS
from demo.services import services
from flask_cimd import CIMDError
from flask_cimd.core import asks_for_atproto, redirect_host, safe_text, shown_host
from flask_cimd.oauth.client import read_snapshot

blueprint = Blueprint("apps", __name__)


@dataclass(frozen=True, slots=True)
class Scope:
    """A granted scope with its description."""

    value: str
    text: str


@dataclass(frozen=True, slots=True)
class ConnectedApp:
    """One grant as the page shows it; each installation of an app has its own."""

    id: str
    name: str | None
    host: str
    client_id: str
    is_registered: bool
    redirect_host: str
    scopes: list[Scope]
    since: datetime
    used: datetime | None


@blueprint.get("/apps")
@owner_only
def show() -> str:
    """List the grants that can still be used."""
    here = services()
    rows = here.storage.living_grants(here.clock())
    return render_template("apps.html", apps=[_as_app(row) for row in rows])


@blueprint.post("/apps/<grant_id>/revoke")
@owner_only
def revoke(grant_id: str) -> Response:
    """Revoke one grant with all its tokens."""
    here = services()
    if not grant_id.isalnum():
        abort(404)
    here.storage.revoke_grant(grant_id, here.clock())
    return redirect(url_for("apps.show"), code=303)


def _as_app(row: GrantRow) -> ConnectedApp:
    is_registered = row.client is None
    name, host = None, redirect_host(row.redirect_uri) if is_registered else row.client_id
    try:
        snapshot = None if row.client is None else read_snapshot(row.client_id, row.client)
        metadata = services().server.metadata_of(row.client_id, snapshot)
    except CIMDError:
        pass  # the app is blocked by now; its grant is still shown and can be revoked
    else:
        host = shown_host(metadata, row.redirect_uri)
        # AT Protocol OAuth: anybody can claim a name, so only the host is shown.
        name = None if asks_for_atproto(row.scope) else safe_text(metadata.client_name) or None
    return ConnectedApp(
        id=row.id,
        name=name,
        host=host,
        client_id=row.client_id,
        is_registered=is_registered,
        redirect_host=redirect_host(row.redirect_uri),
        scopes=[Scope(value, SCOPE_TEXTS.get(value, value)) for value in row.scope.split()],
        since=datetime.fromtimestamp(row.created_at, UTC),
        used=datetime.fromtimestamp(row.used_at, UTC) if row.used_at else None,
    )

"""The authorization endpoint and the consent page: a request is seen once, kept, decided on once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from urllib.parse import urlencode

from flask import Blueprint, abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from demo.owner.login import has_logged_in_within, is_logged_in, logged_in_at, session_id
from demo.provider import indieauth
from demo.provider.scopes import SCOPE_TEXTS
from demo.security import allow_leaving
from demo.services import services
from flask_cimd import Acquaintance, Change, ClientMetadata, ConsentView, Tier, changes, consent_view
from flask_cimd.core import asks_for_atproto as is_atproto
from flask_cimd.oauth import AuthorizationRequest, Resource

blueprint = Blueprint("authorize", __name__)

#: How long access may last for apps that cannot refresh it (design: 1 hour to 1 year, 30 days at first).
LIFETIMES = {
    "hour": ("1 hour", timedelta(hours=1)),
    "day": ("1 day", timedelta(days=1)),
    "month": ("30 days", timedelta(days=30)),
    "year": ("1 year", timedelta(days=365)),
}
PRESET_LIFETIME = "month"


@blueprint.post("/authorize")
def entry() -> Response:
    """Take what apps POST here: a code to redeem for the owner's address, or an authorization request as a form."""
    if "code" in request.form or "grant_type" in request.form:
        return indieauth.redeem()
    # The session cookie does not come along with a POST from another site, so the request starts over as a GET.
    query = urlencode(list(request.form.items(multi=True)))
    return redirect(f"{url_for('authorize.ask')}?{query}", code=303)


@blueprint.get("/authorize")
def ask() -> Response | str:
    """Show who asks for what. Nobody who is not logged in makes this site fetch anything."""
    here = services()
    here.server.check_authorization_request()
    if not is_logged_in():
        return redirect(url_for("login.show", next=request.full_path), code=303)
    asked = here.server.read_authorization_request()
    if asked.max_age is not None and not has_logged_in_within(asked.max_age):
        return redirect(url_for("login.show", next=request.full_path, again=1), code=303)
    asked = replace(asked, scope=" ".join(_without_lonely_email(asked.scope.split())))
    client = here.server.metadata_of(asked.client_id, asked.client)
    allowance = here.cimd.admission.allowance(here.cimd.admission.tier(client.identifier))
    allowed = here.server.within_allowance(asked, allowance)
    if allowed is None:
        return here.server.deny(asked)
    asked = allowed
    allow_leaving()
    # AT Protocol OAuth: a name, logo or link counts only if the operator trusts the client; anybody can claim one.
    is_shown = not is_atproto(asked.scope) or here.cimd.admission.tier(client.identifier) is Tier.TRUSTED
    if is_atproto(asked.scope) and asked.login_hint and not here.identity.is_meant_by(asked.login_hint):
        # AT Protocol OAuth: with any other account than the hinted one the app fails, but only after consent.
        return here.server.deny(asked, "The account in login_hint does not live here.")
    return render_template(
        "consent.html",
        view=_view(client, asked.redirect_uri, shows_names=is_shown),
        changes=_changes(client, shows_names=is_shown),
        logo=here.cimd.logo_url(client) if is_shown else None,
        scopes=asked.scope.split(),
        lifetimes=LIFETIMES if _may_choose_lifetime(asked, client) else {},
        preset=PRESET_LIFETIME,
        asks_again=_asks_again(asked, client),
        renews="refresh_token" in client.grant_types,
        me=here.identity.me,
        account=here.configuration if is_atproto(asked.scope) else None,
        scope_texts=SCOPE_TEXTS,
        places=_places(asked),
        transaction=here.storage.keep_request(asked, session_id(), here.clock()),
    )


@blueprint.post("/consent")
def decide() -> Response:
    """Act on the owner's decision about the request that this session was shown."""
    here = services()
    if not is_logged_in():
        abort(403)
    if request.form.get("decision") not in ("approve", "deny"):
        abort(400)
    asked = here.storage.take_request(request.form.get("transaction", ""), session_id(), here.clock())
    if asked is None:
        abort(400)
    return _approve(asked) if request.form["decision"] == "approve" else here.server.deny(asked)


def _approve(asked: AuthorizationRequest) -> Response:
    here = services()
    client = here.server.metadata_of(asked.client_id, asked.client)
    _, lifetime = LIFETIMES.get(request.form.get("lifetime", PRESET_LIFETIME), LIFETIMES[PRESET_LIFETIME])
    here.storage.forget_dead(here.clock())
    return here.server.approve(
        asked,
        subject=here.identity.me,
        scope=_without_lonely_email(request.form.getlist("scope")),
        access_lifetime=lifetime if _may_choose_lifetime(asked, client) else None,
        auth_time=logged_in_at(),
    )


def _view(client: ClientMetadata, redirect_uri: str, *, shows_names: bool) -> ConsentView:
    admission = services().cimd.admission
    return consent_view(
        client,
        redirect_uri,
        is_verified=shows_names,
        acquaintance=_acquaintance(client),
        is_in_the_making=admission.is_in_the_making(client.identifier),
    )


def _acquaintance(client: ClientMetadata) -> Acquaintance:
    here = services()
    if here.cimd.admission.tier(client.identifier) is Tier.TRUSTED:
        return "trusted"
    return "new" if here.storage.last_approved(client.client_id) is None else "met"


def _without_lonely_email(words: list[str]) -> list[str]:
    """IndieAuth §5.3.4: the scope email "cannot be requested on its own"; it is dropped, not refused."""
    return words if "profile" in words else [word for word in words if word != "email"]


def _changes(client: ClientMetadata, *, shows_names: bool) -> tuple[Change, ...]:
    """Return what is different from the description that the owner approved last (CIMD §8.4)."""
    approved = services().storage.last_approved(client.client_id)
    if approved is None:
        return ()
    try:
        found = changes(ClientMetadata.from_json(client.identifier, approved), client)
    except ValueError:  # an earlier version kept it, or the client registered itself and cannot change
        return ()
    return tuple(change for change in found if shows_names or change.slug != "changed-name")


def _places(asked: AuthorizationRequest) -> list[Resource]:
    """Return what access is asked for, where it is something of its own."""
    server = services().server
    found = map(server.find_resource, asked.resource)
    return [place for place in found if place and place.identifier != server.issuer]


def _asks_again(asked: AuthorizationRequest, client: ClientMetadata) -> str | None:
    """Say when the app needs a new approval, as far as that is settled and not chosen on the page."""
    if is_atproto(asked.scope):
        return None if asked.auth_method == "private_key_jwt" else "two weeks"
    return None if _may_choose_lifetime(asked, client) else "a year"


def _may_choose_lifetime(asked: AuthorizationRequest, client: ClientMetadata) -> bool:
    """Apps with a document that can refresh get short tokens; for others the owner says how long."""
    refreshes = client.source in ("document", "virtual", "registered") and "refresh_token" in client.grant_types
    return bool(asked.scope) and not asked.resource and not refreshes and not is_atproto(asked.scope)

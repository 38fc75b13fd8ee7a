"""The site's provider: `flask_cimd.provider` with the owner's log-in, names and profile."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from flask import redirect, request, url_for

from flask_cimd.oauth import Resource
from flask_cimd.provider import Identity, Provider
from flask_cimd_site.account import fresh, waiting
from flask_cimd_site.account.login import is_logged_in, logged_in_at
from flask_cimd_site.config import Configuration
from flask_cimd_site.provider import registration
from flask_cimd_site.provider.resource_servers import SiteResources
from flask_cimd_site.provider.resources import PROFILE_PATH, own_resources
from flask_cimd_site.provider.scopes import NOTES_SCOPES, SCOPE_TEXTS, SCOPES
from flask_cimd_site.services import services


def create_provider(configuration: Configuration, clock: Callable[[], datetime]) -> Provider:
    """Return the provider of a site with one account, its owner's."""
    more = {"registration_endpoint": configuration.base_url + registration.PATH}
    provider = Provider(
        scopes=SCOPES,
        texts=NOTES_SCOPES,
        resources=SiteResources(own_resources(configuration)),
        metadata=more if configuration.dynamic_registration else {},
        clock=clock,
    )
    provider.subject(lambda: services().identity.me if is_logged_in() else None)
    provider.login(_log_in)
    provider.auth_time(logged_in_at)
    provider.identity(lambda _: Identity(me=configuration.me, did=configuration.did, handle=configuration.handle))
    provider.claims(lambda _, scope: services().identity.profile(scope) or {})
    provider.resource_metadata(_describe)
    # Without an address there is nothing to see.
    hidden = set() if configuration.owner_email else {"email"}
    provider.available_scopes(lambda _: {*SCOPE_TEXTS} - hidden)
    provider.fresh_log_in(_check_again)
    return provider


def _describe(resource: Resource) -> dict[str, Any]:
    # Other processes, such as the MCP endpoint behind the same proxy, take bearer tokens only.
    here = services()
    is_here = resource.identifier in (here.server.issuer, here.server.issuer + PROFILE_PATH)
    return {"dpop_signing_alg_values_supported": list(here.server.dpop.algorithms)} if is_here else {}


def _check_again(target: str) -> Any:
    return None if fresh.is_fresh() else fresh.ask(target)


def _log_in(target: str, again: bool) -> Any:
    waiting.note(target, request.args.get("client_id", ""))
    address = url_for("login.show", next=target, again=1) if again else url_for("login.show", next=target)
    return redirect(address, code=303)

"""A plain Flask app with the drop-in server on a storage in memory, a log-in and a consent page that keeps its word.

It has the paths of the demo, so that `Browser` walks through both::

    site = provider_app(ca_bundle, clock, CIMD_AUTH_METHODS="none")
    owner = site.owner()                                   # logged in
    tokens = owner.tokens(publish_client(origin), scope="profile")

The fixtures ``site`` and ``make_site`` of ``tests/oauth`` do the first line.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from authlib.oauth2 import OAuth2Error
from flask import Flask, Response, abort, jsonify, redirect, render_template_string, request, session

from flask_cimd import CIMD
from flask_cimd.oauth import (
    AuthorizationRequest,
    AuthorizationServer,
    BearerScheme,
    DPoPScheme,
    Grant,
    IntrospectionEndpoint,
    MemoryStorage,
    Resource,
    ResourceProtector,
    ResourceServer,
    current_access,
    server_metadata,
    stored_access,
    verify_token,
    well_known_blueprint,
)

from .browser import BASE_URL, PASSWORD, Site
from .clock import Clock

DID = "did:web:me.example"
#: A resource elsewhere, as MCP clients ask for one.
NOTES = Resource(
    identifier="https://notes.example/mcp",
    name="Your notes",
    scopes=("notes:read", "notes:write"),
    default_scope=("notes:read",),
)
SCOPES = ("atproto", "profile", "email", "create", "draft", "update", "delete", "undelete", "media", "post")
ENDPOINTS = {
    "authorization_endpoint": "/authorize",
    "token_endpoint": "/token",
    "pushed_authorization_request_endpoint": "/par",
    "introspection_endpoint": "/introspect",
    "revocation_endpoint": "/revoke",
    "userinfo_endpoint": "/userinfo",
}
_PAGE = """<!doctype html>
<form method="post" action="/login">
<input type="password" name="password"><input type="hidden" name="next" value="{{ next }}">
<button>Log in</button>
</form>"""
_CONSENT = """<!doctype html><p>{{ asked.client_id }}</p><form method="post" action="/consent">
<input type="hidden" name="transaction" value="{{ transaction }}">
{% for word in asked.scope.split() %}<input type="checkbox" name="scope" value="{{ word }}" checked>{% endfor %}
<button name="decision" value="approve">Approve</button><button name="decision" value="deny">Deny</button>
</form>"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSite(Site):
    """A plain app with the drop-in server.

    Attributes:
        resource_servers: those that may introspect, by id; grows.
        resources: what tokens can be requested for, by identifier; grows.
    """

    cimd: CIMD
    server: AuthorizationServer
    storage: MemoryStorage
    resource_servers: dict[str, ResourceServer] = field(default_factory=dict)
    resources: dict[str, Resource] = field(default_factory=dict)

    def add_resource_server(self, resource: str) -> tuple[str, str]:
        """Let a resource server introspect the tokens for its URL, and return its id and secret."""
        server, secret = ResourceServer.create(resource)
        self.resource_servers[server.id] = server
        self.resources[resource] = Resource(
            identifier=resource, name="Notes", scopes=SCOPES, default_scope=("profile",)
        )
        return server.id, secret


def provider_app(
    ca_bundle: Path,
    clock: Clock,
    *,
    base_url: str = BASE_URL,
    storage: MemoryStorage | None = None,
    registered: Callable[[str], Any] | None = None,
    resources: Iterable[Resource] = (),
    refresh_grace: timedelta = timedelta(seconds=60),
    **config: Any,
) -> ProviderSite:
    """Build the app. Anything that it does not handle is raised to the test instead of a page with status 500.

    Args:
        ca_bundle: trusted certificates.
        clock: of every part.
        base_url: its origin and issuer.
        storage: one that was used before; a new one by default.
        registered: clients of the app's own.
        resources: what tokens can be requested for besides ``/api/profile``.
        refresh_grace: as for `AuthorizationServer`.
        config: settings of the extension, which replace the usual ones.
    """
    app = Flask("provider")
    app.config.update(SECRET_KEY="key", PROPAGATE_EXCEPTIONS=True, CIMD_ALLOW_LOOPBACK=True)
    app.config.update(CIMD_CA_BUNDLE=str(ca_bundle), CIMD_AUTH_METHODS="none,private_key_jwt")
    app.config.update(CIMD_PROFILE="draft, allow_loopback_clients, allow_virtual_clients")
    app.config.update(config)
    cimd = CIMD(clock=clock)
    cimd.init_app(app, registered=registered)
    storage = storage or MemoryStorage()
    profile = Resource(
        identifier=base_url + "/api/profile",
        name="Your profile",
        scopes=("profile", "email"),
        default_scope=("profile",),
    )
    known = {resource.identifier: resource for resource in (profile, *resources)}
    me = base_url + "/"
    server = AuthorizationServer(
        app,
        cimd=cimd,
        storage=storage,
        issuer=base_url,
        scopes=SCOPES,
        resources=known,
        refresh_grace=refresh_grace,
        token_extras=lambda grant: _members(grant, me),
        clock=clock,
    )
    site = ProviderSite(
        app=app, base_url=base_url, clock=clock, cimd=cimd, server=server, storage=storage, resources=known
    )
    _add_pages(site, me)
    _add_endpoints(site, me)
    _add_resources(site, profile)
    return site


def _members(grant: Grant, me: str) -> Mapping[str, Any]:
    return {"me": me, **({"sub": DID} if "atproto" in grant.scope.split() else {})}


# -- pages -------------------------------------------------------------------------------------------------------


def _add_pages(site: ProviderSite, me: str) -> None:
    app, server, clock = site.app, site.server, site.clock
    waiting: dict[str, tuple[str, str]] = {}

    @app.get("/login")
    def log_in() -> str:
        return render_template_string(_PAGE, next=request.args.get("next", "/"))

    @app.post("/login")
    def check_password() -> Any:
        if request.form["password"] != PASSWORD:
            return render_template_string(_PAGE, next=request.form["next"]), 403
        session.update(name=secrets.token_hex(), since=clock().timestamp())
        return redirect(request.form["next"], code=303)

    @app.get("/authorize")
    def ask() -> Any:
        server.check_authorization_request()
        if "name" not in session:
            return redirect("/login?" + urlencode({"next": request.full_path}), code=303)
        asked = server.read_authorization_request()
        handle = secrets.token_hex()
        waiting[handle] = (session["name"], asked.to_json())
        return render_template_string(_CONSENT, asked=asked, transaction=handle)

    @app.post("/consent")
    def decide() -> Response:
        name, kept = waiting.pop(request.form["transaction"], ("", ""))
        if name != session.get("name"):
            abort(400)
        asked = AuthorizationRequest.from_json(kept)
        if request.form["decision"] != "approve":
            return server.deny(asked)
        since = datetime.fromtimestamp(session["since"], UTC)
        return server.approve(asked, subject=me, scope=request.form.getlist("scope"), auth_time=since)


# -- endpoints ---------------------------------------------------------------------------------------------------


def _add_endpoints(site: ProviderSite, me: str) -> None:
    app, server = site.app, site.server
    introspection = IntrospectionEndpoint(
        server.context, site.resource_servers.get, members=lambda grant: {"me": me}, allow_holder=True
    )

    @app.post("/authorize")
    def redeem() -> Any:
        if "code" not in request.form and "grant_type" not in request.form:
            return redirect("/authorize?" + urlencode(list(request.form.items(multi=True))), code=303)
        try:
            return server.redeem_for_identity(lambda grant: {"me": grant.subject})
        except OAuth2Error as error:
            return server.answer_error(error)

    @app.get("/token")
    def verify() -> Response:
        if "Authorization" not in request.headers:
            abort(405)
        return verify_token(server)

    app.add_url_rule("/token", "token", server.create_token_response, methods=["POST"])
    app.add_url_rule("/par", "push", server.create_pushed_response, methods=["POST"])
    app.add_url_rule("/revoke", "revoke", server.create_revocation_response, methods=["POST"])
    app.add_url_rule("/introspect", "introspect", introspection.respond, methods=["POST"])


# -- resources ---------------------------------------------------------------------------------------------------


def _add_resources(site: ProviderSite, profile: Resource) -> None:
    app, server = site.app, site.server
    schemes = (BearerScheme(), DPoPScheme(server.dpop))
    here, there = (
        ResourceProtector(lambda secret: stored_access(server, secret), audience=audience, schemes=schemes)
        for audience in (server.issuer, profile.identifier)
    )

    def show() -> Response:
        return jsonify(url=current_access.subject, scope=sorted(current_access.scope))

    app.add_url_rule("/userinfo", "userinfo", here("profile")(show))
    app.add_url_rule("/api/profile", "profile", there("profile")(show))

    def describe_server() -> Mapping[str, Any]:
        return server_metadata(
            server.issuer,
            scopes=server.scopes,
            auth_methods=server.auth_methods,
            endpoints=ENDPOINTS,
            require_pushed_authorization_requests=True,
            dpop_signing_alg_values_supported=list(server.dpop.algorithms),
            introspection_endpoint_auth_methods_supported=["client_secret_basic"],
        )

    def describe_resource(identifier: str) -> Mapping[str, Any] | None:
        found = server.find_resource(identifier)
        return (
            None
            if found is None
            else found.metadata(server.issuer, dpop_signing_alg_values_supported=list(server.dpop.algorithms))
        )

    app.register_blueprint(well_known_blueprint(server.issuer, server=describe_server, resource=describe_resource))

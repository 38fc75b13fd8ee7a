"""What the server says about itself (RFC 8414) and about the places that it issues tokens for (RFC 9728)."""

from __future__ import annotations

from typing import Any

from flask import Blueprint

from demo.provider import registration
from demo.provider.resources import PROFILE_PATH
from demo.services import services
from flask_cimd.oauth import server_metadata, well_known_blueprint

#: The issuer is a bare origin (RFC 8414 §3).
METADATA_PATH = "/.well-known/oauth-authorization-server"
ENDPOINTS = {
    "authorization_endpoint": "/authorize",
    "token_endpoint": "/token",
    "pushed_authorization_request_endpoint": "/par",
    "introspection_endpoint": "/introspect",
    "revocation_endpoint": "/revoke",
    "userinfo_endpoint": "/userinfo",
}


def create_blueprint(issuer: str) -> Blueprint:
    """Return the routes of all documents."""
    return well_known_blueprint(issuer, server=_server, resource=_resource, name="wellknown")


def _server() -> dict[str, Any]:
    server, configuration = services().server, services().configuration
    more = {"registration_endpoint": registration.PATH} if configuration.dynamic_registration else {}
    return server_metadata(
        server.issuer,
        scopes=server.scopes,
        auth_methods=server.auth_methods,
        endpoints=ENDPOINTS | more,
        require_pushed_authorization_requests=True,
        dpop_signing_alg_values_supported=list(server.dpop.algorithms),
        introspection_endpoint_auth_methods_supported=["client_secret_basic"],
    )


def _resource(identifier: str) -> dict[str, Any] | None:
    server = services().server
    found = server.find_resource(identifier)
    if found is None:
        return None
    # Other processes, such as the MCP endpoint behind the same proxy, take bearer tokens only.
    is_here = identifier in (server.issuer, server.issuer + PROFILE_PATH)
    algorithms = list(server.dpop.algorithms) if is_here else []
    return found.metadata(server.issuer, dpop_signing_alg_values_supported=algorithms)

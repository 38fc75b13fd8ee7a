"""What the server says about itself (RFC 8414)."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from demo.services import services
from flask_cimd.oauth import server_metadata, well_known_path

blueprint = Blueprint("wellknown", __name__)

#: The issuer is a bare origin, so this path is fixed.
METADATA_PATH = well_known_path("https://issuer.example")
ENDPOINTS = {
    "authorization_endpoint": "/authorize",
    "token_endpoint": "/token",
    "introspection_endpoint": "/introspect",
    "revocation_endpoint": "/revoke",
    "userinfo_endpoint": "/userinfo",
}


@blueprint.get(METADATA_PATH)
def metadata() -> Response:
    """Serve the metadata document, to scripts of any origin too."""
    server = services().server
    members = server_metadata(
        server.issuer,
        scopes=server.scopes,
        auth_methods=server.auth_methods,
        endpoints=ENDPOINTS,
        introspection_endpoint_auth_methods_supported=["client_secret_basic"],
    )
    answer = jsonify(members)
    answer.headers["Access-Control-Allow-Origin"] = "*"
    answer.headers["Cache-Control"] = "public, max-age=300"
    return answer

"""Endpoints that programs call, browsers' scripts among them: pushed requests, tokens, revocation, userinfo."""

from __future__ import annotations

from flask import Blueprint, Response, abort, jsonify, request

from demo.provider.protection import own_endpoints
from demo.provider.resources import PROFILE_PATH
from demo.services import services
from flask_cimd.oauth import current_access, verify_token

blueprint = Blueprint("endpoints", __name__)

MACHINE_PATHS = frozenset({"/par", "/token", "/revoke", "/introspect", "/userinfo", PROFILE_PATH})


@blueprint.post("/par")
def push() -> Response:
    """Take an authorization request before the owner sees it (RFC 9126)."""
    return services().server.create_pushed_response()


@blueprint.post("/token")
def token() -> Response:
    """Exchange a code or refresh token (RFC 6749 §3.2); end a token, as apps did it before 2022."""
    return services().server.create_token_response()


@blueprint.get("/token")
def verify() -> Response:
    """Tell who holds a token about it, as apps asked before there was introspection."""
    server = services().server
    if not server.legacy.token_verification or "Authorization" not in request.headers:
        abort(405)  # RFC 6749 §3.2: tokens are asked for by POST
    return verify_token(server)


@blueprint.post("/revoke")
def revoke() -> Response:
    """End a token (RFC 7009)."""
    return services().server.create_revocation_response()


@blueprint.post("/introspect")
def introspect() -> Response:
    """Tell a resource server, or whoever holds the token, what it is worth (RFC 7662)."""
    return services().introspection.respond()


@blueprint.get("/userinfo")
@own_endpoints("profile")
def userinfo() -> Response:
    """Tell the holder of a token about the owner (IndieAuth §9)."""
    return jsonify(services().identity.profile(current_access.scope))


MACHINE_VIEWS = (push, token, revoke, introspect)


@blueprint.route("/par", methods=["OPTIONS"])
@blueprint.route("/token", methods=["OPTIONS"])
@blueprint.route("/revoke", methods=["OPTIONS"])
@blueprint.route("/introspect", methods=["OPTIONS"])
@blueprint.route("/userinfo", methods=["OPTIONS"])
def preflight() -> Response:
    """Answer the question that a browser asks before a cross-origin request."""
    return Response(status=204, headers={"Access-Control-Max-Age": "86400"})


@blueprint.after_request
def allow_any_origin(answer: Response) -> Response:
    """Let scripts of any origin read the answer: no cookie counts here, so nothing is given away."""
    answer.headers["Access-Control-Allow-Origin"] = "*"
    answer.headers["Access-Control-Allow-Methods"] = "GET, POST, OPTIONS"
    answer.headers["Access-Control-Allow-Headers"] = "Authorization, Content-Type, DPoP"
    answer.headers["Access-Control-Expose-Headers"] = "DPoP-Nonce, WWW-Authenticate, Location"
    return answer

"""Endpoints that programs call: token, revocation, userinfo. Browsers' apps may call them from any origin."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request

from demo.services import services

blueprint = Blueprint("endpoints", __name__)

MACHINE_PATHS = frozenset({"/token", "/revoke", "/userinfo"})


@blueprint.post("/token")
def token() -> Response:
    """Exchange a code or refresh token (RFC 6749 §3.2)."""
    return services().server.create_token_response()


@blueprint.post("/revoke")
def revoke() -> Response:
    """End a token (RFC 7009)."""
    return services().server.create_revocation_response()


@blueprint.get("/userinfo")
def userinfo() -> Response:
    """Tell the holder of a token about the owner (IndieAuth §9)."""
    here = services()
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not secret.strip():
        return _challenge(401)
    found = here.server.find_access_token(secret.strip())
    if found is None:
        return _challenge(401, "invalid_token")
    _, held = found
    profile = here.identity.profile(held.scope.split())
    return jsonify(profile) if profile else _challenge(403, "insufficient_scope", scope="profile")


MACHINE_VIEWS = (token, revoke)


def _challenge(status: int, error: str | None = None, **more: str) -> Response:
    """Refuse; without credentials there is no error code (RFC 6750 §3.1)."""
    members = ({"error": error} if error else {}) | more
    answer = jsonify(members)
    answer.status_code = status
    answer.headers["WWW-Authenticate"] = " ".join(
        ["Bearer", ", ".join(f'{name}="{value}"' for name, value in members.items())]
    ).strip()
    return answer


@blueprint.route("/token", methods=["OPTIONS"])
@blueprint.route("/revoke", methods=["OPTIONS"])
@blueprint.route("/userinfo", methods=["OPTIONS"])
def preflight() -> Response:
    """Answer the question that a browser asks before a cross-origin request."""
    return Response(status=204, headers={"Access-Control-Max-Age": "86400"})


@blueprint.after_request
def allow_any_origin(answer: Response) -> Response:
    """Let scripts of any origin read the answer: no cookie counts here, so nothing is given away."""
    answer.headers["Access-Control-Allow-Origin"] = "*"
    answer.headers["Access-Control-Allow-Methods"] = "GET, POST, OPTIONS"
    answer.headers["Access-Control-Allow-Headers"] = "Authorization, Content-Type"
    answer.headers["Access-Control-Expose-Headers"] = "WWW-Authenticate"
    return answer

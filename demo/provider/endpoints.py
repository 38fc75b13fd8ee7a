"""Paths and CORS headers of the site's own endpoints for programs: any origin may read their answers."""

from __future__ import annotations

from flask import Response

#: The issuer has no path, so these paths are fixed.
METADATA_PATH = "/.well-known/oauth-authorization-server"
AUTHORIZATION_PATH, TOKEN_PATH, INTROSPECTION_PATH = "/authorize", "/token", "/introspect"
MACHINE_PATHS = frozenset({TOKEN_PATH, "/par", "/revoke", INTROSPECTION_PATH, "/userinfo"})


def preflight() -> Response:
    """Answer the question that a browser asks before a cross-origin request."""
    return Response(status=204, headers={"Access-Control-Max-Age": "86400"})


def allow_any_origin(answer: Response) -> Response:
    """Let scripts of any origin read the answer: no cookie counts here, so nothing is given away."""
    answer.headers["Access-Control-Allow-Origin"] = "*"
    answer.headers["Access-Control-Allow-Methods"] = "GET, POST, OPTIONS"
    answer.headers["Access-Control-Allow-Headers"] = "Authorization, Content-Type, DPoP"
    answer.headers["Access-Control-Expose-Headers"] = "DPoP-Nonce, WWW-Authenticate, Location"
    return answer

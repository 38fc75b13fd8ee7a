"""The endpoints that programs call: tokens, pushed requests, revocation, introspection, userinfo; and their CORS."""

from __future__ import annotations

import re
from typing import Any

from authlib.oauth2 import OAuth2Error
from flask import Response, abort, jsonify, request

from ..oauth import IntrospectionEndpoint, ResourceProtector, current_access, verify_token
from .site import Site

#: RFC 9110 §5.6.2 tokens, as a browser lists the headers that it wants to send.
_HEADER_LIST = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+(?:, ?[A-Za-z0-9!#$%&'*+.^_`|~-]+){0,31}")
_EXPOSED = "DPoP-Nonce, WWW-Authenticate, Location, Retry-After"


class Endpoints:
    """The views of the direct endpoints.

    Args:
        site: the provider in one app.
        introspection: answers resource servers.
        protector: admits requests with a token of this server.
    """

    def __init__(self, site: Site, introspection: IntrospectionEndpoint, protector: ResourceProtector) -> None:
        self._site = site
        self._introspection = introspection
        self.userinfo = protector("profile")(self._userinfo)

    def push(self) -> Response:
        """Take an authorization request before anybody sees it (RFC 9126)."""
        return self._site.server.create_pushed_response()

    def token(self) -> Response:
        """Exchange a code or refresh token (RFC 6749 §3.2); end a token as clients did before 2022."""
        return self._site.server.create_token_response()

    def verify(self) -> Response:
        """Tell the holder of a token about it, as clients asked before 2022; other GET requests get 405."""
        server = self._site.server
        if not server.legacy.token_verification or "Authorization" not in request.headers:
            abort(405)  # RFC 6749 §3.2: "The client MUST use the HTTP POST method"
        return verify_token(server)

    def revoke(self) -> Response:
        """End a token (RFC 7009)."""
        return self._site.server.create_revocation_response()

    def introspect(self) -> Response:
        """Tell a resource server what a token allows (RFC 7662)."""
        return self._introspection.respond()

    def _userinfo(self) -> Response:
        """Return the claims of the account behind a token; ``sub`` equals ``me`` where there is one."""
        site, access = self._site, current_access
        return jsonify(site.profile(access.subject, access.scope) | {"sub": site.me(access.subject)})

    def redeem_for_identity(self) -> Response:
        """Answer who the person is in exchange for a code, without any token (IndieAuth §5.3.3)."""
        site = self._site
        try:
            grant = site.server.redeem_for_identity()
        except OAuth2Error as error:
            answer: Response = site.server.answer_error(error)
        else:
            answer = jsonify(site.identity_members(grant.subject, grant.scope.split()))
        answer.headers["Cache-Control"] = "no-store"
        answer.headers["Access-Control-Allow-Origin"] = "*"
        return answer


def preflight() -> Response:
    """Answer the question that a browser asks before a cross-origin request."""
    return allow_any_origin(Response(status=204, headers={"Access-Control-Max-Age": "86400"}))


def allow_any_origin(answer: Response) -> Response:
    """Let scripts of any origin read the answer. No cookie counts at these endpoints, and CORS never allows one."""
    headers: Any = answer.headers
    headers["Access-Control-Allow-Origin"] = "*"
    headers["Access-Control-Expose-Headers"] = _EXPOSED
    if request.method == "OPTIONS":
        asked = request.headers.get("Access-Control-Request-Headers", "")
        headers["Access-Control-Allow-Methods"] = "GET, POST, OPTIONS"
        headers["Access-Control-Allow-Headers"] = (
            asked if _HEADER_LIST.fullmatch(asked) else "Authorization, Content-Type, DPoP"
        )
        headers["Vary"] = "Access-Control-Request-Headers"
    return answer

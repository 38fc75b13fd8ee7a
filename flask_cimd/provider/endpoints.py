"""The direct endpoints: tokens, pushed requests, revocation, introspection, userinfo."""

from __future__ import annotations

from authlib.oauth2 import OAuth2Error
from flask import Response, abort, jsonify, request

from ..oauth import IntrospectionEndpoint, ResourceProtector, current_access, verify_token
from ..oauth.cors import allow_any_origin
from .site import Site


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
        """Answer a pushed authorization request (RFC 9126)."""
        return self._site.server.create_pushed_response()

    def token(self) -> Response:
        """Exchange a code or refresh token (RFC 6749 §3.2); for IndieAuth clients before 2022, revoke a token."""
        return self._site.server.create_token_response()

    def verify(self) -> Response:
        """Verify a token for its holder (IndieAuth before 2022); other GET requests get status 405."""
        server = self._site.server
        if not server.legacy.token_verification or "Authorization" not in request.headers:
            abort(405)  # RFC 6749 §3.2: "The client MUST use the HTTP POST method"
        return verify_token(server)

    def revoke(self) -> Response:
        """Revoke a token (RFC 7009)."""
        return self._site.server.create_revocation_response()

    def introspect(self) -> Response:
        """Return the rights of a token to a resource server (RFC 7662)."""
        return self._introspection.respond()

    def _userinfo(self) -> Response:
        """Return the claims of a token's account; ``sub`` equals ``me`` if the account has one."""
        site, access = self._site, current_access
        return jsonify(site.profile(access.subject, access.scope) | {"sub": site.me(access.subject)})

    def redeem_for_identity(self) -> Response:
        """Exchange a code for the person's identity, without a token (IndieAuth §5.3.3)."""
        site = self._site
        try:
            members = site.server.redeem_for_identity(
                lambda grant: site.identity_members(grant.subject, grant.scope.split())
            )
        except OAuth2Error as error:
            answer: Response = site.server.answer_error(error)
        else:
            answer = jsonify(members)
        return allow_any_origin(answer)

"""Authorization code and refresh token grants.

The authorization request must use PKCE with S256; a check only at redemption would be too late. One statement of the
storage spends a code or refresh token; a second presentation revokes the grant. The grant's snapshot has the client:
neither an unknown code nor a code or token of a public client causes a fetch.
"""

from __future__ import annotations

from typing import Any

from authlib.oauth2.rfc6749 import grants
from authlib.oauth2.rfc6749.errors import InvalidGrantError, InvalidScopeError
from authlib.oauth2.rfc6749.hooks import hooked
from flask import Response, request

from ...core.metadata import ClientMetadata
from ..client import MetadataClient, URLClient
from .approval import Approval, approve, deny
from .authorization_request import RequestReader
from .bound import Bound
from .parameters import form_of, refers_to_pushed, require_grant_type
from .presentation import REFUSED, Presented, present_code, present_refresh_token
from .request_snapshot import AuthorizationRequest
from .resource_indicators import granted_resources
from .storage import Code, Token
from .tokens import issue

Answer = tuple[int, Any, list[tuple[str, str]]]


class AuthorizationCodeGrant(Bound, grants.AuthorizationCodeGrant):  # type: ignore[misc]  # Authlib is untyped
    """Grant type for single-use authorization codes; a second redemption revokes the grant (RFC 6749 §4.1.2).

    Usable with Authlib's own server class: ``register_grant(AuthorizationCodeGrant.bind(context), [RequirePKCE()])``.
    There, ``get_consent_grant`` also accepts pushed requests, and ``grant_user`` of ``create_authorization_response``
    is the subject as a string, or an object with ``get_user_id``.
    """

    # -- authorization endpoint of Authlib's own server -----------------------------------------------------------

    @classmethod
    def check_authorization_endpoint(cls, request: Any) -> bool:
        """Return whether the request asks for a code; ``response_type`` is optional in a pushed request."""
        return super().check_authorization_endpoint(request) or refers_to_pushed(request.payload.data)

    def validate_authorization_request(self) -> str:
        """Validate the current request as `RequestReader` does and return its redirect URI.

        Raises:
            CIMDError: the client or the redirect URI is not valid.
            OAuth2Error: with ``redirect_uri``.
        """
        asked = RequestReader(self.context).read()
        self.request.client = self._client_of(asked)
        self.request.scope = asked.scope
        self.request.asked = asked
        return asked.redirect_uri

    def create_authorization_response(self, redirect_uri: str, grant_user: Any) -> Answer:  # noqa: ARG002  Authlib's
        """Store the grant and send the code to the client; without ``grant_user`` send ``access_denied``."""
        asked: AuthorizationRequest = self.request.asked
        if not grant_user:
            return _as_answer(deny(self.context, asked))
        get_user_id = getattr(grant_user, "get_user_id", None)
        subject = str(get_user_id() if get_user_id else grant_user)
        return _as_answer(approve(self.context, Approval(request=asked, subject=subject)))

    def _client_of(self, asked: AuthorizationRequest) -> Any:
        if asked.client is not None:
            return URLClient(asked.client)
        return self.context.clients.find_registered(asked.client_id)

    # -- token endpoint -------------------------------------------------------------------------------------------

    @hooked  # type: ignore[untyped-decorator]  # Authlib is untyped
    def validate_token_request(self) -> None:
        """Find the presented code and check the request: proof, client, code, redirect URI.

        Raises:
            OAuth2Error: RFC 6749 §5.2.
        """
        presented = present_code(self.context, request)
        require_grant_type(presented.client, "authorization_code")
        self._require_alive(presented)
        _require_redirect_uri(form_of(request).get("redirect_uri"), presented.item)
        self.request.client, self.request.auth_method = presented.client, presented.authentication.method
        self.request.authorization_code = presented

    def _require_alive(self, presented: Presented[Code]) -> None:
        grant, code, now = presented.grant, presented.item, self.context.clock()
        if code.spent:
            self.context.end_reused(grant)
        if code.spent or grant.is_over(now) or code.expires_at <= now:
            raise InvalidGrantError(REFUSED)

    def create_token_response(self) -> Answer:
        """Spend the code and store its tokens in one transaction."""
        presented: Presented[Code] = self.request.authorization_code
        grant = presented.settled()
        if not grant.scope and not grant.resource:
            # IndieAuth §5.3.4: a code without scope yields the profile response only.
            raise InvalidGrantError("No scope was granted; redeem the code at the authorization endpoint.")
        refreshable = presented.client.check_grant_type("refresh_token")
        tokens, answer = issue(
            self.context, grant, grant.scope, form_of(request).getlist("resource"), refreshable=refreshable
        )
        self.redeem(presented, tokens)
        return 200, answer, _token_headers(self)

    def redeem(self, presented: Presented[Code], tokens: tuple[Token, ...]) -> None:
        """Spend the code; the second of two simultaneous redemptions revokes the grant instead.

        Raises:
            InvalidGrantError: the code was spent meanwhile.
        """
        storage, now = self.context.storage, self.context.clock()
        if not storage.redeem_code(presented.item.digest, tokens, now, presented.settled()):
            self.context.end_reused(presented.grant)
            raise InvalidGrantError(REFUSED)

    def delete_authorization_code(self, authorization_code: Presented[Code]) -> None:
        """Spend a code without issuing tokens, for example after a wrong PKCE verifier."""
        self.context.storage.redeem_code(authorization_code.item.digest, (), self.context.clock())

    def waives_pkce(self) -> bool:
        """Return whether the settings waive the PKCE challenge for the client of the current request."""
        client = self.request.client
        metadata: ClientMetadata | None = client.metadata if isinstance(client, MetadataClient) else None
        return self.context.legacy.waives_pkce(metadata)


class RefreshTokenGrant(Bound, grants.RefreshTokenGrant):  # type: ignore[misc]  # Authlib is untyped
    """Grant type for refresh tokens that rotate on every use; reuse revokes the grant (RFC 9700 §4.14.2).

    During `ServerContext.refresh_grace` after the first rotation, reuse counts as a repetition: a parallel request, or
    a retry after a lost response. See `TokenStorage.rotate`.

    Usable with Authlib's own server class: ``register_grant(RefreshTokenGrant.bind(context))``.
    """

    def validate_token_request(self) -> None:
        """Find the presented refresh token and check the request: proof, client, token, scope.

        Raises:
            OAuth2Error: RFC 6749 §5.2.
        """
        presented = present_refresh_token(self.context, request)
        require_grant_type(presented.client, "refresh_token")
        self._require_alive(presented)
        self._require_scope(presented)
        self.request.client, self.request.auth_method = presented.client, presented.authentication.method
        self.request.refresh_token = presented

    def _require_alive(self, presented: Presented[Token]) -> None:
        grant, token, now = presented.grant, presented.item, self.context.clock()
        if token.is_alive(grant, now) or token.may_repeat(grant, now, self.context.refresh_grace):
            return
        if token.spent:
            self.context.end_reused(grant)
        raise InvalidGrantError(REFUSED)

    @staticmethod
    def _scope(token: Token) -> str:
        """Return the granted part of the requested scope; clients may repeat their first, broader request."""
        named = form_of(request).get("scope")
        if named is None:
            return token.scope
        return " ".join(word for word in dict.fromkeys(named.split()) if word in token.scope.split())

    def _require_scope(self, presented: Presented[Token]) -> None:
        known = granted_resources(
            form_of(request).getlist("resource"), presented.grant, self.context.find_resource, self.context.issuer
        )
        scope = self._scope(presented.item)
        if form_of(request).get("scope") is not None and not self.context.scope_at(scope, known):
            raise InvalidScopeError("Nothing of the scope was granted.")

    def create_token_response(self) -> Answer:
        """Rotate the token; the new refresh token keeps the grant's scope (RFC 6749 §6)."""
        presented: Presented[Token] = self.request.refresh_token
        grant, storage = presented.settled(), self.context.storage
        tokens, answer = issue(
            self.context, grant, self._scope(presented.item), form_of(request).getlist("resource"), refreshable=True
        )
        now, grace = self.context.clock(), self.context.refresh_grace
        if not storage.rotate(presented.item.digest, tokens, now, grant, grace=grace):
            self._end_unless_repeated(presented)
            raise InvalidGrantError(REFUSED)
        return 200, answer, _token_headers(self)

    def _end_unless_repeated(self, presented: Presented[Token]) -> None:
        # Within the grace period, too many repetitions are parallel requests of one client, not theft.
        now, found = self.context.clock(), self.context.storage.find_token(presented.item.digest)
        if found is None or not found[1].may_repeat(found[0], now, self.context.refresh_grace):
            self.context.end_reused(presented.grant)


def _require_redirect_uri(sent: str | None, code: Code) -> None:
    # OAuth 2.1 §10.2: with PKCE the parameter is redundant, and OAuth 2.1 clients omit it.
    if sent is None and code.code_challenge:
        return
    if sent != code.redirect_uri:
        raise InvalidGrantError("The redirect_uri is not the one of the authorization request.")


def _token_headers(grant: AuthorizationCodeGrant | RefreshTokenGrant) -> list[tuple[str, str]]:
    return [*grant.TOKEN_RESPONSE_HEADER, *grant.context.dpop.nonce_header().items()]


def _as_answer(response: Response) -> Answer:
    return response.status_code, response.get_data(as_text=True), list(response.headers.items())

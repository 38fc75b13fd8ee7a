"""Code and refresh grants with the rules that Authlib leaves to its users.

S256 is required when the code is asked for, not only when it is redeemed; codes and refresh tokens are spent by one
statement; what is presented twice ends the whole grant. Clients that identify themselves by URL are judged by the
snapshot that was taken at consent: an unknown code never causes a fetch, and a public client's code or token neither.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import uuid4

from authlib.oauth2.rfc6749 import grants
from authlib.oauth2.rfc6749.errors import InvalidGrantError, InvalidRequestError, UnauthorizedClientError
from authlib.oauth2.rfc7636 import CodeChallenge
from flask import request as current_request

from ...errors import CIMDError, RequestError
from ..errors import ClientResolutionError
from .atproto import refresh_end
from .binding import bound_key, require_other_key
from .client_authentication import Authentication, KeyGoneError, require_bound_key
from .resource_indicators import granted_resources
from .storage import Code, Grant, Token, digest, new_secret

if TYPE_CHECKING:
    from .server import AuthorizationServer

T = TypeVar("T")
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_REFUSED = "The code or token is invalid, expired, used or was issued to another client."


class RequirePKCE(CodeChallenge):  # type: ignore[misc]  # Authlib is untyped
    """PKCE with S256 (RFC 9700 §2.1.1); a wrong verifier burns the code.

    Every client needs it, except legacy clients by a switch; who came with a challenge must come with its verifier,
    and who came without one must not bring any.
    """

    DEFAULT_CODE_CHALLENGE_METHOD = "S256"
    SUPPORTED_CODE_CHALLENGE_METHOD = ("S256",)

    def validate_code_challenge(self, grant: Any, redirect_uri: str) -> None:
        """Refuse a request without an S256 challenge (RFC 7636 §4.4.1)."""
        metadata = getattr(grant.request.client, "metadata", None)
        check_challenge(grant.request.payload.data, required=not grant.server.legacy.waives_pkce(metadata))
        super().validate_code_challenge(grant, redirect_uri)

    def validate_code_verifier(self, grant: Any, result: Any) -> None:
        """Compare, and spend the code if the verifier is wrong: whoever guesses has one attempt."""
        try:
            if not self.get_authorization_code_challenge(grant.request.authorization_code):
                _require_no_verifier(grant.request.form)
                return
            super().validate_code_verifier(grant, result)
        except InvalidGrantError:
            grant.server.storage.redeem_code(digest(grant.request.form["code"]), (), grant.server.clock())
            raise

    def get_authorization_code_challenge_method(self, authorization_code: Any) -> str:  # noqa: ARG002
        """Return ``S256``: no other code is ever issued."""
        return "S256"


def check_challenge(values: Mapping[str, str], *, required: bool) -> None:
    """Refuse a request whose code challenge is missing or not one of S256.

    A request without a challenge needs a ``state``: nothing else would tie its answer to the browser that asked.

    Raises:
        InvalidRequestError: to be sent to the client.
    """
    challenge = values.get("code_challenge")
    if not challenge and not required and not values.get("code_challenge_method"):
        if not values.get("state"):
            raise InvalidRequestError("Without a code_challenge the parameter state is required.")
        return
    if not challenge:
        raise InvalidRequestError("The parameter code_challenge is required.")
    # RFC 7636 §4.3: without a method, plain is meant.
    if values.get("code_challenge_method") != "S256":
        raise InvalidRequestError("The parameter code_challenge_method must be S256.")
    if not _CHALLENGE.fullmatch(challenge):
        raise InvalidRequestError("The parameter code_challenge is not an S256 challenge.")


def _require_no_verifier(form: Mapping[str, str]) -> None:
    # RFC 9700 §4.8.2: a verifier for a code without a challenge shows that somebody removed the challenge.
    if form.get("code_verifier"):
        raise InvalidGrantError("The code was asked for without a challenge.")


class _PresentedCode:
    """What Authlib asks a code."""

    def __init__(self, grant: Grant, code: Code) -> None:
        self.grant, self.code = grant, code
        self.code_challenge = code.code_challenge

    def get_redirect_uri(self) -> str:
        return self.code.redirect_uri

    def get_scope(self) -> str:
        return self.grant.scope


class _PresentedToken:
    """What Authlib asks a refresh token."""

    def __init__(self, grant: Grant, token: Token) -> None:
        self.grant, self.token = grant, token

    def check_client(self, client: Any) -> bool:
        return bool(client.get_client_id() == self.grant.client_id)

    def get_scope(self) -> str:
        return self.token.scope


class _SnapshotClients:
    """Finds the client of a token request in the snapshot that its grant keeps."""

    server: AuthorizationServer
    request: Any
    authentication: Authentication
    dpop_jkt: str | None

    def authenticate_presenter(self, found: Grant | None, parameter: str) -> Any:
        """Return the client that presents a code or refresh token, or raise what RFC 6749 §5.2 names.

        Args:
            found: the grant it belongs to; ``None`` if there is none.
            parameter: the name of the one that holds the code or token.
        """
        form, authenticator = self.request.form, self.server.authenticator
        if not form.get(parameter):
            raise InvalidRequestError(f"The parameter {parameter} is missing.")
        # AT-67: a client that must repeat the request with a nonce does so with the same assertion, code or token.
        proof = self.server.dpop.read(current_request)
        if found is None:
            raise InvalidGrantError(_REFUSED)
        try:
            self.authentication = authenticator.check_grant(form, found, is_exchange=parameter == "code")
        except KeyGoneError:
            self.server.storage.revoke_grant(found.id, self.server.clock())
            raise
        require_bound_key(found, self.authentication)
        require_other_key(proof, self.authentication.key)
        self.dpop_jkt = bound_key(found, self.authentication.client, proof, is_refresh=parameter == "refresh_token")
        authenticator.spend(self.authentication)
        self.request.auth_method = self.authentication.method
        return self.authentication.client


class AuthorizationCodeGrant(_SnapshotClients, grants.AuthorizationCodeGrant):  # type: ignore[misc]  # untyped
    """Codes that live for a minute, are redeemed once, and end their grant when they come back."""

    def save_authorization_code(self, code: str, request: Any) -> None:
        """Keep the code's digest with the grant that it stands for."""
        server, approved, now = self.server, request.approval, self.server.clock()
        grant = Grant(
            id=uuid4().hex,
            client_id=approved.request.client_id,
            client=approved.request.client,
            fingerprint=approved.request.fingerprint,
            subject=request.user,
            scope=request.scope,
            resource=approved.request.resource,
            redirect_uri=approved.request.redirect_uri,
            access_lifetime=approved.access_lifetime,
            created_at=now,
            auth_method=approved.request.auth_method,
            client_key=approved.request.client_key,
            dpop_jkt=approved.request.dpop_jkt,
            auth_time=approved.auth_time,
        )
        kept = Code(
            digest=digest(code),
            redirect_uri=approved.request.redirect_uri,
            code_challenge=approved.request.code_challenge,
            expires_at=now + server.code_lifetime,
        )
        if server.storage.add_code(grant, kept, *([approved.settlement] if approved.settlement else [])) is False:
            raise RequestError("request-decided", grant.client_id, hint="the request was decided already, or expired")

    def generate_authorization_code(self) -> str:
        """Return a code of 256 bits."""
        return new_secret()

    def authenticate_token_endpoint_client(self) -> Any:
        """Return the client from the code's snapshot, with a proof of its key if it has one."""
        found = self._found()
        return self.authenticate_presenter(found[0] if found else None, "code")

    def query_authorization_code(self, code: str, client: Any) -> Any:  # noqa: ARG002  Authlib passes it
        """Return the code if it is alive; a spent one ends everything that came from it (RFC 6749 §4.1.2)."""
        found = self._found()
        if found is None or found[0].client_id != client.get_client_id():
            return None
        grant, kept = found
        if kept.spent:
            self.server.storage.revoke_grant(grant.id, self.server.clock())
            return None
        if grant.revoked or kept.expires_at <= self.server.clock():
            return None
        return _PresentedCode(grant, kept)

    def create_token_response(self) -> Any:
        """Spend the code and issue its tokens, in one transaction of the storage."""
        presented = self.request.authorization_code
        grant: Grant = presented.grant
        if not grant.scope and not grant.resource:
            # IndieAuth §5.3.4: a code without scope is for the profile answer alone.
            raise InvalidGrantError("No scope was granted; redeem the code at the authorization endpoint.")
        resource = granted_resources(self.request.payload.data.getlist("resource"), grant.resource, self.server)
        settled = self._settled(grant)
        tokens, answer = issue(
            self.server, settled, grant.scope, resource, refreshable=self.client.check_grant_type("refresh_token")
        )
        self.redeem(presented, tokens)
        return 200, {**answer, **self.server.token_extras(settled)}, self.TOKEN_RESPONSE_HEADER

    def _settled(self, grant: Grant) -> Grant:
        """Return the grant with the keys and the authentication that this exchange began with."""
        method, key = self.server.authenticator.settle(grant, self.authentication)
        return replace(grant, auth_method=method, client_key=key, dpop_jkt=self.dpop_jkt)

    def redeem(self, presented: Any, tokens: tuple[Token, ...]) -> None:
        """Spend the code; whoever comes second ends the grant instead."""
        now = self.server.clock()
        settled = self._settled(presented.grant)
        if not self.server.storage.redeem_code(presented.code.digest, tokens, now, settled):
            self.server.storage.revoke_grant(presented.grant.id, now)
            raise InvalidGrantError(_REFUSED)

    def _found(self) -> tuple[Grant, Code] | None:
        code = self.request.form.get("code")
        return readable(self.server.storage.find_code, code) if code else None


class RefreshTokenGrant(_SnapshotClients, grants.RefreshTokenGrant):  # type: ignore[misc]  # Authlib is untyped
    """Refresh tokens that rotate with every use; one that comes back ends the grant (RFC 9700 §4.14.2)."""

    INCLUDE_NEW_REFRESH_TOKEN = True

    def authenticate_token_endpoint_client(self) -> Any:
        """Return the client from the grant's snapshot, with a proof of its key if it has one."""
        found = self._found()
        return self.authenticate_presenter(found[0] if found else None, "refresh_token")

    def authenticate_refresh_token(self, refresh_token: str) -> Any:  # noqa: ARG002  Authlib passes it
        """Return the token if it is alive; a rotated one ends the grant with its newest token."""
        found = self._found()
        if found is None:
            return None
        grant, token = found
        if token.spent:
            self.server.storage.revoke_grant(grant.id, self.server.clock())
            return None
        return _PresentedToken(grant, token) if token.is_alive(grant, self.server.clock()) else None

    def authenticate_user(self, refresh_token: Any) -> str:
        """Return the subject of the grant."""
        return str(refresh_token.grant.subject)

    def create_token_response(self) -> Any:
        """Rotate: the new refresh token keeps the original scope, the access token may have less (RFC 6749 §6)."""
        presented = self.request.refresh_token
        scope = self.request.payload.scope or presented.get_scope()
        resource = granted_resources(
            self.request.payload.data.getlist("resource"), presented.grant.resource, self.server
        )
        grant = replace(presented.grant, dpop_jkt=self.dpop_jkt)
        tokens, answer = issue(self.server, grant, scope, resource, refreshable=True)
        now = self.server.clock()
        if not self.server.storage.rotate(presented.token.digest, tokens, now, grant):
            self.server.storage.revoke_grant(grant.id, now)
            raise InvalidGrantError(_REFUSED)
        return 200, {**answer, **self.server.token_extras(grant)}, self.TOKEN_RESPONSE_HEADER

    def _found(self) -> tuple[Grant, Token] | None:
        secret = self.request.form.get("refresh_token")
        found = readable(self.server.storage.find_token, secret) if secret else None
        return found if found and found[1].kind == "refresh" else None


def readable(find: Callable[[str], T], secret: str) -> T:
    """Return what the storage keeps for a secret.

    Raises:
        ClientResolutionError: another version of this library wrote the client's metadata.
    """
    try:
        return find(digest(secret))
    except CIMDError as error:
        raise ClientResolutionError(error) from error


def issue(
    server: AuthorizationServer, grant: Grant, scope: str, resource: tuple[str, ...], *, refreshable: bool
) -> tuple[tuple[Token, ...], dict[str, Any]]:
    """Make an access token, and a refresh token if the client may have one: what to keep, and what to answer."""
    now, access, scope = server.clock(), new_secret(), server.scope_at(scope, resource)
    tokens = [_token("access", access, scope, now, now + grant.access_lifetime, resource)]
    answer: dict[str, Any] = {
        "access_token": access,
        "token_type": "DPoP" if grant.dpop_jkt else "Bearer",
        "expires_in": int(grant.access_lifetime / timedelta(seconds=1)),
        "scope": scope,
    }
    if refreshable:
        refresh = new_secret()
        ends = refresh_end(grant, now, server.refresh_idle, server.refresh_absolute)
        tokens.append(_token("refresh", refresh, grant.scope, now, ends))
        answer["refresh_token"] = refresh
    return tuple(tokens), answer


def _token(
    kind: Any, secret: str, scope: str, now: datetime, expires_at: datetime, resource: tuple[str, ...] = ()
) -> Token:
    return Token(
        digest=digest(secret), kind=kind, scope=scope, resource=resource, created_at=now, expires_at=expires_at
    )


def require_grant_type(client: Any, grant_type: str) -> None:
    """Refuse a client whose document does not list the grant.

    Raises:
        UnauthorizedClientError: to be sent to the client.
    """
    if not client.check_grant_type(grant_type):
        raise UnauthorizedClientError("The client does not list the grant type authorization_code.")

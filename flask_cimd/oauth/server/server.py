"""Authlib's authorization server with its traps closed: requests become snapshots, snapshots become answers.

A request is validated once. What was seen then, the client's metadata included, is what consent shows, what the code
is bound to and where the answer goes; a document that changes meanwhile changes nothing (RFC 9700 §4.1).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from authlib.integrations.flask_oauth2 import AuthorizationServer as AuthlibServer
from authlib.integrations.flask_oauth2.requests import FlaskOAuth2Request
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749.errors import AccessDeniedError, InvalidRequestError
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload, OAuth2Request
from flask import Flask, Response, request

from ...core.atproto import SCOPE as ATPROTO
from ...core.clock import utc_now
from ...core.legacy import LegacyRules
from ...core.metadata import ClientMetadata
from ...core.proof import DEFAULT_ALGORITHMS
from ...errors import CIMDError, IdentifierError, RegistrationEndedError
from ...extension import CIMD
from ..client import MetadataClient, URLClient
from ..dpop import DPoP
from ..errors import ClientResolutionError
from .atproto import limited_access
from .authorization_request import RequestReader
from .client_authentication import Authenticator
from .grants import AuthorizationCodeGrant, RefreshTokenGrant, RequirePKCE
from .par import PushedRequests
from .parameters import check_form
from .resource_indicators import Resource, Resources
from .response_modes import RESPONSE_MODES, AuthorizationResponse
from .revocation import RevocationEndpoint
from .storage import AuthorizationRequest, Grant, Settlement, Token, TokenStorage, digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """A person's yes to a request."""

    request: AuthorizationRequest
    access_lifetime: timedelta
    auth_time: datetime | None
    settlement: Settlement | None = None


#: Returns what the storage writes together with a decision, by the answer that the client is sent.
Settle = Callable[[AuthorizationResponse], Settlement]


class AuthorizationServer(AuthlibServer):  # type: ignore[misc]  # Authlib is untyped
    """An OAuth server whose clients identify themselves by URL.

    Args:
        app: set up at once; otherwise call `init_app`.
        cimd: the extension that resolves clients.
        storage: where grants, codes and tokens are kept.
        issuer: the exact string of ``iss`` and of the metadata document.
        scopes: what this server grants; others are ignored (IndieAuth §5.2), and what is left may be nothing.
        resources: where tokens can be asked for besides this server's own endpoints (RFC 8707).
        code_lifetime: RFC 6749 §4.1.2 recommends 10 minutes at most.
        access_lifetime: of access tokens, where the approval says nothing else.
        refresh_idle: a refresh token that is not used for so long ends.
        refresh_absolute: after so long consent is asked for again.
        token_extras: further members of a token answer, by grant.
        dpop_algorithms: of the signatures of DPoP proofs.
        clock: returns the current aware instant.
    """

    def __init__(
        self,
        app: Flask | None = None,
        *,
        cimd: CIMD,
        storage: TokenStorage,
        issuer: str = "",
        scopes: Collection[str] = (),
        resources: Resources = MappingProxyType({}),
        code_lifetime: timedelta = timedelta(seconds=60),
        access_lifetime: timedelta = timedelta(minutes=15),
        refresh_idle: timedelta = timedelta(days=90),
        refresh_absolute: timedelta = timedelta(days=365),
        token_extras: Callable[[Grant], Mapping[str, Any]] = lambda grant: {},  # noqa: ARG005
        dpop_algorithms: Collection[str] = DEFAULT_ALGORITHMS,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self.cimd = cimd
        self.storage = storage
        self.issuer = issuer
        self.scopes = scopes
        self.resources = resources
        self.code_lifetime = code_lifetime
        self.access_lifetime = access_lifetime
        self.refresh_idle = refresh_idle
        self.refresh_absolute = refresh_absolute
        self.token_extras = token_extras
        self.clock = clock
        self.dpop = DPoP(once=storage, origin=issuer, algorithms=dpop_algorithms, clock=clock)
        self.reader = RequestReader(self)
        self.pushed = PushedRequests(self)
        self.authenticator = Authenticator(cimd=cimd, storage=storage, issuer=issuer, clock=clock)
        super().__init__(app, query_client=cimd.query_client)
        self.register_grant(AuthorizationCodeGrant, [RequirePKCE()])
        self.register_grant(RefreshTokenGrant)
        self.register_endpoint(RevocationEndpoint)

    def init_app(self, app: Flask, query_client: Any = None, save_token: Any = None) -> None:
        """Set an app up; errors that may go to the client are redirected by an error handler."""
        super().init_app(app, query_client=query_client, save_token=save_token)
        app.register_error_handler(OAuth2Error, self.answer_error)

    @property
    def auth_methods(self) -> tuple[str, ...]:
        """The client authentication methods that the current app has enabled."""
        return self.cimd.settings.document_rules.auth_methods

    @property
    def legacy(self) -> LegacyRules:
        """What the current app still lets older clients do."""
        return self.cimd.settings.legacy

    # -- authorization endpoint -------------------------------------------------------------------------------

    def check_authorization_request(self) -> None:
        """Refuse the current HTTP request if nothing can come of it; no network, and nobody need be logged in.

        Raises:
            CIMDError: to be shown on a page of your own.
        """
        self.reader.check()

    def read_authorization_request(self) -> AuthorizationRequest:
        """Return the snapshot of the current HTTP request, pushed or not. The person must be logged in already.

        Raises:
            CIMDError: who asks, or where the answer may go, is not established; show it on a page of your own.
            OAuth2Error: with ``redirect_uri``; `answer_error` sends it to the client.
        """
        return self.reader.read()

    def query_client(self, client_id: str) -> Any:
        """Return the client, as the requested scope makes it."""
        client = super().query_client(client_id)
        if not isinstance(client, URLClient) or not client.metadata.is_built_here:
            return client
        try:
            return URLClient(self.cimd.for_scope(client.metadata, request.values.get("scope")))
        except CIMDError as error:
            raise ClientResolutionError(error) from error

    def find_resource(self, identifier: str) -> Resource | None:
        """Return what tokens can be asked for; the issuer stands for this server's own endpoints."""
        if identifier == self.issuer:
            return Resource(identifier=identifier, name=identifier, scopes=tuple(self.scopes))
        return self.resources.get(identifier)

    def scope_at(self, scope: str, resource: Collection[str]) -> str:
        """Return the part of a granted scope that means something at these resources (RFC 9700 §2.3)."""
        found = [known for known in map(self.find_resource, resource) if known]
        words = {word for known in found for word in known.scopes}
        return " ".join(word for word in scope.split() if not resource or word in words)

    def approve(
        self,
        approved: AuthorizationRequest,
        *,
        subject: str,
        scope: Collection[str] | None = None,
        access_lifetime: timedelta | None = None,
        auth_time: datetime | None = None,
        settle: Settle | None = None,
    ) -> Response:
        """Issue a code and send the person back to the client.

        Args:
            approved: the snapshot that the person saw.
            subject: who approves.
            scope: what was left ticked, a subset of what was requested; ``None`` for all of it.
            access_lifetime: of access tokens, if the person chose it.
            auth_time: when the person logged in; resources may ask for it (RFC 9470).
            settle: returns what the storage writes in the transaction that keeps the code, by the answer.

        Raises:
            RequestError: the request was decided already.
        """
        # AT Protocol OAuth: consent may narrow what an app gets, but atproto itself stays.
        granted = [word for word in approved.scope.split() if scope is None or word in scope or word == ATPROTO]
        if approved.resource and approved.scope and not granted:
            # Access to a place where nothing may be done is no access; without a place it is a sign-in alone.
            return self.deny(approved, settle=settle)
        if settle is None:
            self.pushed.settle(approved)
        authorization = OAuth2Request(request.method, request.url)
        authorization.payload = BasicOAuth2Payload({"state": approved.state})
        authorization.scope = " ".join(granted)
        authorization.user = subject
        lifetime = limited_access(authorization.scope, access_lifetime or self.access_lifetime)
        grant = AuthorizationCodeGrant(authorization, self)
        code = grant.generate_authorization_code()
        answer = self._response(
            approved.redirect_uri,
            approved.state,
            [("code", code), *self._me(approved, subject)],
            approved.response_mode,
        )
        authorization.approval = Approval(
            request=approved,
            access_lifetime=lifetime,
            auth_time=auth_time,
            settlement=settle(answer) if settle else None,
        )
        grant.save_authorization_code(code, authorization)
        return answer.send()

    def _me(self, approved: AuthorizationRequest, subject: str) -> list[tuple[str, str]]:
        if not self.legacy.me or approved.client is None:
            return []
        metadata = self.metadata_of(approved.client_id, approved.client)
        return [("me", subject)] if self.legacy.tells_me(metadata) else []

    def deny(
        self, denied: AuthorizationRequest, description: str | None = None, *, settle: Settle | None = None
    ) -> Response:
        """Tell the client that the person said no (RFC 6749 §4.1.2.1).

        Raises:
            RequestError: the request was decided already.
        """
        answer = self.error_response(self.denial(denied, description))
        if settle is None:
            self.pushed.settle(denied)
        else:
            self.pushed.settle_with(settle(answer), denied)
        return answer.send()

    def denial(self, denied: AuthorizationRequest, description: str | None = None) -> OAuth2Error:
        """Return ``access_denied`` for a request, to be sent to its redirect URI."""
        error = AccessDeniedError(description, redirect_uri=denied.redirect_uri, state=denied.state)
        error.response_mode = denied.response_mode
        return error

    def answer_error(self, error: OAuth2Error) -> Response:
        """Send an error to the client's redirect URI if that is established, else answer it as JSON."""
        if error.redirect_uri is None:
            return self.handle_response(*error())
        return self.error_response(error).send()

    def error_response(self, error: OAuth2Error) -> AuthorizationResponse:
        """Return the answer that takes an error to its redirect URI."""
        members = [("error", error.error), ("error_description", error.get_error_description())]
        mode = getattr(error, "response_mode", None)
        return self._response(
            error.redirect_uri,
            error.state,
            [(name, value) for name, value in members if value],
            mode if mode in RESPONSE_MODES else "query",
        )

    def _response(
        self, redirect_uri: str, state: str | None, members: list[tuple[str, str]], mode: str
    ) -> AuthorizationResponse:
        """Return the answer with ``state`` as it came, and with the issuer (RFC 9207 §2)."""
        told = (*members, *([("state", state)] if state else []), ("iss", self.issuer))
        return AuthorizationResponse(redirect_uri=redirect_uri, members=told, mode=mode)

    # -- direct endpoints ---------------------------------------------------------------------------------------

    def handle_response(self, status: int, body: Any, headers: Any) -> Response:
        """Return Authlib's answer with the newest DPoP nonce: the next request may need it."""
        response: Response = super().handle_response(status, body, headers)
        response.headers.update(self.dpop.nonce_header())
        return response

    def create_pushed_response(self) -> Response:
        """Answer the endpoint for pushed authorization requests (RFC 9126)."""
        return self.pushed.respond()

    def create_oauth2_request(self, request: Any) -> OAuth2Request:
        """Return a prepared request as it is; Authlib's own version would read the HTTP request again."""
        return request if isinstance(request, OAuth2Request) else FlaskOAuth2Request(_current_request())

    def create_token_response(self, request: Any = None) -> Response:
        """Answer the token endpoint."""
        try:
            check_form(_current_request())
            self._check_grant_type(_current_request().form.get("grant_type"))
        except OAuth2Error as error:
            return self.answer_error(error)
        return super().create_token_response(request)  # type: ignore[no-any-return]

    def _check_grant_type(self, grant_type: str | None) -> None:
        if not grant_type:
            raise InvalidRequestError("The parameter grant_type is missing.")
        if grant_type not in {grant.GRANT_TYPE for grant, _ in self._token_grants}:
            # Authlib would echo the value in its error, and fail on a quote in it.
            raise OAuth2Error("The grant type is not supported.", error="unsupported_grant_type")

    def create_revocation_response(self) -> Response:
        """Answer the revocation endpoint (RFC 7009)."""
        try:
            check_form(_current_request())
        except OAuth2Error as error:
            return self.answer_error(error)
        return self.create_endpoint_response(RevocationEndpoint.ENDPOINT_NAME)  # type: ignore[no-any-return]

    def redeem_for_identity(self) -> Grant:
        """Spend a code for the answer who the person is, without any token (IndieAuth §5.3.3).

        Raises:
            OAuth2Error: as at the token endpoint.
        """
        check_form(request)
        if not request.form.get("grant_type") and not self.legacy.redeem:
            raise InvalidRequestError("The parameter grant_type is missing.")
        if (request.form.get("grant_type") or "authorization_code") != "authorization_code":
            raise OAuth2Error("The grant type is not supported here.", error="unsupported_grant_type")
        grant = AuthorizationCodeGrant(self.create_oauth2_request(None), self)
        RequirePKCE()(grant)
        grant.validate_token_request()
        presented = grant.request.authorization_code
        grant.redeem(presented, ())
        found: Grant = presented.grant
        return found

    def find_access_token(self, secret: str) -> tuple[Grant, Token] | None:
        """Return a living access token with its grant; ``None`` if today's policy refuses the token's client."""
        try:
            found = self.storage.find_token(digest(secret))
        except CIMDError:
            return None
        if found is None:
            return None
        grant, token = found
        is_alive = token.kind == "access" and token.is_alive(grant, self.clock())
        return found if is_alive and self._is_admitted(grant) else None

    def _is_admitted(self, grant: Grant) -> bool:
        """Apply the policy of today, ``allow_client`` hooks included, as on every use (CIMD §8.9)."""
        try:
            if grant.client is None:
                self.cimd.find_registered(grant.client_id)
            else:
                self.cimd.readmit(grant.client)
        except RegistrationEndedError:
            return True  # nothing more is granted; what was granted ends by itself
        except CIMDError:
            return False
        return True

    def metadata_of(self, client_id: str, client: ClientMetadata | None) -> ClientMetadata:
        """Return the metadata of a request's or grant's client under the policy of today.

        Args:
            client_id: the raw identifier.
            client: ``AuthorizationRequest.client`` or ``Grant.client``; ``None`` asks for the client that registered
                itself under this identifier.

        Raises:
            CIMDError: policy refuses the client, or the app registered it without metadata.
        """
        if client is not None:
            return self.cimd.readmit(client)
        registered = self.cimd.find_registered(client_id)
        if not isinstance(registered, MetadataClient):
            raise IdentifierError("unknown-client", client_id, hint="no client of this name describes itself")
        return registered.metadata


def _current_request() -> Any:
    return request

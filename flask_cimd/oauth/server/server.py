"""Authlib's authorization server, hardened: it validates a request once and then works with a snapshot.

The snapshot, which includes the client's metadata, determines the consent page, the binding of the code and the target
of the response; a later change of the document has no effect (RFC 9700 §4.1).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, TypeVar

from authlib.integrations.flask_oauth2 import AuthorizationServer as AuthlibServer
from authlib.integrations.flask_oauth2.requests import FlaskOAuth2Payload, FlaskOAuth2Request
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749.errors import InvalidRequestError
from authlib.oauth2.rfc6749.requests import OAuth2Request
from flask import Flask, Response, request

from ...clients.directory import ClientDirectory
from ...core.clock import Clock, utc_now
from ...core.legacy import LegacyRules
from ...core.metadata import ClientMetadata
from ...core.policy import Allowance
from ...core.proof import DEFAULT_ALGORITHMS
from ...errors import UnavailableError
from ..dpop import DPoP
from ..errors import json_error, unavailable_response
from ..resource_metadata import Resource
from . import approval
from .allowance import within_allowance
from .approval import Approval, Settle
from .authorization_request import RequestReader
from .context import ServerContext
from .grants import AuthorizationCodeGrant, RefreshTokenGrant
from .par import PushedRequests
from .parameters import check_form, form_of, values_of
from .pkce import RequirePKCE
from .presentation import Presented
from .request_snapshot import AuthorizationRequest
from .resource_indicators import Resources
from .response_modes import AuthorizationResponse
from .revocation import RevocationEndpoint
from .storage import Code, Grant, Token, TokenStorage

T = TypeVar("T")


class AuthorizationServer(AuthlibServer):  # type: ignore[misc]  # Authlib is untyped
    """An OAuth server whose clients identify themselves by URL.

    Args:
        app: the app to set up; ``None`` if `init_app` is called later.
        cimd: finds clients and applies the operator's policy.
        storage: stores grants, codes and tokens.
        issuer: exact value of ``iss`` and of the metadata document.
        scopes: scopes that this server grants; it ignores others (IndieAuth §5.2).
        resources: further resources for which clients can request tokens (RFC 8707), by identifier.
        code_lifetime: lifetime of codes; RFC 6749 §4.1.2 recommends 10 minutes at most.
        access_lifetime: lifetime of access tokens, unless the approval sets one.
        refresh_idle: maximum time without use; afterwards a refresh token expires.
        refresh_absolute: maximum age of a grant; afterwards its refresh token is refused.
        refresh_grace: time after its first rotation in which a refresh token may be presented again, at most eight
            times, for a parallel request or a lost response; zero ends the grant at the first reuse.
        token_extras: returns further members of a token response, by grant.
        dpop_algorithms: accepted signature algorithms of DPoP proofs.
        indieauth: ``False`` disables IndieAuth; see `ServerContext`.
        answers_silently: pass requests with ``prompt=none`` on instead of refusing them; see `ServerContext`.
        on_reuse: called with a grant that has ended because a code or token was reused.
        clock: returns the current time as an aware `datetime`.

    Attributes:
        context: the server's parts, for endpoints such as `IntrospectionEndpoint`.
    """

    def __init__(
        self,
        app: Flask | None = None,
        *,
        cimd: ClientDirectory,
        storage: TokenStorage,
        issuer: str,
        scopes: Collection[str] = (),
        resources: Resources = MappingProxyType({}),
        code_lifetime: timedelta = timedelta(seconds=60),
        access_lifetime: timedelta = timedelta(minutes=15),
        refresh_idle: timedelta = timedelta(days=90),
        refresh_absolute: timedelta = timedelta(days=365),
        refresh_grace: timedelta = timedelta(seconds=60),
        token_extras: Callable[[Grant], Mapping[str, Any]] = lambda grant: {},  # noqa: ARG005
        dpop_algorithms: Collection[str] = DEFAULT_ALGORITHMS,
        indieauth: bool = True,
        answers_silently: bool = False,
        on_reuse: Callable[[Grant], None] = lambda grant: None,  # noqa: ARG005
        clock: Clock = utc_now,
    ) -> None:
        self.context = ServerContext(
            clients=cimd,
            storage=storage,
            issuer=issuer,
            scopes=scopes,
            resources=resources,
            code_lifetime=code_lifetime,
            access_lifetime=access_lifetime,
            refresh_idle=refresh_idle,
            refresh_absolute=refresh_absolute,
            refresh_grace=refresh_grace,
            token_extras=token_extras,
            dpop_algorithms=dpop_algorithms,
            indieauth=indieauth,
            answers_silently=answers_silently,
            on_reuse=on_reuse,
            clock=clock,
        )
        self._reader = RequestReader(self.context)
        self._pushed = PushedRequests(self.context)
        self._code_grant = AuthorizationCodeGrant.bind(self.context)
        super().__init__(app, query_client=cimd.query_client)
        self.register_grant(self._code_grant, [RequirePKCE()])
        self.register_grant(RefreshTokenGrant.bind(self.context))
        self.register_endpoint(RevocationEndpoint.bind(self.context))

    def init_app(self, app: Flask, query_client: Any = None, save_token: Any = None) -> None:
        """Set an app up; its error handler sends `OAuth2Error` with a redirect URI to the client."""
        super().init_app(app, query_client=query_client, save_token=save_token)
        app.register_error_handler(OAuth2Error, self.answer_error)
        app.register_error_handler(UnavailableError, unavailable_response)

    # -- parts of the context -------------------------------------------------------------------------------------

    @property
    def issuer(self) -> str:
        """Exact value of ``iss`` and of the metadata document."""
        return self.context.issuer

    @property
    def scopes(self) -> Collection[str]:
        """Scopes that this server grants."""
        return self.context.scopes

    @property
    def dpop(self) -> DPoP:
        """Checks the DPoP proofs of this server's requests."""
        return self.context.dpop

    @property
    def auth_methods(self) -> tuple[str, ...]:
        """Client authentication methods that the current app enables."""
        return self.context.auth_methods

    @property
    def legacy(self) -> LegacyRules:
        """The current app's rules for clients of IndieAuth's earlier versions."""
        return self.context.legacy

    def find_resource(self, identifier: str) -> Resource | None:
        """Return a resource for which clients can request tokens; the issuer means the server's own endpoints."""
        return self.context.find_resource(identifier)

    def find_access_token(self, secret: str) -> tuple[Grant, Token] | None:
        """Return a valid access token with its grant; ``None`` if the current policy refuses the token's client."""
        return self.context.find_access_token(secret)

    def client_of(self, client_id: str, client: ClientMetadata | None) -> ClientMetadata | None:
        """Return the metadata of a request's or grant's client; see `ServerContext.client_of`."""
        return self.context.client_of(client_id, client)

    def metadata_of(self, client_id: str, client: ClientMetadata | None) -> ClientMetadata:
        """Return the metadata of a request's or grant's client; see `ServerContext.metadata_of`."""
        return self.context.metadata_of(client_id, client)

    # -- authorization endpoint -----------------------------------------------------------------------------------

    def check_authorization_request(self) -> None:
        """Refuse Flask's current request if it cannot succeed for any person; makes no fetch.

        Raises:
            CIMDError: show the error on your own page.
        """
        self._reader.check()

    def read_authorization_request(self) -> AuthorizationRequest:
        """Return the snapshot of Flask's current request, pushed or not.

        Call it after the log-in: it may fetch the client's document.

        Raises:
            CIMDError: the client or the redirect URI is not valid; show the error on your own page.
            OAuth2Error: with ``redirect_uri``; `answer_error` sends it to the client.
        """
        return self._reader.read()

    def query_client(self, client_id: str) -> Any:
        """Return the client of the current request, or ``None``."""
        return self.context.query_client(client_id, values_of(request).get("scope"))

    def within_allowance(self, asked: AuthorizationRequest, allowance: Allowance) -> AuthorizationRequest | None:
        """Return the request without the scopes that the allowance excludes; ``None`` if nothing is left."""
        allowed = within_allowance(asked, allowance, self.issuer)
        return None if allowed is None or self.context.grants_nothing(allowed.scope, allowed.resource) else allowed

    def approve(
        self,
        approved: AuthorizationRequest,
        *,
        subject: str,
        scope: Collection[str] | None = None,
        access_lifetime: timedelta | None = None,
        lifetime: timedelta | None = None,
        auth_time: datetime | None = None,
        settle: Settle | None = None,
    ) -> Response:
        """Issue a code and send the person back to the client.

        Args:
            approved: the snapshot that the person saw.
            subject: the person who approves.
            scope: scopes that the person left selected, a subset of the requested ones; ``None`` for all of them.
            access_lifetime: lifetime of access tokens, if the person chose it.
            lifetime: time after which the grant ends, if the person chose it.
            auth_time: time of the log-in, an aware `datetime`; resources may require it (RFC 9470).
            settle: returns what the storage spends in the transaction that stores the grant, given the response.

        Raises:
            RequestError: the request is already decided.
        """
        given = Approval(
            request=approved,
            subject=subject,
            scope=scope,
            access_lifetime=access_lifetime,
            lifetime=lifetime,
            auth_time=auth_time,
        )
        return approval.approve(self.context, given, settle)

    def deny(
        self, denied: AuthorizationRequest, description: str | None = None, *, settle: Settle | None = None
    ) -> Response:
        """Send ``access_denied`` to the client (RFC 6749 §4.1.2.1).

        Raises:
            RequestError: the request is already decided.
        """
        return approval.deny(self.context, denied, description, settle)

    def denial(self, denied: AuthorizationRequest, description: str | None = None) -> OAuth2Error:
        """Return ``access_denied`` for a request, to be sent to its redirect URI."""
        return approval.denial(denied, description)

    def answer_error(self, error: OAuth2Error) -> Response:
        """Send an error to the client's redirect URI if the error has one, else return it as JSON."""
        if error.redirect_uri is None:
            return json_error(error, self.dpop.nonce_header())
        return self.error_response(error).send()

    def error_response(self, error: OAuth2Error) -> AuthorizationResponse:
        """Return the response that sends an error to its ``redirect_uri``."""
        return approval.error_response(self.context, error)

    # -- direct endpoints -----------------------------------------------------------------------------------------

    def handle_response(self, status: int, body: Any, headers: Any) -> Response:
        """Return Authlib's response with the newest DPoP nonce: the client's next request may need it."""
        response: Response = super().handle_response(status, body, headers)
        response.headers.update(self.dpop.nonce_header())
        return response

    def create_pushed_response(self) -> Response:
        """Answer the endpoint for pushed authorization requests (RFC 9126)."""
        return self._pushed.respond()

    def create_oauth2_request(self, request: Any) -> OAuth2Request:
        """Return Flask's current request for Authlib with the configured origin, and a prepared request unchanged."""
        return request if isinstance(request, OAuth2Request) else _RequestAtIssuer(_current_request(), self.issuer)

    def create_token_response(self, request: Any = None) -> Response:
        """Answer the token endpoint, including ``action=revoke`` of clients before 2022 if the settings allow it."""
        form = form_of(_current_request())
        if self.legacy.revoke and form.get("action") == "revoke":
            return self.create_revocation_response()
        try:
            self._check_grant_type(form.get("grant_type"))
        except OAuth2Error as error:
            return self.answer_error(error)
        return super().create_token_response(request)  # type: ignore[no-any-return]  # Authlib is untyped

    def _check_grant_type(self, grant_type: str | None) -> None:
        check_form(_current_request())
        if not grant_type:
            raise InvalidRequestError("The parameter grant_type is missing.")
        if grant_type not in {grant.GRANT_TYPE for grant, _ in self._token_grants}:
            # Authlib's error would contain the value, and fail on a quote in it.
            raise OAuth2Error("The grant type is not supported.", error="unsupported_grant_type")

    def create_revocation_response(self) -> Response:
        """Answer the revocation endpoint (RFC 7009)."""
        return self.create_endpoint_response(RevocationEndpoint.ENDPOINT_NAME)  # type: ignore[no-any-return]  # Authlib is untyped

    def redeem_for_identity(self, describe: Callable[[Grant], T]) -> T:
        """Spend a code for the person's identity, without a token (IndieAuth §5.3.3).

        Args:
            describe: returns the response for a grant; if it fails, the code is not spent.

        Raises:
            OAuth2Error: as at the token endpoint.
        """
        grant_type = form_of(request).get("grant_type")
        if not self.context.indieauth:
            raise OAuth2Error("This server redeems no codes here.", error="unsupported_grant_type")
        if not grant_type and not self.legacy.redeem:
            raise InvalidRequestError("The parameter grant_type is missing.")
        if (grant_type or "authorization_code") != "authorization_code":
            raise OAuth2Error("The grant type is not supported here.", error="unsupported_grant_type")
        grant = self._code_grant(self.create_oauth2_request(None), self)
        RequirePKCE()(grant)
        grant.validate_token_request()
        presented: Presented[Code] = grant.request.authorization_code
        answer = describe(presented.grant)
        grant.redeem(presented, ())
        return answer


class _RequestAtIssuer(FlaskOAuth2Request):  # type: ignore[misc]  # Authlib is untyped
    """A request whose URL begins with the configured issuer.

    Authlib refuses http URLs. Behind a TLS proxy the scheme of the request is http, and a client can forge ``Host``.
    """

    def __init__(self, request: Any, issuer: str) -> None:
        OAuth2Request.__init__(self, request.method, issuer + request.full_path, headers=request.headers)
        self._request = request
        self.payload = FlaskOAuth2Payload(request)


def _current_request() -> Any:
    return request

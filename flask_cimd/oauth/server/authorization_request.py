"""From an authorization request to its snapshot: who asks, where the answer goes, and only then what is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749.errors import InvalidRequestError, InvalidScopeError
from flask import request

from ...core.atproto import SCOPE as ATPROTO
from ...core.atproto import asks_for
from ...core.metadata import ClientMetadata
from ...errors import IdentifierError, RedirectMismatchError, RequestError
from ..client import MetadataClient, URLClient
from ..errors import ClientResolutionError
from .atproto import check_listed, check_profile
from .binding import check_thumbprint
from .grants import check_challenge, require_grant_type
from .indieauth import refuse_outdated
from .parameters import (
    check_authorization_parameters,
    check_login_hint,
    check_redirected_parameters,
    check_response_type,
    greatest_login_age,
    refers_to_pushed,
)
from .resource_indicators import check_resources, requested_scope
from .response_modes import check_response_mode
from .storage import AuthorizationRequest

if TYPE_CHECKING:
    from .server import AuthorizationServer


class RequestReader:
    """Validates the current HTTP request, as it came to the authorization endpoint or was pushed.

    Args:
        server: whose clients, scopes and resources count.
    """

    def __init__(self, server: AuthorizationServer) -> None:
        self._server = server

    def check(self) -> None:
        """Refuse the current HTTP request if nothing can come of it; no network, and nobody need be logged in.

        Raises:
            CIMDError: to be shown on a page of your own.
        """
        values = request.values
        check_authorization_parameters(values)
        if self._is_atproto(values.get("scope")) and not refers_to_pushed(values):
            hint = "requests with the scope atproto are pushed first (RFC 9126)"
            raise RequestError("pushed-request-required", values["client_id"], hint=hint)
        self._server.cimd.check_identifier(values["client_id"])

    def read(self) -> AuthorizationRequest:
        """Return the snapshot of the current HTTP request, pushed or not. The person must be logged in already.

        Raises:
            CIMDError: who asks, or where the answer may go, is not established; show it on a page of your own.
            OAuth2Error: with ``redirect_uri``; `answer_error` sends it to the client.
        """
        self.check()
        if refers_to_pushed(request.values):
            return self._server.pushed.find(request.values["request_uri"], request.values["client_id"])
        return self.read_parameters()

    def read_parameters(self, *, is_pushed: bool = False) -> AuthorizationRequest:
        """Validate the parameters of the current HTTP request and return their snapshot.

        Raises:
            CIMDError: as `read`.
            OAuth2Error: with ``redirect_uri``.
        """
        check_authorization_parameters(request.values)
        client = self._established_client(request.values["client_id"])
        redirect_uri = request.values["redirect_uri"]
        if self._is_atproto(request.values.get("scope")):
            check_profile(client)
        if not client.check_redirect_uri(redirect_uri):
            raise self._mismatch(client)
        try:
            return self._snapshot(client, redirect_uri, is_pushed=is_pushed)
        except OAuth2Error as error:
            error.redirect_uri = redirect_uri
            error.state = _single("state")
            error.response_mode = _single("response_mode")
            raise

    @staticmethod
    def _mismatch(client: Any) -> RedirectMismatchError:
        error = RedirectMismatchError("redirect-not-listed", client.get_client_id())
        if isinstance(client, URLClient):
            error.host = client.metadata.identifier.display_host
        return error

    def _established_client(self, client_id: str) -> Any:
        try:
            client = self._server.query_client(client_id)
        except ClientResolutionError as error:
            raise error.cause from None
        if client is None:
            raise IdentifierError("unknown-client", client_id, hint="neither registered here nor an https URL")
        return client

    def _is_atproto(self, scope: str | None) -> bool:
        return asks_for(scope) and ATPROTO in self._server.scopes

    def _snapshot(self, client: Any, redirect_uri: str, *, is_pushed: bool) -> AuthorizationRequest:
        values, legacy = request.values, self._server.legacy
        check_redirected_parameters(values)
        response_mode = check_response_mode(values.get("response_mode"))
        metadata = client.metadata if isinstance(client, MetadataClient) else None
        refuse_outdated(self._server, metadata)
        is_identity = legacy.asks_for_identity(values.get("response_type"), metadata)
        if not is_identity:
            check_response_type(values)
        if {"request", "request_uri"} & set(values):
            raise OAuth2Error("Send the parameters themselves.", error="request_not_supported")
        self._check_demands(client, metadata, is_pushed=is_pushed)
        require_grant_type(client, "authorization_code")
        if is_identity:
            check_challenge(values, required=not legacy.waives_pkce(metadata))
        else:
            self._server.get_consent_grant()
        resource = () if is_identity else check_resources(values.getlist("resource"), self._server.find_resource)
        return AuthorizationRequest(
            client_id=client.get_client_id(),
            client=client.metadata if isinstance(client, URLClient) else None,
            fingerprint=metadata.fingerprint if metadata else "",
            redirect_uri=redirect_uri,
            scope="" if is_identity else self._known_scope(client, values.get("scope", ""), resource),
            state=values.get("state") or None,
            code_challenge=values.get("code_challenge", ""),
            resource=resource,
            response_mode=response_mode,
            login_hint=check_login_hint(values.get("login_hint")),
            max_age=greatest_login_age(values),
            dpop_jkt=check_thumbprint(values.get("dpop_jkt")),
        )

    def _check_demands(self, client: Any, metadata: ClientMetadata | None, *, is_pushed: bool) -> None:
        if metadata and metadata.require_pushed_authorization_requests and not is_pushed:
            raise InvalidRequestError("The client wants its own requests to be pushed (RFC 9126).")
        if self._is_atproto(request.values.get("scope")):
            check_listed(client, request.values["scope"])
        if "none" in request.values.get("prompt", "").split():
            raise OAuth2Error("The person is asked every time.", error="consent_required")

    def _known_scope(self, client: Any, requested: str, resource: tuple[str, ...]) -> str:
        found = [known for known in map(self._server.find_resource, resource or (self._server.issuer,)) if known]
        scope = requested_scope(client.get_allowed_scope(requested).split(), found)
        if resource and not scope and any(known.scopes for known in found):
            raise InvalidScopeError("None of these scopes may be asked for at that resource.")
        return " ".join(scope)


def _single(name: str) -> str | None:
    values = request.values.getlist(name)
    return values[0] if len(values) == 1 else None

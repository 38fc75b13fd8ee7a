"""Validation of authorization requests: first the client, then the redirect URI, then everything else.

This server shows errors on its own page until the redirect URI is established; later errors go to the client (RFC 6749
§4.1.2.1).
"""

from __future__ import annotations

from typing import Any

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749.errors import InvalidRequestError, InvalidScopeError, UnauthorizedClientError
from flask import request

from ...core.atproto import asks_for_atproto
from ...core.metadata import ClientMetadata
from ...errors import IdentifierError, RedirectMismatchError
from ..client import MetadataClient, URLClient
from ..errors import ClientResolutionError
from .atproto import check_listed, check_profile, possible_scope
from .binding import check_thumbprint
from .context import ServerContext
from .indieauth import refuse_outdated, without_lonely_email
from .parameters import (
    check_authorization_parameters,
    check_login_hint,
    check_redirected_parameters,
    check_response_type,
    greatest_login_age,
    prompt_of,
    refers_to_pushed,
    require_grant_type,
    state_of,
    values_of,
)
from .pkce import check_challenge
from .pushed import find_pushed
from .request_snapshot import AuthorizationRequest
from .resource_indicators import check_resources, requested_scope
from .response_modes import check_response_mode


class RequestReader:
    """Validates Flask's current request as an authorization request, pushed or not.

    Args:
        context: the server that defines the clients, scopes and resources.
    """

    def __init__(self, context: ServerContext) -> None:
        self._context = context

    def check(self) -> None:
        """Refuse a request that cannot succeed for any person; makes no fetch.

        Raises:
            CIMDError: show the error on your own page.
        """
        check_authorization_parameters(request.values)
        values = values_of(request)
        self._context.clients.check_identifier(values["client_id"])

    def read(self) -> AuthorizationRequest:
        """Return the snapshot of the request. Call it once a person is logged in: it may fetch the client's document.

        Raises:
            CIMDError: the client or the redirect URI is not valid; show the error on your own page.
            OAuth2Error: with ``redirect_uri``; `AuthorizationServer.answer_error` sends it to the client.
        """
        self.check()
        values = values_of(request)
        if refers_to_pushed(values):
            return find_pushed(self._context, values["request_uri"], values["client_id"])
        return self.read_parameters()

    def read_parameters(self, *, is_pushed: bool = False, proves_key: bool = False) -> AuthorizationRequest:
        """Return the snapshot of the request's own parameters.

        Args:
            is_pushed: the client sent them to the endpoint for pushed requests.
            proves_key: they came with a DPoP proof.

        Raises:
            CIMDError: as `read`.
            OAuth2Error: as `read`.
        """
        check_authorization_parameters(request.values)
        values = values_of(request)
        client = self._established_client(values["client_id"])
        redirect_uri = values["redirect_uri"]
        scope = possible_scope(self._context, client, values, proves_key=proves_key)
        if is_pushed and asks_for_atproto(scope):
            check_profile(client)
        if not client.check_redirect_uri(redirect_uri):
            raise self._mismatch(client)
        try:
            return self._snapshot(client, redirect_uri, scope, is_pushed=is_pushed)
        except OAuth2Error as error:
            error.redirect_uri = redirect_uri
            error.state = state_of(request.values)
            error.response_mode = _response_mode()
            raise

    @staticmethod
    def _mismatch(client: Any) -> RedirectMismatchError:
        error = RedirectMismatchError("redirect-not-listed", client.get_client_id())
        if isinstance(client, URLClient):
            error.host = client.metadata.identifier.display_host
        return error

    def _established_client(self, client_id: str) -> Any:
        try:
            client = self._context.query_client(client_id, values_of(request).get("scope"))
        except ClientResolutionError as error:
            raise error.cause from None
        if client is None:
            raise IdentifierError("unknown-client", client_id, hint="neither registered here nor an https URL")
        return client

    def _snapshot(self, client: Any, redirect_uri: str, scope: str, *, is_pushed: bool) -> AuthorizationRequest:
        check_redirected_parameters(request.values)
        values, context = values_of(request), self._context
        response_mode = check_response_mode(values.get("response_mode"))
        metadata = client.metadata if isinstance(client, MetadataClient) else None
        is_identity = self._check_kind(client, metadata)
        self._check_demands(client, metadata, scope, is_pushed=is_pushed)
        require_grant_type(client, "authorization_code")
        check_challenge(values, required=not context.legacy.waives_pkce(metadata))
        resource = () if is_identity else check_resources(values.getlist("resource"), context.find_resource)
        return AuthorizationRequest(
            client_id=client.get_client_id(),
            client=metadata if isinstance(client, URLClient) else None,
            fingerprint=metadata.fingerprint if metadata else "",
            redirect_uri=redirect_uri,
            scope="" if is_identity else self._known_scope(client, scope, resource),
            state=values.get("state") or None,
            code_challenge=values.get("code_challenge", ""),
            resource=resource,
            response_mode=response_mode,
            login_hint=check_login_hint(values.get("login_hint")),
            max_age=greatest_login_age(values),
            prompt=prompt_of(values),
            dpop_jkt=check_thumbprint(values.get("dpop_jkt")),
        )

    def _check_kind(self, client: Any, metadata: ClientMetadata | None) -> bool:
        """Check ``response_type``; return whether the request asks only for the person's identity."""
        values, legacy = values_of(request), self._context.legacy
        refuse_outdated(legacy, metadata)
        is_identity = legacy.asks_for_identity(values.get("response_type"), metadata)
        if not is_identity:
            check_response_type(values)
        if {"request", "request_uri"} & set(values):
            raise OAuth2Error("Send the parameters themselves.", error="request_not_supported")
        if not is_identity and not client.check_response_type("code"):
            raise UnauthorizedClientError("The client does not list the response type code.")
        return is_identity

    def _check_demands(self, client: Any, metadata: ClientMetadata | None, scope: str, *, is_pushed: bool) -> None:
        if metadata and metadata.require_pushed_authorization_requests and not is_pushed:
            raise InvalidRequestError("The client wants its own requests to be pushed (RFC 9126).")
        if asks_for_atproto(scope):
            if not is_pushed:
                raise InvalidRequestError("Requests with the scope atproto are pushed first (RFC 9126).")
            check_listed(client, scope)
        prompt = prompt_of(values_of(request))
        if "none" in prompt and (prompt != ("none",) or not self._context.answers_silently):
            raise OAuth2Error("The person is asked every time.", error="consent_required")

    def _known_scope(self, client: Any, possible: str, resource: tuple[str, ...]) -> str:
        context = self._context
        found = [known for known in map(context.find_resource, resource or (context.issuer,)) if known]
        allowed = without_lonely_email(client.get_allowed_scope(possible).split(), context.scopes)
        scope = requested_scope(allowed, found)
        named = values_of(request).get("scope", "").split()
        # Otherwise the person would approve a code that the token endpoint refuses.
        if not scope and (any(known.scopes for known in found) if resource else named):
            raise InvalidScopeError("None of these scopes may be requested here.")
        if context.grants_nothing(" ".join(scope), resource):
            raise InvalidScopeError("The request names no scope of this server.")
        return " ".join(scope)


def _response_mode() -> str | None:
    values = request.values.getlist("response_mode")
    return values[0] if len(values) == 1 else None

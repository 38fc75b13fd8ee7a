"""A person's decision about a request: the response with a code or an error."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast
from uuid import uuid4

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749.errors import AccessDeniedError
from flask import Response

from ...core.atproto import SCOPE as ATPROTO
from ...core.digests import digest_of
from ...errors import RequestError
from .atproto import limited_access
from .context import ServerContext
from .pushed import spend_pushed
from .request_snapshot import AuthorizationRequest
from .response_modes import RESPONSE_MODES, AuthorizationResponse
from .storage import Code, Grant, ProviderStorage, Settlement, new_secret

Members = Sequence[tuple[str, str | None]]
#: Returns what the storage spends in the transaction of a decision, given the response to the client.
Settle = Callable[[AuthorizationResponse], Settlement]


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """A person's approval of a request.

    Attributes:
        request: the snapshot that the person saw.
        subject: the person who approves.
        scope: scopes that the person left selected; ``None`` for all requested ones.
        access_lifetime: lifetime of access tokens; ``None`` for the server's default.
        lifetime: time after which the grant ends; ``None`` for the server's default.
        auth_time: aware instant of the person's log-in (RFC 9470).
    """

    request: AuthorizationRequest
    subject: str
    scope: Collection[str] | None = None
    access_lifetime: timedelta | None = None
    lifetime: timedelta | None = None
    auth_time: datetime | None = None

    @property
    def granted(self) -> tuple[str, ...]:
        """The granted scopes; consent may narrow the request, but ``atproto`` stays (AT Protocol OAuth)."""
        words = self.request.scope.split()
        return tuple(word for word in words if self.scope is None or word in self.scope or word == ATPROTO)

    @property
    def is_void(self) -> bool:
        """``True`` if no scope is granted at a requested resource; without a resource it is a sign-in alone."""
        return bool(self.request.resource and self.request.scope and not self.granted)


def approve(context: ServerContext, approval: Approval, settle: Settle | None = None) -> Response:
    """Store a grant with its code and send the code to the client.

    Raises:
        RequestError: the request is already decided.
    """
    if approval.is_void or context.grants_nothing(" ".join(approval.granted), approval.request.resource):
        return deny(context, approval.request, settle=settle)
    asked, secret = approval.request, new_secret()
    told = [("code", secret), *_me(context, asked, approval.subject), ("state", asked.state)]
    response = _response(context, asked.redirect_uri, told, asked.response_mode)
    settlement = _settlement(context, asked, response, settle)
    grant = _grant(context, approval)
    code = Code(
        digest=digest_of(secret),
        redirect_uri=asked.redirect_uri,
        code_challenge=asked.code_challenge,
        expires_at=grant.created_at + context.code_lifetime,
    )
    if settlement is None:
        context.storage.add_code(grant, code)
    elif not context.storage.add_code(grant, code, settlement):
        raise _decided(asked)
    return response.send()


def deny(
    context: ServerContext, asked: AuthorizationRequest, description: str | None = None, settle: Settle | None = None
) -> Response:
    """Send ``access_denied`` to the client (RFC 6749 §4.1.2.1).

    Raises:
        RequestError: the request is already decided.
    """
    response = error_response(context, denial(asked, description))
    settlement = _settlement(context, asked, response, settle)
    if settlement is not None:
        storage = cast("ProviderStorage", context.storage)  # no other storage has settlements
        if not storage.settle(settlement, context.clock()):
            raise _decided(asked)
    return response.send()


def denial(asked: AuthorizationRequest, description: str | None = None) -> OAuth2Error:
    """Return ``access_denied`` for a request, to be sent to its redirect URI."""
    error = AccessDeniedError(description, redirect_uri=asked.redirect_uri, state=asked.state)
    error.response_mode = asked.response_mode
    return error


def error_response(context: ServerContext, error: OAuth2Error) -> AuthorizationResponse:
    """Return the response that sends an error to its ``redirect_uri``."""
    mode = getattr(error, "response_mode", None)
    members = [
        ("error", error.error),
        ("error_description", error.get_error_description()),
        ("state", error.state),
    ]
    return _response(context, error.redirect_uri, members, mode if mode in RESPONSE_MODES else "query")


def _response(context: ServerContext, redirect_uri: str, members: Members, mode: str) -> AuthorizationResponse:
    """Return a response with the members that have a value, and ``iss`` (RFC 9207 §2)."""
    told = [(name, value) for name, value in members if value]
    return AuthorizationResponse(redirect_uri=redirect_uri, members=(*told, ("iss", context.issuer)), mode=mode)


def _settlement(
    context: ServerContext, asked: AuthorizationRequest, response: AuthorizationResponse, settle: Settle | None
) -> Settlement | None:
    if settle is not None:
        return settle(response)
    spend_pushed(context, asked)
    return None


def _me(context: ServerContext, asked: AuthorizationRequest, subject: str) -> Members:
    if not context.legacy.me or asked.client is None:
        return []
    client = context.clients.readmit(asked.client)
    return [("me", subject)] if context.legacy.tells_me(client) else []


def _grant(context: ServerContext, approval: Approval) -> Grant:
    asked, scope, now = approval.request, " ".join(approval.granted), context.clock()
    return Grant(
        id=uuid4().hex,
        client_id=asked.client_id,
        client=asked.client,
        fingerprint=asked.fingerprint,
        subject=approval.subject,
        scope=scope,
        resource=asked.resource,
        redirect_uri=asked.redirect_uri,
        access_lifetime=limited_access(scope, approval.access_lifetime or context.access_lifetime),
        created_at=now,
        auth_method=asked.auth_method,
        client_key=asked.client_key,
        dpop_jkt=asked.dpop_jkt,
        auth_time=approval.auth_time,
        until=None if approval.lifetime is None else now + approval.lifetime,
    )


def _decided(asked: AuthorizationRequest) -> RequestError:
    return RequestError("request-decided", asked.client_id, hint="the request was decided already, or expired")

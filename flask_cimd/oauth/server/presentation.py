"""A code or refresh token that a client presents at the token endpoint; one look-up and one check per request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from authlib.oauth2.rfc6749.errors import InvalidGrantError, InvalidRequestError
from flask import Request

from ...core.proof import Proof
from .binding import bound_key, require_other_key
from .client_authentication import Authentication, KeyGoneError, require_bound_key, session_key
from .context import ServerContext
from .parameters import check_form, form_of
from .storage import Code, Grant, Token

REFUSED = "The code or token is invalid, expired, used or was issued to another client."
T = TypeVar("T", Code, Token)


@dataclass(frozen=True, slots=True, kw_only=True)
class Presented(Generic[T]):
    """A presented code or refresh token; Authlib's extensions receive it as ``authorization_code``.

    Attributes:
        grant: the grant as stored.
        item: the code or token.
        authentication: outcome of the client authentication.
        proof: the request's DPoP proof.
        dpop_jkt: thumbprint of the DPoP key for new tokens; ``None`` for bearer tokens.
    """

    grant: Grant
    item: T
    authentication: Authentication
    proof: Proof | None
    dpop_jkt: str | None

    @property
    def client(self) -> Any:
        """The client as Authlib sees it."""
        return self.authentication.client

    @property
    def code_challenge(self) -> str:
        """The PKCE challenge of a code."""
        return self.item.code_challenge if isinstance(self.item, Code) else ""

    def get_redirect_uri(self) -> str:
        """Return the redirect URI of a code."""
        return self.item.redirect_uri if isinstance(self.item, Code) else ""

    def get_scope(self) -> str:
        """Return the granted scope."""
        return self.grant.scope

    def settled(self) -> Grant:
        """Return the grant with the keys and the authentication method of this request."""
        if isinstance(self.item, Token):
            return replace(self.grant, dpop_jkt=self.dpop_jkt)
        return replace(
            self.grant,
            auth_method=self.authentication.method,
            client_key=session_key(self.grant, self.authentication),
            dpop_jkt=self.dpop_jkt,
        )


def present_code(context: ServerContext, request: Request) -> Presented[Code]:
    """Return the code of a token request after all checks except expiry and reuse.

    Raises:
        OAuth2Error: RFC 6749 §5.2.
    """
    form, secret, proof = _read(context, request, "code")
    found = context.find_code(secret)
    if found is None:
        raise InvalidGrantError(REFUSED)
    return _judged(context, form, proof, *found)


def present_refresh_token(context: ServerContext, request: Request) -> Presented[Token]:
    """Return the refresh token of a token request after all checks except expiry and reuse.

    Raises:
        OAuth2Error: RFC 6749 §5.2.
    """
    form, secret, proof = _read(context, request, "refresh_token")
    found = context.find_token(secret)
    if found is None or found[1].kind != "refresh":
        raise InvalidGrantError(REFUSED)
    return _judged(context, form, proof, *found)


def _read(context: ServerContext, request: Request, parameter: str) -> tuple[Mapping[str, str], str, Proof | None]:
    check_form(request)
    form = form_of(request)
    secret = form.get(parameter)
    if not secret:
        raise InvalidRequestError(f"The parameter {parameter} is missing.")
    # A client that must repeat the request with a nonce sends the same assertion, code or token again.
    return form, secret, context.dpop.read(request)


def _judged(
    context: ServerContext, form: Mapping[str, str], proof: Proof | None, grant: Grant, item: T
) -> Presented[T]:
    is_exchange = isinstance(item, Code)
    try:
        authentication = context.authenticator.check_grant(form, grant, is_exchange=is_exchange)
    except KeyGoneError:
        context.storage.revoke_grant(grant.id, context.clock())
        raise
    require_bound_key(grant, authentication)
    require_other_key(proof, authentication.key)
    dpop_jkt = bound_key(grant, authentication.client, proof, is_refresh=not is_exchange)
    context.authenticator.spend(authentication)
    return Presented(grant=grant, item=item, authentication=authentication, proof=proof, dpop_jkt=dpop_jkt)

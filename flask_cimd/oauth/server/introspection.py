"""Introspection (RFC 7662) for resource servers and, if enabled, for the holder of a token.

A resource server sees only tokens for its own URL. Unknown, expired, revoked and foreign tokens get the same response,
``{"active": false}``, which reveals nothing about them (RFC 7662 §2.2, §4).
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from secrets import token_hex
from typing import Any
from urllib.parse import unquote_plus

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749.errors import InvalidRequestError
from flask import Request, Response, jsonify, request

from ...core.app_hooks import call_hook
from ...core.digests import digest_of
from ...core.resources import resource_key
from ...core.text import is_visible
from ..challenge import Challenge, challenge_header
from ..errors import json_error
from .context import ServerContext
from .parameters import check_plain_form, form_of
from .storage import Grant, Token, new_secret

_BASIC = "Basic"
_BEARER = "Bearer"


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceServer:
    """A resource server that accepts this server's tokens and may introspect them.

    Attributes:
        id: user name in HTTP Basic authentication.
        secret_digest: SHA-256 digest of the secret, which is the password.
        resource: resource identifier; the issuer for tokens that were requested without ``resource``.
    """

    id: str
    secret_digest: str
    resource: str

    @classmethod
    def create(cls, resource: str) -> tuple[ResourceServer, str]:
        """Return a new resource server and its secret; the server stores only the secret's digest."""
        secret = new_secret()
        # Hexadecimal, because commands would parse an id that begins with a dash as an option.
        return cls(id=token_hex(8), secret_digest=digest_of(secret), resource=resource), secret


class CallerRefused(OAuth2Error):  # type: ignore[misc]  # noqa: N818  the caller is refused, the program is fine
    """The caller of the introspection endpoint is not authenticated (RFC 7662 §2.3)."""

    status_code = 401

    def __init__(self, error: str | None, scheme: str) -> None:
        super().__init__(error=error or "invalid_client")
        self._challenges = [
            Challenge(scheme=_BASIC, more={"realm": "introspection"}),
            Challenge(scheme=_BEARER, error="invalid_token" if scheme == _BEARER else None),
        ]
        if scheme == _BEARER:
            self._challenges.reverse()

    def get_headers(self) -> Any:
        """Return Authlib's headers and the challenge."""
        return [*super().get_headers(), ("WWW-Authenticate", challenge_header(self._challenges))]


class IntrospectionEndpoint:
    """Returns subject, client, scope and expiry of a token.

    Args:
        context: the server that issued the tokens.
        find_resource_server: returns a resource server by its id.
        members: returns further members of the response to an active token, by grant; IndieAuth §6.2 requires ``me``.
        allow_holder: also answer a caller that authenticates with the introspected token itself as bearer token.
    """

    def __init__(
        self,
        context: ServerContext,
        find_resource_server: Callable[[str], ResourceServer | None],
        *,
        members: Callable[[Grant], Mapping[str, Any]] = lambda grant: {},  # noqa: ARG005
        allow_holder: bool = False,
    ) -> None:
        self._context = context
        self._find = find_resource_server
        self._members = members
        self._allow_holder = allow_holder

    def respond(self) -> Response:
        """Answer Flask's current request."""
        try:
            caller = self._authenticate(request)
            found = self._context.find_access_token(_token_asked_about(request))
            if caller is None and found is not None and found[0].dpop_jkt is not None:
                # RFC 9449 §7.2: a token that is bound to a key does not authenticate its sender.
                raise CallerRefused("invalid_token", _BEARER)
        except OAuth2Error as error:
            return json_error(error, {})
        may_see = found is not None and (caller is None or resource_key(caller.resource) in self._audience(found[1]))
        answer = jsonify(self._describe(*found) if found and may_see else {"active": False})
        answer.headers["Cache-Control"] = "no-store"
        return answer

    def _authenticate(self, request: Request) -> ResourceServer | None:
        """Return the resource server that calls, or ``None`` if the holder of the token calls."""
        scheme, _, credentials = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            # RFC 7662 §2.1 lets the server choose how callers authenticate: here, only with the introspected token.
            if self._allow_holder and _same(credentials.strip(), form_of(request).get("token", "")):
                return None
            raise CallerRefused("invalid_token", _BEARER)
        name, secret = _basic(credentials) if scheme.lower() == "basic" else ("", "")
        found = call_hook("find_resource_server", partial(self._find, name)) if name else None
        if found is None or not hmac.compare_digest(found.secret_digest, digest_of(secret)):
            raise CallerRefused("invalid_client", _BASIC)
        return found

    def _audience(self, token: Token) -> frozenset[str]:
        """Return the keys of a token's resources."""
        return frozenset(map(resource_key, token.resource or (self._context.issuer, self._context.issuer + "/")))

    def _describe(self, grant: Grant, token: Token) -> dict[str, Any]:
        """Return the members of RFC 7662, 9449 and 9470; instants are integers."""
        audience = token.resource or (self._context.issuer,)
        return {
            "active": True,
            "client_id": grant.client_id,
            "scope": token.scope,
            "token_type": "DPoP" if grant.dpop_jkt else "Bearer",
            "exp": int(token.expires_at.timestamp()),
            "iat": int(token.created_at.timestamp()),
            "sub": grant.subject,
            "aud": audience[0] if len(audience) == 1 else list(audience),
            "iss": self._context.issuer,
            **({"auth_time": int(grant.auth_time.timestamp())} if grant.auth_time else {}),
            **({"cnf": {"jkt": grant.dpop_jkt}} if grant.dpop_jkt else {}),
            **call_hook("members", partial(self._members, grant)),
        }


def _token_asked_about(request: Request) -> str:
    check_plain_form(request)
    token = form_of(request).get("token")
    if token is None:
        raise InvalidRequestError("The parameter token is missing.")
    return str(token)


def _basic(credentials: str) -> tuple[str, str]:
    """Return id and secret; RFC 6749 §2.3.1: the client form-encodes both before it joins them."""
    try:
        text = base64.b64decode(credentials.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        return "", ""
    name, secret = map(unquote_plus, text.partition(":")[::2])
    return (name, secret) if is_visible(name) else ("", "")


def _same(first: str, second: str) -> bool:
    return bool(first) and hmac.compare_digest(digest_of(first), digest_of(second))

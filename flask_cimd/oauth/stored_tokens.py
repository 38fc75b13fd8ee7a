"""Verification of access tokens with an authorization server in the same process."""

from __future__ import annotations

from typing import Protocol
from urllib.parse import urlencode

from flask import Response, jsonify, request

from ..errors import UnavailableError
from .access import Access
from .resource.protector import ResourceProtector, TokensUnavailableError
from .resource.schemes import TokenRefused
from .server.storage import Grant, Token

_FORM = "application/x-www-form-urlencoded"


class TokenIssuer(Protocol):
    """An `AuthorizationServer` or a `ServerContext`."""

    @property
    def issuer(self) -> str:
        """The issuer."""

    def find_access_token(self, secret: str) -> tuple[Grant, Token] | None:
        """Return a valid access token with its grant, or ``None``."""


def stored_access(server: TokenIssuer, secret: str) -> Access | None:
    """Return the rights of an access token from this process's authorization server; ``None`` if it is not valid.

    The audience of a token that was requested without ``resource`` is the issuer.

    Raises:
        TokensUnavailableError: the storage does not answer, or a hook failed.
    """
    try:
        found = server.find_access_token(secret)
    except UnavailableError as error:
        raise TokensUnavailableError(error.slug) from error
    if found is None:
        return None
    grant, token = found
    return Access(
        subject=grant.subject,
        client_id=grant.client_id,
        scope=frozenset(token.scope.split()),
        audience=frozenset(token.resource or (server.issuer,)),
        expires_at=token.expires_at,
        auth_time=grant.auth_time,
        key_thumbprint=grant.dpop_jkt,
    )


def verify_token(server: TokenIssuer) -> Response:
    """Return ``me``, ``client_id`` and ``scope`` of the access token in a GET request (IndieAuth before 2022).

    The token authorizes the request. A token for another resource is refused, because the response does not name the
    resource. The response is JSON if the request's ``Accept`` header allows it; without that header it is a form, as in
    the first versions.
    """

    def find(secret: str) -> Access | None:
        return stored_access(server, secret)

    protector = ResourceProtector(find, audience=server.issuer)
    try:
        access = protector.admit().access
    except TokenRefused as refused:
        return protector.refuse(refused)
    members = {"me": access.subject, "client_id": access.client_id, "scope": " ".join(sorted(access.scope))}
    answer = jsonify(members) if _takes_json() else Response(urlencode(members), content_type=_FORM)
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _takes_json() -> bool:
    if "Accept" not in request.headers:
        return False
    return request.accept_mimetypes.best_match(["application/json", _FORM]) != _FORM

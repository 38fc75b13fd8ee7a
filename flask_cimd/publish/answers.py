"""Validate a server's responses during a sign-in: the authorization response and the token response."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from authlib.integrations.base_client import OAuthError

from ..core.members import without_nulls
from .dpop import DPoPKey
from .server import Server

#: Maximum length of the URL of an authorization response, in characters.
MOST_ANSWER = 8192
_MOST_SECONDS = 10**9
#: Token members that only the client sets.
_OWN = ("expires_in", "expires_at", "dpop_key")


def read_code(server: Server, remembered: Mapping[str, Any], answer: str) -> str:
    """Return the authorization code from the URL of an authorization response, at most 8192 characters long.

    Raises:
        OAuthError: ``invalid_response``, ``invalid_state``, ``invalid_issuer``, ``missing_code``, or the error that
            the server returned.
    """
    parameters = _single(answer)
    if not hmac.compare_digest(parameters.get("state", "").encode(), str(remembered["state"]).encode()):
        raise OAuthError("invalid_state", "the response does not belong to this request")
    _require_same_server(server, remembered, parameters.get("iss"))
    if "error" in parameters:
        raise OAuthError(parameters["error"], parameters.get("error_description"))
    if not parameters.get("code"):
        raise OAuthError("missing_code", "the response has no code")
    return parameters["code"]


def _require_same_server(server: Server, remembered: Mapping[str, Any], issuer: str | None) -> None:
    """Compare the issuers as strings before any other parameter of the response is used (RFC 9207 §2.4)."""
    asked = remembered["issuer"]
    if asked != server.issuer or (asked is None and remembered.get("token_endpoint") != server.get("token_endpoint")):
        raise OAuthError("invalid_issuer", "this server is not the one that received the request")
    promised = server.get("authorization_response_iss_parameter_supported", False)
    if asked is not None and (issuer != asked if issuer is not None else promised):
        raise OAuthError("invalid_issuer", "the response does not come from the server that received the request")


def read_token(members: Mapping[str, Any], key: DPoPKey | None, *, must_be_bound: bool) -> dict[str, Any]:
    """Return the token of a token response; ``dpop_key`` holds the private key of a DPoP-bound token.

    Raises:
        OAuthError: ``invalid_response``; or ``invalid_token_type`` if the token's binding differs from the request.
    """
    kind = members.get("token_type")
    if not isinstance(members.get("access_token"), str) or not isinstance(kind, str):
        raise OAuthError("invalid_response", "the response has no access token")
    is_bound = kind.lower() == "dpop"
    if (is_bound and key is None) or (not is_bound and must_be_bound):
        raise OAuthError("invalid_token_type", "the token's binding differs from the request")
    token = {name: value for name, value in without_nulls(members).items() if name not in _OWN}
    lifetime = _seconds(members.get("expires_in"))
    if lifetime is not None:
        token["expires_in"] = lifetime
    if is_bound and key is not None:
        token["dpop_key"] = key.to_dict()
    return token


def _seconds(value: Any) -> int | None:
    """Return ``expires_in`` in seconds, from a number or a decimal string; ``None`` for any other value."""
    if isinstance(value, str) and value.isdecimal() and len(value) < 11:
        value = int(value)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return int(value) if is_number and 0 <= value <= _MOST_SECONDS else None


def _single(answer: str) -> dict[str, str]:
    if len(answer) > MOST_ANSWER:
        raise OAuthError("invalid_response", "the response is too long")
    values = parse_qs(urlsplit(answer).query, keep_blank_values=True)
    if any(len(found) > 1 for found in values.values()):
        raise OAuthError("invalid_response", "the response repeats a parameter")
    return {name: found[0] for name, found in values.items()}

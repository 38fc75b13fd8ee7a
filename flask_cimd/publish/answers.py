"""Checks of a server's responses in a sign-in: the redirect with the code, and the token response."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from authlib.integrations.base_client import OAuthError

from ..core.members import without_nulls
from .dpop import DPoPKey
from .server import Server

#: Characters of a redirect back to the app.
MOST_ANSWER = 8192
_MOST_SECONDS = 10**9
#: Members that are the client's own to set.
_OWN = ("expires_in", "expires_at", "dpop_key")


def read_code(server: Server, remembered: Mapping[str, Any], answer: str) -> str:
    """Return the code in the URL that the person came back to.

    Raises:
        OAuthError: ``invalid_response``, ``invalid_state``, ``invalid_issuer``, ``missing_code``, or the
            server's own error.
    """
    parameters = _single(answer)
    if not hmac.compare_digest(parameters.get("state", "").encode(), str(remembered["state"]).encode()):
        raise OAuthError("invalid_state", "the answer does not belong to this request")
    _require_same_server(server, remembered, parameters.get("iss"))
    if "error" in parameters:
        raise OAuthError(parameters["error"], parameters.get("error_description"))
    if not parameters.get("code"):
        raise OAuthError("missing_code", "the answer holds no code")
    return parameters["code"]


def _require_same_server(server: Server, remembered: Mapping[str, Any], issuer: str | None) -> None:
    """Compare issuers as strings, before anything else of the answer is believed (RFC 9207 §2.4)."""
    asked = remembered["issuer"]
    if asked != server.issuer or (asked is None and remembered.get("token_endpoint") != server.get("token_endpoint")):
        raise OAuthError("invalid_issuer", "this is another server than the one that was asked")
    promised = server.get("authorization_response_iss_parameter_supported", False)
    if asked is not None and (issuer != asked if issuer is not None else promised):
        raise OAuthError("invalid_issuer", "another server answers than the one that was asked")


def read_token(members: Mapping[str, Any], key: DPoPKey | None, *, must_be_bound: bool) -> dict[str, Any]:
    """Return the token in a token response, with the key that it is bound to as ``dpop_key``.

    Raises:
        OAuthError: ``invalid_response``, or ``invalid_token_type`` for a token that is not bound as the client asked.
    """
    kind = members.get("token_type")
    if not isinstance(members.get("access_token"), str) or not isinstance(kind, str):
        raise OAuthError("invalid_response", "the answer holds no access token")
    is_bound = kind.lower() == "dpop"
    if (is_bound and key is None) or (not is_bound and must_be_bound):
        raise OAuthError("invalid_token_type", "the token is not bound as the client asked")
    token = {name: value for name, value in without_nulls(members).items() if name not in _OWN}
    lifetime = _seconds(members.get("expires_in"))
    if lifetime is not None:
        token["expires_in"] = lifetime
    if is_bound and key is not None:
        token["dpop_key"] = key.to_dict()
    return token


def _seconds(value: Any) -> int | None:
    """Return the lifetime of a token; some servers write the number as a string, other values count for nothing."""
    if isinstance(value, str) and value.isdecimal() and len(value) < 11:
        value = int(value)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return int(value) if is_number and 0 <= value <= _MOST_SECONDS else None


def _single(answer: str) -> dict[str, str]:
    if len(answer) > MOST_ANSWER:
        raise OAuthError("invalid_response", "the answer is too long")
    values = parse_qs(urlsplit(answer).query, keep_blank_values=True)
    if any(len(found) > 1 for found in values.values()):
        raise OAuthError("invalid_response", "the answer repeats a parameter")
    return {name: found[0] for name, found in values.items()}

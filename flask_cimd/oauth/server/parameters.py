"""Checks of OAuth request parameters: each at most once, in the right place (RFC 6749 §3.1, §3.2).

Every endpoint reads them through `form_of` and `values_of`, which omit parameters without a value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749.errors import InvalidClientError, InvalidRequestError, UnauthorizedClientError
from flask import Request
from werkzeug.datastructures import MultiDict

from ...core.sentences import sentence
from ...errors import RequestError

#: Parameters that must not be repeated. ``resource`` may (RFC 8707 §2); unknown ones are ignored.
SINGLE = frozenset(
    {
        "response_type", "client_id", "redirect_uri", "scope", "state", "code_challenge", "code_challenge_method",
        "grant_type", "code", "code_verifier", "refresh_token", "client_secret", "client_assertion",
        "client_assertion_type", "token", "token_type_hint", "nonce", "prompt", "max_age", "login_hint", "me",
        "request", "request_uri", "response_mode", "dpop_jkt", "acr_values",
    }
)  # fmt: skip
#: Prefix of every ``request_uri`` that this server issues (RFC 9126 §2.2).
REQUEST_URI = "urn:ietf:params:oauth:request_uri:"
_MAX_STATE = 4096  # characters
_MAX_HINT = 2048  # characters
#: Seconds; nine digits are more than thirty years.
_MAX_AGE = re.compile(r"[0-9]{1,9}")


def form_of(request: Request) -> MultiDict[str, str]:
    """Return the parameters in the body of a request, without those that have no value."""
    return without_empty(request.form)


def values_of(request: Request) -> MultiDict[str, str]:
    """Return the parameters in query and body of a request, without those that have no value."""
    return without_empty(request.values)


def without_empty(values: MultiDict[str, str]) -> MultiDict[str, str]:
    """Omit parameters without a value: they "MUST be treated as if they were omitted" (RFC 6749 §3.1, §3.2).

    Check for repeated parameters first, in the request itself: empty parameters count there.
    """
    return MultiDict([(name, value) for name, value in values.items(multi=True) if value])


def repeated(values: MultiDict[str, str]) -> list[str]:
    """Return the names of the parameters that occur more than once and must not."""
    return sorted(name for name in values if name in SINGLE and len(values.getlist(name)) > 1)


def check_authorization_parameters(values: MultiDict[str, str]) -> None:
    """Refuse a request with an ambiguous client or redirect URI; such an error is never sent by redirect.

    Args:
        values: all parameters of the request, including those without a value.

    Raises:
        RequestError: a parameter is missing, repeated or too long (RFC 6749 §4.1.2.1).
    """
    again, values = repeated(values), without_empty(values)
    client_id = values.get("client_id", "")
    if "client_id" in again or "redirect_uri" in again:
        raise RequestError("repeated-parameter", client_id, hint="client_id and redirect_uri may be sent once each")
    if not client_id:
        raise RequestError("missing-client-id", hint="the parameter client_id is missing")
    if refers_to_pushed(values):
        # RFC 9126 §4: the server "MUST" ignore all parameters other than client_id and request_uri.
        if "request_uri" in again:
            raise RequestError("repeated-parameter", client_id, hint="request_uri may be sent once")
        return
    if not values.get("redirect_uri"):
        raise RequestError("missing-redirect-uri", client_id, hint="the parameter redirect_uri is always required")


def refers_to_pushed(values: MultiDict[str, str]) -> bool:
    """Return whether an authorization request refers to a pushed request of this server."""
    return values.get("request_uri", "").startswith(REQUEST_URI)


def check_redirected_parameters(values: MultiDict[str, str]) -> None:
    """Refuse repeated and over-long parameters; call it after the check of the redirect URI.

    Args:
        values: all parameters of the request, including those without a value.

    Raises:
        InvalidRequestError: to be sent to the client.
    """
    if again := repeated(values):
        raise InvalidRequestError(sentence("The parameter %(name)s may be sent only once.", name=again[0]))
    if len(values.get("state", "")) > _MAX_STATE:
        raise InvalidRequestError(
            sentence("The parameter %(name)s is longer than %(most)s characters.", name="state", most=_MAX_STATE)
        )


def state_of(values: MultiDict[str, str]) -> str | None:
    """Return the ``state`` for an error response; ``None`` if it is missing, repeated or too long."""
    sent = values.getlist("state")
    return sent[0] if len(sent) == 1 and len(sent[0]) <= _MAX_STATE else None


def check_login_hint(value: str | None) -> str | None:
    """Return the value of the parameter ``login_hint``, or ``None``.

    Raises:
        InvalidRequestError: it is longer than 2048 characters.
    """
    if value and len(value) > _MAX_HINT:
        raise InvalidRequestError(
            sentence("The parameter %(name)s is longer than %(most)s characters.", name="login_hint", most=_MAX_HINT)
        )
    return value or None


def check_response_type(values: Mapping[str, str]) -> None:
    """Refuse every response type except ``code``; Authlib's error would contain the value, and fail on a quote in it.

    Raises:
        OAuth2Error: to be sent to the client.
    """
    if not values.get("response_type"):
        raise InvalidRequestError("The parameter response_type is missing.")
    if values["response_type"] != "code":
        raise OAuth2Error("code is the only response type.", error="unsupported_response_type")


def greatest_login_age(values: Mapping[str, str]) -> int | None:
    """Return the maximum age of the log-in in seconds (RFC 9470 §4), or ``None`` without a limit.

    ``prompt=login`` means ``max_age=0`` (OpenID Connect Core §3.1.2.1). The server ignores ``acr_values``, which are
    voluntary claims, because it has no classes of authentication.

    Raises:
        InvalidRequestError: to be sent to the client.
    """
    given = values.get("max_age", "")
    if given and not _MAX_AGE.fullmatch(given):
        raise InvalidRequestError("The parameter max_age must be a number of seconds.")
    if "login" in values.get("prompt", "").split():
        return 0
    return int(given) if given else None


def prompt_of(values: Mapping[str, str]) -> tuple[str, ...]:
    """Return the values of the parameter ``prompt`` (OpenID Connect Core §3.1.2.1)."""
    return tuple(values.get("prompt", "").split())


def require_grant_type(client: Any, grant_type: str) -> None:
    """Refuse a client that does not list the grant type.

    Raises:
        UnauthorizedClientError: to be sent to the client.
    """
    if not client.check_grant_type(grant_type):
        raise UnauthorizedClientError(f"The client does not list the grant type {grant_type}.")


def check_plain_form(request: Request) -> None:
    """Refuse a direct request whose parameters are not a plain form in the body.

    Authlib would also read the query, and the first of repeated values.

    Raises:
        InvalidRequestError: the body is not an urlencoded form, or parameters are repeated or in the query (RFC 6749
            §3.2).
    """
    if request.mimetype != "application/x-www-form-urlencoded":
        raise InvalidRequestError("Send the parameters as application/x-www-form-urlencoded.")
    if (SINGLE | {"resource"}) & set(without_empty(request.args)):
        raise InvalidRequestError("Send the parameters in the body, not in the query.")
    if again := repeated(request.form):
        raise InvalidRequestError(f"The parameter {again[0]} may be sent only once.")


def check_form(request: Request) -> None:
    """Refuse a client's direct request that is not a plain form, or that contains a secret.

    Authlib raises other exceptions for malformed ``Authorization`` headers.

    Raises:
        InvalidRequestError: as `check_plain_form`.
        InvalidClientError: the request contains a secret; URL clients have none (CIMD §4.1).
    """
    check_plain_form(request)
    if request.headers.get("Authorization", "").lower().startswith("basic"):
        raise InvalidClientError("Clients of this server have no secret.", status_code=401)
    if "client_secret" in form_of(request):
        raise InvalidClientError("Clients of this server have no secret.", status_code=401)

"""Checks of an authorization request before Authlib's own server handles it, without a log-in."""

from __future__ import annotations

import re

from authlib.oauth2.rfc6749.errors import InvalidRequestError
from flask import request

from ...errors import OutdatedRequestError, RequestError
from .context import ClientDirectory
from .parameters import check_authorization_parameters, repeated, values_of
from .pkce import check_challenge

#: Authlib copies these parameters into its error descriptions, which allow only these characters (RFC 6749 §5.2).
_ECHOED = ("response_type", "redirect_uri", "scope")
_DESCRIBABLE = re.compile(r"[ !#-\[\]-~]*")


def check_plain_request(clients: ClientDirectory) -> None:
    """Refuse Flask's current request if Authlib's own server would mishandle it for every user.

    Requests of clients that the app registered are checked only for repeated and malformed parameters; all others must
    ask for a code with an S256 challenge. Makes no fetch.

    Raises:
        CIMDError: the app shows it as a page.
    """
    values = values_of(request)
    client_id = values.get("client_id", "")
    if again := repeated(request.values):
        raise RequestError("repeated-parameter", client_id, hint=f"{again[0]} may be sent once")
    for name in _ECHOED:
        if not _DESCRIBABLE.fullmatch(values.get(name, "")):
            raise RequestError("malformed-parameter", client_id, hint=f"{name} holds a character that no {name} has")
    if client_id and clients.find_registered(client_id) is not None:
        return
    check_authorization_parameters(request.values)
    clients.check_identifier(client_id)
    if values.get("response_type") != "code":
        raise OutdatedRequestError("outdated-request", client_id, hint="response_type is not code")
    try:
        check_challenge(values, required=True)
    except InvalidRequestError as error:
        raise OutdatedRequestError("outdated-request", client_id, hint=error.description) from error

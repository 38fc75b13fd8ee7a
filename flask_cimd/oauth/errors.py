"""Adapts `CIMDError` to Authlib's `OAuth2Error`."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Self

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749.errors import InvalidGrantError
from flask import Response, render_template, request

from ..clients.requests_named import add_request_id as add_request_id  # noqa: PLC0414  a re-export
from ..clients.requests_named import request_id
from ..errors import CIMDError, ClientNotAuthenticatedError, RequestError, UnavailableError

logger = logging.getLogger(__name__)


class ClientResolutionError(OAuth2Error):  # type: ignore[misc]  # Authlib is untyped
    """The client could not be resolved; Authlib handles it like its own errors.

    Attributes:
        cause: the original `CIMDError`, with slug and hint.
    """

    def __init__(self, cause: CIMDError) -> None:
        super().__init__(error=cause.oauth_error, description=cause.public_message, status_code=_status(cause))
        self.cause = cause

    def get_headers(self) -> list[tuple[str, str]]:
        """Return Authlib's headers, with ``Retry-After`` if the request may succeed later."""
        headers: list[tuple[str, str]] = super().get_headers()
        after = getattr(self.cause, "retry_after", None)
        return headers if after is None else [*headers, ("Retry-After", str(after))]

    @classmethod
    def unauthenticated(cls, reason: str = "client_id is missing, wrong, or needs a proof") -> Self:
        """Return the error for a client that failed to authenticate.

        The log contains the reason; the response is the same for every reason (RFC 7521 §4.2.1).
        """
        logger.info("client not authenticated: %s", reason)
        return cls(ClientNotAuthenticatedError("client-not-authenticated", hint=reason))

    @classmethod
    def unavailable(cls, cause: CIMDError) -> Self:
        """Return the error, with status 503, for a client whose document or keys cannot be fetched now.

        RFC 6749 §5.2 has no code for a temporary failure, and ``invalid_grant`` would make clients end their session.
        """
        error = cls(cause)
        error.error, error.status_code = "temporarily_unavailable", 503
        return error


def as_page_error(error: OAuth2Error) -> CIMDError:
    """Return the page error for an uncaught OAuth error; only the log contains Authlib's description."""
    if isinstance(error, ClientResolutionError):
        return error.cause
    logger.info("authorization request refused: %s %r", error.error, error.get_error_description())
    return RequestError("request-refused", hint=error.error or "")


class UnreadableGrantError(InvalidGrantError):  # type: ignore[misc]  # Authlib is untyped
    """Another version of this library stored the grant's client; the client must request authorization again."""

    description = "This server can no longer read what was approved. Ask the person for authorization again."


def json_error(error: OAuth2Error, headers: Mapping[str, str]) -> Response:
    """Return the JSON response for an error, even if it has a ``redirect_uri``.

    Args:
        error: Authlib's error.
        headers: further headers, such as ``DPoP-Nonce``.
    """
    error.redirect_uri = None
    status, body, own = error()
    response = Response(json.dumps(body), status=status, headers=own)
    response.headers.update(headers)
    return response


def unavailable_response(error: UnavailableError) -> Response:
    """Return a response with status 503 and ``Retry-After``: JSON, or a page for a browser."""
    if request.accept_mimetypes.best_match(["application/json", "text/html"]) == "text/html":
        page = render_template("flask_cimd/error.html", error=error, request_id=request_id())
        response = Response(page, status=error.status)
        response.headers.update({"Cache-Control": "no-store", "Retry-After": str(error.retry_after)})
        return response
    return json_error(ClientResolutionError(error), {"Cache-Control": "no-store"})


def _status(cause: CIMDError) -> int:
    # RFC 6749 §5.2: invalid_client may have status 401; the authorization endpoint always shows its own page.
    return 401 if cause.oauth_error == "invalid_client" else cause.status

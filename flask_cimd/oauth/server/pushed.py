"""Look-up and decision of pushed authorization requests (RFC 9126 §4)."""

from __future__ import annotations

from dataclasses import replace

from ...core.digests import digest_of
from ...errors import DocumentError, RequestError
from .context import ServerContext
from .parameters import REQUEST_URI
from .request_snapshot import AuthorizationRequest


def find_pushed(context: ServerContext, request_uri: str, client_id: str) -> AuthorizationRequest:
    """Return a pushed request.

    Raises:
        RequestError: slug ``unknown-request-uri``: unknown, expired, already decided, or pushed by another client.
    """
    handle = digest_of(request_uri.removeprefix(REQUEST_URI))
    try:
        asked = context.storage.find_pushed(handle, context.clock())
    except DocumentError as error:
        raise _unknown(client_id) from error  # another version of this library stored it
    if asked is None or asked.client_id != client_id:
        raise _unknown(client_id)
    return replace(asked, pushed=handle)


def spend_pushed(context: ServerContext, asked: AuthorizationRequest) -> None:
    """Delete the pushed request after the person's decision; does nothing for a plain request.

    Raises:
        RequestError: slug ``unknown-request-uri``: already decided.
    """
    if asked.pushed and not context.storage.take_pushed(asked.pushed):
        raise _unknown(asked.client_id)


def _unknown(client_id: str) -> RequestError:
    return RequestError(
        "unknown-request-uri", client_id, hint="the request_uri is unknown, expired, used, or of another client"
    )

"""One random name for each request: on error pages, in ``X-Request-Id``, and in a log that wants it."""

from __future__ import annotations

import logging
import secrets

from flask import Response, g, has_request_context

HEADER = "X-Request-Id"
_BYTES = 8


def request_id() -> str:
    """Return the name of the current request, 16 hexadecimal digits; ``-`` outside a request.

    It is always this server's own: a sender who chose it could forge the tracks of others in a log.
    """
    if not has_request_context():
        return "-"
    if "cimd_request_id" not in g:
        g.cimd_request_id = secrets.token_hex(_BYTES)
    return str(g.cimd_request_id)


def add_request_id(answer: Response) -> Response:
    """Add the header to a response; for ``app.after_request``. A `Provider` adds it to its own responses."""
    answer.headers.setdefault(HEADER, request_id())
    return answer


class RequestIdFilter(logging.Filter):
    """Gives every record of a handler the attribute ``request_id``, for its format or formatter."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let the record pass with the attribute."""
        record.request_id = request_id()
        return True

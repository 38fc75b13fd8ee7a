"""A random ID for each request: on error pages, in ``X-Request-Id``, and in log records."""

from __future__ import annotations

import logging
import secrets

from flask import Response, g, has_request_context

HEADER = "X-Request-Id"
_BYTES = 8


def request_id() -> str:
    """Return the ID of the current request, 16 hexadecimal digits; ``-`` outside a request.

    The server always generates it: a client that chose its own ID could forge the log records of others.
    """
    if not has_request_context():
        return "-"
    if "cimd_request_id" not in g:
        g.cimd_request_id = secrets.token_hex(_BYTES)
    return str(g.cimd_request_id)


def add_request_id(answer: Response) -> Response:
    """Add ``X-Request-Id`` to a response; for ``app.after_request``. A `Provider` adds it to its own responses."""
    answer.headers.setdefault(HEADER, request_id())
    return answer


class RequestIdFilter(logging.Filter):
    """Adds the attribute ``request_id`` to every log record of a handler, for its formatter."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Add the attribute and accept the record."""
        record.request_id = request_id()
        return True

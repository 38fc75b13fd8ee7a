"""Pages for what goes wrong: our own words, nothing of the request."""

from __future__ import annotations

import logging

from flask import Flask, Response, jsonify, make_response, render_template, request
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import HTTPException, InternalServerError, ServiceUnavailable

from demo.provider import endpoints, registration
from demo.site import micropub, xrpc

logger = logging.getLogger(__name__)

_MACHINE_PATHS = endpoints.MACHINE_PATHS | micropub.MACHINE_PATHS | {registration.PATH}
_TEXTS = {
    400: ("That request cannot be answered", "Something in it is missing, damaged or too old. Go back and try again."),
    403: ("Not allowed", "Log in again, then try once more."),
    404: ("Nothing is here", "The address may be mistyped, or the page is gone."),
    405: ("Not this way", "This address exists, but not for that kind of request."),
    410: ("This is gone", "The owner took it away."),
    413: ("That is too large", "The request holds more than this site reads."),
    429: ("Too many attempts", "Wait a while, then try again."),
    503: ("Not right now", "The site cannot reach its data. Try again in a moment."),
}
_FALLBACK = ("Something went wrong here", "It is not your fault. Try again in a moment.")


def init_app(app: Flask) -> None:
    """Register the pages."""
    app.register_error_handler(HTTPException, show)
    app.register_error_handler(SQLAlchemyError, _show_database_trouble)


def show(error: HTTPException) -> Response:
    """Answer with a page for people, or JSON where only programs call."""
    status = error.code or 500
    if request.path.startswith(xrpc.PREFIX):
        answer = xrpc.allow_any_origin(xrpc.answer_exception(status))
    elif request.path in _MACHINE_PATHS:
        name = "invalid_request" if status < 500 else "server_error"
        answer = jsonify(error="temporarily_unavailable" if status == 429 else name)
    else:
        title, text = _TEXTS.get(status, _FALLBACK)
        answer = make_response(render_template("error.html", title=title, text=text))
    answer.status_code = status
    for name, value in error.get_headers():
        if name in ("Allow", "Retry-After"):
            answer.headers[name] = value
    return answer


def _show_database_trouble(error: SQLAlchemyError) -> Response:
    logger.error("the database fails", exc_info=error)
    is_temporary = getattr(error, "connection_invalidated", False) or type(error).__name__ == "OperationalError"
    return show(ServiceUnavailable(retry_after=5) if is_temporary else InternalServerError())

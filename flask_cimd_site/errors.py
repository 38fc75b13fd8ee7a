"""Error pages, in words of this site: no text of the request is shown."""

from __future__ import annotations

import logging

from flask import Flask, Response, jsonify, make_response, render_template, request
from flask_babel import lazy_gettext as _
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from werkzeug.exceptions import HTTPException, InternalServerError, ServiceUnavailable

from flask_cimd.clients import add_request_id, request_id
from flask_cimd_site.account.login import is_logged_in
from flask_cimd_site.provider import endpoints, registration
from flask_cimd_site.site import micropub, xrpc

logger = logging.getLogger(__name__)

#: SQLSTATE of PostgreSQL for a write in a transaction that can only read.
_READ_ONLY = "25006"

_MACHINE_PATHS = endpoints.MACHINE_PATHS | micropub.MACHINE_PATHS | {registration.PATH}
_TEXTS = {
    400: (_("Bad request"), _("Something in the request is missing, damaged or expired. Go back and try again.")),
    403: (_("Not allowed"), _("Log in and try again.")),
    404: (_("Page not found"), _("Check the address, or start from the home page.")),
    405: (_("Method not allowed"), _("This address does not accept this kind of request.")),
    410: (_("Deleted"), _("The owner has deleted this page.")),
    413: (_("Too large"), _("The request is larger than this site accepts.")),
    429: (_("Too many attempts"), _("Wait a few minutes, then try again.")),
    503: (_("Temporarily unavailable"), _("The site cannot reach its database. Try again in a moment.")),
}
_FALLBACK = (_("Something went wrong"), _("The error is on this site, not on your side. Try again in a moment."))


def init_app(app: Flask) -> None:
    """Register the error handlers."""
    app.context_processor(lambda: {"is_owner": _is_owner})
    app.after_request(add_request_id)
    app.register_error_handler(HTTPException, show)
    app.register_error_handler(SQLAlchemyError, _show_database_error)


def show(error: HTTPException) -> Response:
    """Answer with a page, or with JSON on the paths that only programs call."""
    status = error.code or 500
    if request.path.startswith(xrpc.PREFIX):
        answer = xrpc.allow_any_origin(xrpc.answer_exception(status))
    elif request.path in _MACHINE_PATHS:
        name = "invalid_request" if status < 500 else "server_error"
        answer = jsonify(error="temporarily_unavailable" if status in (429, 503) else name)
    else:
        title, text = _TEXTS.get(status, _FALLBACK)
        answer = make_response(render_template("error.html", title=title, text=text, request_id=request_id()))
    answer.status_code = status
    for name, value in error.get_headers():
        if name in ("Allow", "Retry-After"):
            answer.headers[name] = value
    return answer


def _is_owner() -> bool:
    try:
        return is_logged_in()
    except SQLAlchemyError:  # the page may be the one that says so
        return False


def _show_database_error(error: SQLAlchemyError) -> Response:
    cause = getattr(error, "orig", None) or error
    if not _is_temporary(error, cause):
        logger.error("an error in a statement", exc_info=error)
        return show(InternalServerError())
    logger.error("the database failed: %s", type(cause).__name__)  # a line a request, also on a full disk
    return show(ServiceUnavailable(retry_after=5))


def _is_temporary(error: SQLAlchemyError, cause: BaseException) -> bool:
    is_lost = getattr(error, "connection_invalidated", False) or isinstance(error, OperationalError | PoolTimeoutError)
    return is_lost or getattr(cause, "sqlstate", None) == _READ_ONLY

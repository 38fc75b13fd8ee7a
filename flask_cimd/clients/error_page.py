"""The page for an error that ends a sign-in before its redirect URI is validated."""

from __future__ import annotations

from flask import current_app, render_template

from ..core.members import is_https_url
from ..core.urls import WebURL
from ..errors import CIMDError, DocumentError, RequestError, TooManyFetchesError, UnavailableError
from .requests_named import request_id

_MOST_REASONS = 20
#: Advice for authorization requests that have ended, by slug.
_ENDED = {
    "request-decided": "this request was decided already; start again in the app",
    "request-ended": "the request waited too long, or another browser or person began it; start again in the app",
    "unknown-request-uri": "this request was decided already or waited too long; start again in the app",
}


def show_error(error: CIMDError) -> tuple[str, int, dict[str, str]]:
    """Render an error as a page, never as a redirect and without remote text (CIMD §7, RFC 6749 §4.1.2.1).

    The template's variables are ``error``; ``reasons``, only for trusted users; ``app_site``, the URL of the client's
    site if the request has ended, else ``None``; and ``request_id``. Apps replace the page with
    ``app.register_error_handler(CIMDError, ...)``.
    """
    headers = {"Cache-Control": "no-store", "X-Frame-Options": "DENY"}
    if isinstance(error, TooManyFetchesError | UnavailableError):
        headers["Retry-After"] = str(error.retry_after)
    site = app_site(error.client_id) if isinstance(error, RequestError) else None
    values = {"reasons": reasons(error), "app_site": site, "request_id": request_id()}
    page = render_template("flask_cimd/error.html", error=error, **values)
    return page, error.status, headers


def reasons(error: CIMDError) -> tuple[tuple[str, str], ...]:
    """Return at most 20 pairs of a JSON pointer and a sentence that says what to fix.

    The pointer is empty if the error concerns no member. The sentences contain no text of the client, but they reveal
    what this server can reach: show them only to trusted users.
    """
    if isinstance(error, DocumentError):
        return tuple((problem.pointer, problem.message) for problem in error.problems[:_MOST_REASONS])
    # Only these hints consist of this package's own text; others quote the host's response.
    is_bot = "bot protection" in error.hint
    shown = error.hint if error.slug == "status" else error.hint.partition("; ")[2] if is_bot else ""
    sentences = (shown, _ENDED.get(error.slug, error.advice))
    return tuple(("", f"{sentence[0].upper()}{sentence[1:]}.") for sentence in sentences if sentence)


def app_site(client_id: str) -> WebURL | None:
    """Return the root URL of a client identifier URL's host; ``None`` for other identifiers."""
    if not is_https_url(client_id, current_app.extensions["cimd"].settings.allow_loopback):
        return None
    url = WebURL.parse(client_id)
    return None if url is None else WebURL(url.scheme, url.host, url.port, "/")

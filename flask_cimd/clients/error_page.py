"""The page of an error that ends a sign-in before anybody knows where its answer may go."""

from __future__ import annotations

from flask import current_app, render_template

from ..core.members import is_https_url
from ..core.urls import WebURL
from ..errors import CIMDError, DocumentError, RequestError, TooManyFetchesError, UnavailableError
from .requests_named import request_id

_MOST_REASONS = 20
#: Advice for requests that cannot be answered any more, by slug.
_ENDED = {
    "request-decided": "this request was decided already; start again in the app",
    "request-ended": "the request waited too long, or another browser or person began it; start again in the app",
    "unknown-request-uri": "this request was decided already or waited too long; start again in the app",
}


def show_error(error: CIMDError) -> tuple[str, int, dict[str, str]]:
    """Render an error as a page of this server: never a redirect, never remote text (CIMD §7, RFC 6749 §4.1.2.1).

    The template gets ``error``; ``reasons``, which are for trusted people alone; ``app_site``, the address of the
    app's own site for a page that cannot be answered any more, or ``None``; and ``request_id``. Apps replace the page
    with ``app.register_error_handler(CIMDError, ...)``.
    """
    headers = {"Cache-Control": "no-store", "X-Frame-Options": "DENY"}
    if isinstance(error, TooManyFetchesError | UnavailableError):
        headers["Retry-After"] = str(error.retry_after)
    site = app_site(error.client_id) if isinstance(error, RequestError) else None
    values = {"reasons": reasons(error), "app_site": site, "request_id": request_id()}
    page = render_template("flask_cimd/error.html", error=error, **values)
    return page, error.status, headers


def reasons(error: CIMDError) -> tuple[tuple[str, str], ...]:
    """Return JSON pointers and sentences of this package that say what to mend; at most 20.

    The pointer is empty if the error is about no member. The sentences hold no text of the client; they tell what this
    server reached, so strangers must not see them.
    """
    if isinstance(error, DocumentError):
        return tuple((problem.pointer, problem.message) for problem in error.problems[:_MOST_REASONS])
    # Of the hints, these are words of this package alone; others name what a host sent.
    is_bot = "bot protection" in error.hint
    shown = error.hint if error.slug == "status" else error.hint.partition("; ")[2] if is_bot else ""
    sentences = (shown, _ENDED.get(error.slug, error.advice))
    return tuple(("", f"{sentence[0].upper()}{sentence[1:]}.") for sentence in sentences if sentence)


def app_site(client_id: str) -> WebURL | None:
    """Return the root of the host that a client identifier URL is on; ``None`` for all other identifiers."""
    if not is_https_url(client_id, current_app.extensions["cimd"].settings.allow_loopback):
        return None
    url = WebURL.parse(client_id)
    return None if url is None else WebURL(url.scheme, url.host, url.port, "/")

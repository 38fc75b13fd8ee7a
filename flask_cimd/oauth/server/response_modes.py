"""How the answer to an authorization request reaches the client: as query, fragment or form."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlencode

from authlib.oauth2.rfc6749.errors import InvalidRequestError
from flask import Response, render_template

#: OAuth 2.0 Multiple Response Types §2.1 and Form Post Response Mode §1.
RESPONSE_MODES = ("query", "fragment", "form_post")


def check_response_mode(mode: str | None) -> str:
    """Return the requested mode, or the default.

    Raises:
        InvalidRequestError: it is not one of `RESPONSE_MODES`.
    """
    if not mode:
        return "query"
    if mode not in RESPONSE_MODES:
        raise InvalidRequestError("The response_mode must be one of query, fragment and form_post.")
    return mode


def send_back(redirect_uri: str, members: Sequence[tuple[str, str]], mode: str = "query") -> Response:
    """Send the person back to the client with these members.

    Redirects are 303, so that no form is replayed (RFC 9700 §4.12). The page of ``form_post`` has a button and no
    script: its answer leaves the site only when the person says so.
    """
    if mode == "form_post":
        answer = Response(render_template("flask_cimd/form_post.html", action=redirect_uri, members=members))
        answer.headers["Content-Security-Policy"] = _FORM_POLICY
        answer.headers["X-Frame-Options"] = "DENY"
    else:
        answer = Response(status=303, headers={"Location": _location(redirect_uri, members, mode)})
        answer.autocorrect_location_header = False
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["Referrer-Policy"] = "no-referrer"
    return answer


_FORM_POLICY = "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'"


def _location(redirect_uri: str, members: Sequence[tuple[str, str]], mode: str) -> str:
    encoded = urlencode(list(members))
    if mode == "fragment":
        return f"{redirect_uri}#{encoded}"
    # RFC 6749 §3.1.2: a query of the redirect URI "MUST be retained"; it is not re-encoded either.
    joiner = "" if redirect_uri.endswith(("?", "&")) else "&" if "?" in redirect_uri else "?"
    return redirect_uri + joiner + encoded

"""Authorization responses in the query, in the fragment or as a form."""

from __future__ import annotations

import json
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationResponse:
    """An authorization response that can be stored and sent again.

    Attributes:
        redirect_uri: the redirect URI, exactly as the client sent it.
        members: names and values, in order.
        mode: one of `RESPONSE_MODES`.
    """

    redirect_uri: str
    members: tuple[tuple[str, str], ...]
    mode: str = "query"

    @property
    def location(self) -> str:
        """The redirect URI with the members in its query or fragment."""
        encoded = urlencode(self.members)
        if self.mode == "fragment":
            return f"{self.redirect_uri}#{encoded}"
        # RFC 6749 §3.1.2: the query of the redirect URI "MUST be retained"; re-encoding could change it.
        joiner = "" if self.redirect_uri.endswith(("?", "&")) else "&" if "?" in self.redirect_uri else "?"
        return self.redirect_uri + joiner + encoded

    def send(self) -> Response:
        """Return the HTTP response that sends the browser to the client.

        Redirects have status 303, so that the browser does not resend a form (RFC 9700 §4.12). The page of
        ``form_post`` has no script: the person presses a button to send the form.
        """
        if self.mode == "form_post":
            page = render_template("flask_cimd/form_post.html", action=self.redirect_uri, members=self.members)
            answer = Response(page)
            answer.headers["Content-Security-Policy"] = _FORM_POLICY
            answer.headers["X-Frame-Options"] = "DENY"
        else:
            answer = Response(status=303, headers={"Location": self.location})
            answer.autocorrect_location_header = False
        answer.headers["Cache-Control"] = "no-store"
        answer.headers["Referrer-Policy"] = "no-referrer"
        return answer

    def to_json(self) -> str:
        """Return the response as JSON text."""
        return json.dumps([self.redirect_uri, self.members, self.mode])

    @classmethod
    def from_json(cls, text: str) -> AuthorizationResponse:
        """Return the response for the text from `to_json`."""
        redirect_uri, members, mode = json.loads(text)
        return cls(redirect_uri=redirect_uri, members=tuple((name, value) for name, value in members), mode=mode)


_FORM_POLICY = "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'"

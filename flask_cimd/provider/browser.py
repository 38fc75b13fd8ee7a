"""The cookie that binds waiting requests and forms to one browser.

It contains 256 random bits, which identify no person; the server stores their digest. It is the provider's own cookie,
so it persists when a log-in starts a new session of the app.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

from flask import Flask, Response, current_app, g, request

#: Cookie lifetime in seconds; a person may leave a page with forms open for hours.
_LIFETIME = 24 * 60 * 60
_LENGTH = 43


class Browser:
    """Identifies the browser of the current request.

    Args:
        name: base name of the cookie, unique for each provider of an app.
        is_https: ``True`` for an https issuer; the cookie is then ``Secure`` with the prefix ``__Host-``.
    """

    def __init__(self, name: str, *, is_https: bool) -> None:
        self._cookie = f"__Host-{name}" if is_https else name
        self._is_https = is_https

    def digest(self) -> str:
        """Return the digest of the browser's cookie; the response sets a missing cookie."""
        return hashlib.sha256(self._value().encode()).hexdigest()

    def token(self, purpose: str) -> str:
        """Return the CSRF token of a form, bound to this browser and to a purpose that includes the subject."""
        message = "\0".join(("flask-cimd form", self._value(), purpose)).encode()
        return hmac.new(_secret(current_app), message, hashlib.sha256).hexdigest()

    def accepts(self, token: str, purpose: str) -> bool:
        """Return whether a form's CSRF token belongs to this browser and purpose."""
        return hmac.compare_digest(token.encode("utf-8", "surrogatepass"), self.token(purpose).encode())

    def remember(self, response: Response) -> Response:
        """Set the cookie on a response if the request had none."""
        value = g.get(f"{self._cookie}_new")
        if value is not None:
            response.set_cookie(
                self._cookie, value, max_age=_LIFETIME, secure=self._is_https, httponly=True, samesite="Lax", path="/"
            )
        return response

    def _value(self) -> str:
        sent = request.cookies.get(self._cookie, "")
        if len(sent) == _LENGTH and sent.isascii():
            return sent
        key = f"{self._cookie}_new"
        if key not in g:
            setattr(g, key, secrets.token_urlsafe(32))
        return str(g.get(key))


def _secret(app: Flask) -> bytes:
    key = app.secret_key
    return key.encode() if isinstance(key, str) else bytes(key or b"")

"""What every answer of the site carries and every request must: headers, cookies, CSRF tokens, the real origin."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, Response, g
from flask_wtf.csrf import CSRFProtect
from werkzeug.middleware.proxy_fix import ProxyFix

from demo.config import Configuration

_POLICY = "default-src 'none'; style-src 'self'; img-src 'self'; frame-ancestors 'none'; base-uri 'none'"


def init_app(app: Flask, configuration: Configuration) -> None:
    """Set cookies, headers and CSRF protection up."""
    app.config.update(
        # __Host-: only this host, only https, no Domain; browsers refuse the prefix over http.
        SESSION_COOKIE_NAME="__Host-site" if configuration.is_https else "site_session",
        SESSION_COOKIE_SECURE=configuration.is_https,
        SESSION_COOKIE_HTTPONLY=True,
        # Lax: the app's link to /authorize must bring the session along.
        SESSION_COOKIE_SAMESITE="Lax",
        MAX_CONTENT_LENGTH=64 * 1024,
        MAX_FORM_PARTS=100,
        # A token lives as long as its session; the request that waits for a decision has a shorter life of its own.
        WTF_CSRF_TIME_LIMIT=None,
    )
    CSRFProtect(app)
    app.after_request(_add_headers(configuration))
    app.wsgi_app = _at_origin(app.wsgi_app, configuration)  # type: ignore[method-assign]


def exempt(app: Flask, *views: Callable[..., Any]) -> None:
    """Let views be called without a CSRF token: programs call them, and no cookie of theirs counts."""
    protect: CSRFProtect = app.extensions["csrf"]
    for view in views:
        protect.exempt(view)


def allow_leaving() -> None:
    """Let forms of this page end at another site.

    ``form-action`` also judges the redirect after a form, so with it the answer to an app would be blocked.
    """
    g.may_leave = True


def _add_headers(configuration: Configuration) -> Callable[[Response], Response]:
    def add(answer: Response) -> Response:
        policy = _POLICY if g.get("may_leave") else f"{_POLICY}; form-action 'self'"
        headers = answer.headers
        headers.setdefault("Content-Security-Policy", policy)
        headers.setdefault("X-Frame-Options", "DENY")
        headers.setdefault("X-Content-Type-Options", "nosniff")
        headers.setdefault("Referrer-Policy", "same-origin")
        headers.setdefault("Cache-Control", "no-store")
        if configuration.is_https:
            headers.setdefault("Strict-Transport-Security", "max-age=31536000")
        return answer

    return add


def _at_origin(application: Any, configuration: Configuration) -> Any:
    """Take scheme and host from the configuration, never from a request; the peer from the TLS proxy in front."""
    if not configuration.is_https:
        return application
    inner = ProxyFix(application, x_for=1, x_proto=0, x_host=0, x_port=0, x_prefix=0)
    host = urlsplit(configuration.base_url).netloc

    def at_origin(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        environ["wsgi.url_scheme"] = "https"
        environ["HTTP_HOST"] = host
        return inner(environ, start_response)

    return at_origin

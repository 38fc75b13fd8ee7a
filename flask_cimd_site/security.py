"""Security of all requests and responses: headers, cookies, CSRF tokens, and the origin of the configuration."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, Response, current_app, g, request
from flask_wtf.csrf import CSRFProtect, generate_csrf
from markupsafe import Markup

from flask_cimd.core import LOOPBACK_HOSTS, WebURL
from flask_cimd_site import proxies
from flask_cimd_site.config import Configuration

_POLICY = "default-src 'none'; style-src 'self'; img-src 'self'; frame-ancestors 'none'; base-uri 'none'"


def init_app(app: Flask, configuration: Configuration) -> None:
    """Set up cookies, headers, CSRF protection and the origin."""
    app.config.update(
        # __Host-: this host only, https only, no Domain attribute; browsers reject the prefix over http.
        SESSION_COOKIE_NAME="__Host-site" if configuration.is_https else "site_session",
        SESSION_COOKIE_SECURE=configuration.is_https,
        SESSION_COOKIE_HTTPONLY=True,
        # Lax: the redirect of an app to /authorize must send the session cookie.
        SESSION_COOKIE_SAMESITE="Lax",
        MAX_CONTENT_LENGTH=64 * 1024,
        MAX_FORM_PARTS=100,
        # A CSRF token is valid as long as its session; the request that a consent form is about expires by itself.
        WTF_CSRF_TIME_LIMIT=None,
    )
    protect_forms(app)
    app.after_request(_add_headers(configuration))
    app.wsgi_app = _at_origin(app.wsgi_app, configuration)  # type: ignore[method-assign]  # Flask documents this assignment


def protect_forms(app: Flask) -> None:
    """Check the CSRF token of every form, and give templates ``csrf_field()``."""
    CSRFProtect(app)
    app.jinja_env.globals["csrf_field"] = _csrf_field


def exempt(app: Flask, *views: Callable[..., Any]) -> None:
    """Exempt views from CSRF protection: programs call them, and they ignore cookies."""
    protect: CSRFProtect = app.extensions["csrf"]
    for view in views:
        protect.exempt(view)


def protect_upload(size: int) -> None:
    """Read a form with files of up to ``size`` bytes, and check its CSRF token.

    Call it first in a view that is `exempt` from the check before all views, which reads bodies within the bound of
    other forms; put the login check before it, so that only the owner can send that much.

    Raises:
        CSRFError: 400.
        RequestEntityTooLarge: 413.
    """
    request.max_content_length = size
    protect: CSRFProtect = current_app.extensions["csrf"]
    protect.protect()


def allow_leaving() -> None:
    """Leave ``form-action`` out of the policy of this page.

    Browsers apply ``form-action`` to the redirect after a form as well, so it would block the redirect to the app.
    """
    g.may_leave = True


def allow_scripts() -> None:
    """Let this page run the scripts of the site's own static files: passkeys need them."""
    g.may_script = True


def _csrf_field() -> Markup:
    if "csrf_field" not in g:
        g.csrf_field = Markup('<input type="hidden" name="csrf_token" value="{}">').format(generate_csrf())
    found: Markup = g.csrf_field
    return found


def _add_headers(configuration: Configuration) -> Callable[[Response], Response]:
    def add(answer: Response) -> Response:
        policy = _POLICY if g.get("may_leave") else f"{_POLICY}; form-action 'self'"
        if g.get("may_script"):
            policy += "; script-src 'self'"
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
    """Take scheme and host from the configuration, never from the request, and the peer from the TLS proxy."""
    if not configuration.is_https:
        return _at_own_names(application, configuration)
    inner = proxies.behind_proxies(application, configuration.trusted_proxies)
    host = urlsplit(configuration.base_url).netloc

    def at_origin(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        environ["wsgi.url_scheme"] = "https"
        environ["HTTP_HOST"] = host
        return inner(environ, start_response)

    return at_origin


def _at_own_names(application: Any, configuration: Configuration) -> Any:
    """Refuse requests for other hosts in development: a page of a stranger's name could lead here by rebinding."""
    names = {*LOOPBACK_HOSTS, urlsplit(configuration.base_url).hostname, configuration.handle}
    refusal = Response(f"This site is at {configuration.base_url}/ only.\n", 421, content_type="text/plain")

    def at_own_names(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        asked = WebURL.parse(f"http://{environ.get('HTTP_HOST') or environ['SERVER_NAME']}")
        is_own = asked is not None and asked.host in names and not (asked.path or asked.query)
        return application(environ, start_response) if is_own else refusal(environ, start_response)

    return at_own_names

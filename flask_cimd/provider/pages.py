"""The provider's blueprints: pages with security headers, and direct endpoints with CORS."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Flask, Response, request

from ..oauth.cors import allow_any_origin, preflight
from ..oauth.errors import add_request_id
from ..oauth.server.parameters import form_of
from .apps import ConnectedApps
from .authorization import AuthorizationPages
from .endpoints import Endpoints
from .probe import PATH, answer_probe
from .site import Site

#: Pages load only this site's own styles and images, and no page may frame them.
_POLICY = "default-src 'none'; style-src 'self'; img-src 'self'; frame-ancestors 'none'; base-uri 'none'"
#: Views whose forms redirect to a client: ``form-action`` would block that redirect.
_LEAVING = frozenset({"authorize", "consent", "resume", "enter"})


def pages(site: Site, endpoints: Endpoints) -> Blueprint:
    """Return the blueprint of the pages."""
    blueprint = Blueprint(site.name, __name__)
    authorization, apps = AuthorizationPages(site), ConnectedApps(site)
    add = blueprint.add_url_rule
    add("/authorize", "authorize", authorization.ask, methods=["GET"])
    add("/authorize", "enter", _entry(authorization, endpoints), methods=["POST"])
    add("/authorize/<handle>", "resume", authorization.resume, methods=["GET"])
    add("/consent", "consent", authorization.decide, methods=["POST"])
    add("/apps", "apps", apps.show, methods=["GET"])
    add("/apps/revoke", "revoke_app", apps.revoke, methods=["POST"])
    blueprint.after_request(_add_headers)
    blueprint.after_request(add_request_id)
    blueprint.after_request(site.browser.remember)
    return blueprint


def direct(site: Site, endpoints: Endpoints) -> Blueprint:
    """Return the blueprint of the direct endpoints."""
    blueprint = Blueprint(f"{site.name}_direct", __name__)
    routes = [
        ("/par", "push", endpoints.push, ["POST"]),
        ("/token", "token", endpoints.token, ["POST"]),
        ("/token", "verify", endpoints.verify, ["GET"]),
        ("/revoke", "revoke", endpoints.revoke, ["POST"]),
        ("/introspect", "introspect", endpoints.introspect, ["POST"]),
    ]
    if site.server.context.indieauth:
        routes.append(("/userinfo", "userinfo", endpoints.userinfo, ["GET", "POST"]))
    # First, because a protected view would also answer OPTIONS.
    for path in dict.fromkeys(path for path, *_ in routes):
        blueprint.add_url_rule(path, f"preflight{path.replace('/', '_')}", preflight, methods=["OPTIONS"])
    for path, name, view, methods in routes:
        blueprint.add_url_rule(path, name, view, methods=methods, provide_automatic_options=False)
    # A function instead of a partial object: Flask-Limiter and Flask-WTF read the name of every view.
    blueprint.add_url_rule(PATH, "probe", lambda: answer_probe(site), methods=["POST"])
    blueprint.after_request(allow_any_origin)
    blueprint.after_request(add_request_id)
    return blueprint


def exempt_from_csrf(app: Flask, *blueprints: Blueprint) -> None:
    """Exempt the provider's views from the app's Flask-WTF CSRF protection, because they have their own.

    The app may set `CSRFProtect` up later, so the exemption happens before the first request.
    """

    def exempt(*_: Any) -> None:
        protection = app.extensions.get("csrf")
        if protection is not None:
            for blueprint in blueprints:
                protection.exempt(blueprint)

    app.url_value_preprocessors.setdefault(None, []).append(exempt)


def _entry(authorization: AuthorizationPages, endpoints: Endpoints) -> Any:
    def enter() -> Response:
        # A POST with a code redeems it for the identity (IndieAuth §5.3.3); any other POST is an authorization request.
        if {"code", "grant_type"} & set(form_of(request)):
            return endpoints.redeem_for_identity()
        return authorization.restart()

    return enter


def _add_headers(answer: Response) -> Response:
    headers = answer.headers
    leaves = (request.endpoint or "").rpartition(".")[2] in _LEAVING
    headers.setdefault("Content-Security-Policy", _POLICY if leaves else f"{_POLICY}; form-action 'self'")
    headers.setdefault("X-Frame-Options", "DENY")
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("Referrer-Policy", "same-origin")
    headers.setdefault("Cache-Control", "no-store")
    return answer

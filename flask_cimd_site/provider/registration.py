"""Dynamic registration of apps without a URL of their own (RFC 7591); only if ``DEMO_DYNAMIC_REGISTRATION`` is on."""

from __future__ import annotations

from flask import Blueprint, Flask, Response

from flask_cimd.oauth import RegistrationEndpoint
from flask_cimd.provider import allow_any_origin, preflight
from flask_cimd_site import security

PATH = "/register"
VIEW = "registration.register"


def init_app(app: Flask, endpoint: RegistrationEndpoint) -> None:
    """Add the endpoint."""
    blueprint = Blueprint("registration", __name__)

    def register() -> Response:
        return endpoint.respond()

    blueprint.add_url_rule(PATH, "register", register, methods=["POST"], provide_automatic_options=False)
    blueprint.add_url_rule(PATH, "preflight", preflight, methods=["OPTIONS"])
    blueprint.after_request(allow_any_origin)
    security.exempt(app, register)
    app.register_blueprint(blueprint)

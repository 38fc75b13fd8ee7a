"""The example of a protected resource: the owner's profile for programs, at an address of its own."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from demo.provider.endpoints import allow_any_origin, preflight
from demo.provider.protection import SCHEMES, find_access
from demo.provider.resources import PROFILE_PATH
from demo.services import services
from flask_cimd.oauth import ResourceProtector, current_access

blueprint = Blueprint("profile", __name__)
blueprint.after_request(allow_any_origin)
blueprint.add_url_rule(PROFILE_PATH, view_func=preflight, methods=["OPTIONS"])
#: Its identifier is its URL, so a token for anything else is refused here.
protect = ResourceProtector(
    find_access, audience=lambda: services().configuration.base_url + PROFILE_PATH, schemes=SCHEMES
)


@blueprint.get(PROFILE_PATH)
@protect("profile")
def show() -> Response:
    """Tell the holder of a token about the owner."""
    here = services()
    return jsonify(here.identity.members(current_access.scope))

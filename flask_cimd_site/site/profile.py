"""The example of a protected resource: the owner's profile as JSON, with its own resource identifier."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from flask_cimd.oauth import ResourceProtector, current_access
from flask_cimd.provider import allow_any_origin, preflight
from flask_cimd_site.provider.protection import SCHEMES, find_access
from flask_cimd_site.provider.resources import PROFILE_PATH
from flask_cimd_site.services import services

blueprint = Blueprint("profile", __name__)
blueprint.after_request(allow_any_origin)
blueprint.add_url_rule(PROFILE_PATH, view_func=preflight, methods=["OPTIONS"])
#: The resource identifier is the URL, so tokens for other resources are refused.
protect = ResourceProtector(
    find_access, audience=lambda: services().configuration.base_url + PROFILE_PATH, schemes=SCHEMES
)


@blueprint.get(PROFILE_PATH)
@protect("profile")
def show() -> Response:
    """Answer with the profile that the token gives access to."""
    here = services()
    return jsonify(here.identity.members(current_access.scope))

"""Routes for the metadata documents of a server (RFC 8414) and of its resources (RFC 9728)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Response, abort, jsonify, request

from ..resource_metadata import is_resource_identifier
from .metadata import discovery_paths

_RESOURCE_PATH = "/.well-known/oauth-protected-resource"


def well_known_blueprint(
    issuer: str,
    *,
    server: Callable[[], Mapping[str, Any]],
    resource: Callable[[str], Mapping[str, Any] | None],
    name: str = "well_known",
) -> Blueprint:
    """Return a blueprint that serves the documents at every path that clients try, readable by scripts of any origin.

    Args:
        issuer: the exact issuer; the well-known part precedes its path. Register the blueprint at the root of the
            host, without a URL prefix.
        server: returns the server's metadata.
        resource: returns the metadata of a resource identifier on the issuer's host, or ``None``.
        name: name of the blueprint.
    """
    blueprint = Blueprint(name, __name__)
    origin = "{0.scheme}://{0.netloc}".format(urlsplit(issuer))

    def serve_server() -> Response:
        return _document(server())

    def serve_resource(path: str = "") -> Response:
        query = request.query_string.decode("latin-1")
        identifier = origin + (f"/{path}" if path else "") + (f"?{query}" if query else "")
        # RFC 9728 §3.3: "resource" is the identifier that this very URL was built from.
        found = resource(identifier) if is_resource_identifier(identifier) else None
        return abort(404) if found is None else _document(found)

    for place in discovery_paths(issuer):
        blueprint.add_url_rule(place, "server", serve_server)
    blueprint.add_url_rule(_RESOURCE_PATH, "resource", serve_resource)
    blueprint.add_url_rule(f"{_RESOURCE_PATH}/<path:path>", "resource", serve_resource)
    return blueprint


def _document(members: Mapping[str, Any]) -> Response:
    answer = jsonify(members)
    answer.headers["Access-Control-Allow-Origin"] = "*"
    answer.headers["Cache-Control"] = "public, max-age=300"
    return answer

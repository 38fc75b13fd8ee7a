"""Routes for the metadata documents of a server (RFC 8414) and of its resources (RFC 9728)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Response, abort, jsonify, request

from ..cors import allow_any_origin, preflight
from ..resource_metadata import is_resource_identifier
from .metadata import discovery_paths

Members = Mapping[str, Any]

_RESOURCE_PATH = "/.well-known/oauth-protected-resource"


def well_known_blueprint(
    issuer: str,
    *,
    server: Callable[[], Members],
    resource: Callable[[str], Members | None],
    name: str = "well_known",
) -> Blueprint:
    """Return a blueprint that serves the documents at every path that clients try, with CORS for every origin.

    Args:
        issuer: the exact issuer; the well-known part precedes its path. Register the blueprint at the root of the
            host, without a URL prefix.
        server: returns the server's metadata.
        resource: returns the metadata of a resource identifier on the issuer's host, or ``None``.
        name: name of the blueprint.
    """
    blueprint = Blueprint(name, __name__)
    add_server_routes(blueprint, issuer, server)
    add_resource_routes(blueprint, lambda rest: resource_at(issuer, rest, resource))
    return blueprint


def add_server_routes(blueprint: Blueprint, issuer: str, describe: Callable[[], Members]) -> None:
    """Serve the server's document at every path of `discovery_paths`."""

    def serve() -> Response:
        return _document(describe())

    for place in discovery_paths(issuer):
        _add(blueprint, place, "server", serve)


def add_resource_routes(blueprint: Blueprint, find: Callable[[str], Members | None]) -> None:
    """Serve the documents of resources.

    Args:
        blueprint: registered at the root of the host.
        find: returns a resource's document for the path and query of its identifier, or ``None``.
    """

    def serve(path: str = "") -> Response:
        query = request.query_string.decode("latin-1")
        found = find((f"/{path}" if path else "") + (f"?{query}" if query else ""))
        return abort(404) if found is None else _document(found)

    _add(blueprint, _RESOURCE_PATH, "resource", serve)
    _add(blueprint, f"{_RESOURCE_PATH}/<path:path>", "resource", serve)


def resource_at(issuer: str, rest: str, find: Callable[[str], Members | None]) -> Members | None:
    """Return the document of the resource with this path and query on the issuer's host, or ``None``."""
    # RFC 9728 §3.3: "resource" is the identifier from which this URL was built.
    identifier = "{0.scheme}://{0.netloc}".format(urlsplit(issuer)) + rest
    return find(identifier) if is_resource_identifier(identifier) else None


def _add(blueprint: Blueprint, path: str, name: str, view: Callable[..., Response]) -> None:
    blueprint.add_url_rule(path, name, view, methods=["GET"], provide_automatic_options=False)
    blueprint.add_url_rule(path, f"{name}_preflight", preflight, methods=["OPTIONS"])


def _document(members: Members) -> Response:
    answer = allow_any_origin(jsonify(members))
    answer.headers["Cache-Control"] = "public, max-age=300"
    return answer

"""The well-known documents of every provider in an app (RFC 8414, RFC 9728)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flask import Blueprint, Flask, Response, abort, jsonify, request

from ..oauth import Resource, server_metadata
from ..oauth.server.metadata import discovery_paths
from .endpoints import allow_any_origin, preflight
from .site import Site

_RESOURCE_PATH = "/.well-known/oauth-protected-resource"
_KEY = "cimd_provider_documents"

ENDPOINTS = {
    "authorization_endpoint": "/authorize",
    "token_endpoint": "/token",
    "pushed_authorization_request_endpoint": "/par",
    "introspection_endpoint": "/introspect",
    "revocation_endpoint": "/revoke",
    "userinfo_endpoint": "/userinfo",
}


def serve(app: Flask, site: Site, more: Mapping[str, Any]) -> None:
    """Serve the server's document at each path that clients try, and the documents of its resources.

    The paths are at the root of the host, without the provider's prefix (RFC 8414 §3.1, path insertion).

    Args:
        more: further members of the server's document.
    """
    blueprint = Blueprint(f"{site.name}_documents", __name__)

    def describe() -> Response:
        return _document(_server_document(site, more))

    for address in discovery_paths(site.issuer):
        _add(blueprint, address, "server", describe)
    sites: list[Site] | None = app.extensions.get(_KEY)
    if sites is None:
        sites = app.extensions[_KEY] = []
        find = _resource_view(sites)
        _add(blueprint, _RESOURCE_PATH, "resource", find)
        _add(blueprint, f"{_RESOURCE_PATH}/<path:path>", "resource", find)
    sites.append(site)
    app.register_blueprint(blueprint)


def _add(blueprint: Blueprint, address: str, name: str, view: Callable[..., Response]) -> None:
    blueprint.add_url_rule(address, name, view, methods=["GET"], provide_automatic_options=False)
    blueprint.add_url_rule(address, f"{name}_preflight", _preflight, methods=["OPTIONS"])


def _preflight(path: str = "") -> Response:  # noqa: ARG001  the rule has it
    return preflight()


def _server_document(site: Site, more: Mapping[str, Any]) -> dict[str, Any]:
    server = site.server
    base = site.origin + site.prefix
    return server_metadata(
        site.issuer,
        scopes=server.scopes,
        auth_methods=server.auth_methods,
        endpoints={name: base + path for name, path in ENDPOINTS.items()},
        **more,
    )


def _resource_view(sites: list[Site]) -> Callable[..., Response]:
    def view(path: str = "") -> Response:
        query = request.query_string.decode("latin-1")
        rest = (f"/{path}" if path else "") + (f"?{query}" if query else "")
        for site in sites:
            # RFC 9728 §3.3: "resource" is the identifier that this very URL was built from.
            identifier = site.origin + rest
            found = site.server.find_resource(identifier) if Resource.is_identifier(identifier) else None
            if found is not None:
                return _document(_resource_document(site, found))
        return abort(404)

    return view


def _resource_document(site: Site, resource: Resource) -> dict[str, Any]:
    # A resource in another process behind the same proxy may take bearer tokens only; the app knows better.
    return resource.metadata(site.issuer, **site.describe_resource(resource))


def _document(members: Mapping[str, Any]) -> Response:
    answer = allow_any_origin(jsonify(members))
    answer.headers["Cache-Control"] = "public, max-age=300"
    return answer

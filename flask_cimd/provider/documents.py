"""The well-known documents of every provider in an app (RFC 8414, RFC 9728)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from flask import Blueprint, Flask

from ..oauth import server_metadata
from ..oauth.resource_metadata import resource_metadata_url
from ..oauth.server.metadata import discovery_paths
from ..oauth.server.well_known import add_resource_routes, add_server_routes, resource_at
from .site import Site

_KEY = "cimd_provider_documents"

ENDPOINTS = {
    "authorization_endpoint": "/authorize",
    "token_endpoint": "/token",
    "pushed_authorization_request_endpoint": "/par",
    "introspection_endpoint": "/introspect",
    "revocation_endpoint": "/revoke",
}


def serve(app: Flask, site: Site) -> None:
    """Serve the server's document at each path that clients try, and the documents of its resources.

    The paths are at the root of the host, without the provider's prefix (RFC 8414 §3.1, path insertion).

    Args:
        app: the app of the provider.
        site: the provider in the app.
    """
    blueprint = Blueprint(f"{site.name}_documents", __name__)
    add_server_routes(blueprint, site.issuer, lambda: _server_document(site))
    sites: list[Site] | None = app.extensions.get(_KEY)
    if sites is None:
        sites = app.extensions[_KEY] = []
        _add_resources(blueprint, sites)
    sites.append(site)
    app.register_blueprint(blueprint)


def announced(site: Site) -> dict[str, dict[str, Any]]:
    """Return the documents by path and query: the server's at each of its paths, and those of resources on this host.

    Omits resources that only a look-up by identifier can find.
    """
    found = dict.fromkeys(discovery_paths(site.issuer), _server_document(site))
    listed = site.server.context.resources
    known = dict.fromkeys([site.issuer, *(listed if isinstance(listed, Mapping) else ())])
    for identifier in known:
        rest = identifier.removeprefix(site.origin)
        if rest == identifier or rest[:1] not in ("", "/", "?"):
            continue
        document = _resource_document(site, identifier)
        if document is not None:
            address = resource_metadata_url(identifier).removeprefix(site.origin)
            found.setdefault(address, dict(document))
    return found


def _add_resources(blueprint: Blueprint, sites: list[Site]) -> None:
    """Serve the resources of all providers of an app, including later ones, with one route."""

    def find(rest: str) -> Mapping[str, Any] | None:
        found = (resource_at(site.issuer, rest, partial(_resource_document, site)) for site in sites)
        return next(filter(None, found), None)

    add_resource_routes(blueprint, find)


def _server_document(site: Site) -> dict[str, Any]:
    server = site.server
    base = site.origin + site.prefix
    paths = ENDPOINTS | ({"userinfo_endpoint": "/userinfo"} if server.context.indieauth else {})
    return server_metadata(
        site.issuer,
        scopes=server.scopes,
        auth_methods=server.auth_methods,
        endpoints={name: base + path for name, path in paths.items()},
        **site.metadata,
    )


def _resource_document(site: Site, identifier: str) -> Mapping[str, Any] | None:
    # A resource in another process behind the same proxy may accept only bearer tokens; the app's hook states it.
    found = site.server.find_resource(identifier)
    return None if found is None else found.metadata(site.issuer, **site.describe_resource(found))

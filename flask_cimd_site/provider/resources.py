"""The site's own resources that tokens can be requested for (RFC 8707), besides the issuer."""

from __future__ import annotations

from flask_cimd.oauth import Resource
from flask_cimd_site.config import Configuration
from flask_cimd_site.provider.scopes import NOTES_SCOPES

PROFILE_PATH = "/api/profile"


def own_resources(configuration: Configuration) -> dict[str, Resource]:
    """Return the resources by identifier; the notes only if their MCP endpoint has an address."""
    offered = [
        Resource(
            identifier=configuration.base_url + PROFILE_PATH,
            name="Your profile",
            scopes=("profile", "email"),
            default_scope=("profile",),
        )
    ]
    if configuration.mcp_url:
        offered.append(
            Resource(
                identifier=configuration.mcp_url,
                name="Your notes",
                scopes=tuple(NOTES_SCOPES),
                default_scope=("notes:read",),
            )
        )
    return {resource.identifier: resource for resource in offered}

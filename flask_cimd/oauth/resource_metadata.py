"""Protected resources: their identifiers (RFC 8707) and their metadata documents (RFC 9728)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from ..core.atproto import SCOPE as ATPROTO
from ..core.text import is_visible


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """A protected resource for which clients can request tokens.

    Attributes:
        identifier: URL of the resource. Comparison ignores the case of scheme and host and treats an empty path as
            ``/``; everything else must match exactly.
        name: display name for the consent page.
        scopes: the scopes that clients can request for the resource.
        default_scope: the scopes of a request without ``scope``; a subset of ``scopes``.
    """

    identifier: str
    name: str
    scopes: tuple[str, ...]
    default_scope: tuple[str, ...] = ()

    @staticmethod
    def is_identifier(text: str) -> bool:
        """Return whether a string can identify a resource: an absolute URL of printable ASCII without fragment."""
        return is_resource_identifier(text)

    def metadata(self, issuer: str, **more: Any) -> dict[str, Any]:
        """Return the resource's metadata document (RFC 9728 §2).

        The document lists all scopes except ``offline_access``, which belongs to the authorization server (MCP).

        Args:
            issuer: the authorization server's issuer, exactly as in its own metadata document.
            more: further members, such as ``dpop_signing_alg_values_supported``; the document omits empty ones (§3.2).
        """
        members = {
            "resource": self.identifier,
            "resource_name": self.name,
            "authorization_servers": [issuer],
            "scopes_supported": sorted(
                (scope for scope in self.scopes if scope != "offline_access"), key=lambda scope: scope == ATPROTO
            ),
            "bearer_methods_supported": ["header"],
            **more,
        }
        return {name: value for name, value in members.items() if value is not None and value not in ([], {}, "")}


def is_resource_identifier(text: str) -> bool:
    """Return whether a string is an absolute URL of printable ASCII without user information or fragment (RFC 8707)."""
    if "#" in text or not is_visible(text):
        return False
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return bool(parts.scheme and parts.netloc) and "@" not in parts.netloc


def resource_metadata_url(resource: str) -> str:
    """Return the URL of a resource's metadata document (RFC 9728 §3.1).

    The well-known part precedes the resource's path and query; the path ``/`` is omitted.
    """
    parts = urlsplit(resource)
    path = "" if parts.path == "/" else parts.path
    query = f"?{parts.query}" if parts.query else ""
    return f"{parts.scheme}://{parts.netloc}/.well-known/oauth-protected-resource{path}{query}"

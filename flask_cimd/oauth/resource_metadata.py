"""Protected resources: their identifiers (RFC 8707) and their metadata documents (RFC 9728)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from ..core.atproto import SCOPE as ATPROTO
from ..core.text import is_visible


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """A protected resource that tokens can be requested for.

    Attributes:
        identifier: its URL. Scheme and host are compared without case, an empty path is ``/``, and everything else
            counts character by character.
        name: display name for the person who decides.
        scopes: the scopes that can be requested for it.
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

        Lists all scopes except ``offline_access``, which belongs to the authorization server (MCP).

        Args:
            issuer: the authorization server's issuer, exactly as its own metadata document has it.
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
    """Return whether a string can identify a resource: an absolute URL of printable ASCII, without fragment
    (RFC 8707 §2) and user information.
    """
    if "#" in text or not is_visible(text):
        return False
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return bool(parts.scheme and parts.netloc) and "@" not in parts.netloc


def resource_metadata_url(resource: str) -> str:
    """Return the URL of a resource's metadata document (RFC 9728 §3.1).

    The well-known part precedes the resource's path and query; a path that is only ``/`` is dropped.
    """
    parts = urlsplit(resource)
    path = "" if parts.path == "/" else parts.path
    query = f"?{parts.query}" if parts.query else ""
    return f"{parts.scheme}://{parts.netloc}/.well-known/oauth-protected-resource{path}{query}"

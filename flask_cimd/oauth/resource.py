"""Resource indicators (RFC 8707): for which place a token is meant."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from urllib.parse import urlsplit

from authlib.oauth2 import OAuth2Error


class InvalidTargetError(OAuth2Error):  # type: ignore[misc]  # Authlib is untyped
    """A ``resource`` is malformed or unknown here (RFC 8707 §2)."""

    error = "invalid_target"


def check_resources(requested: Iterable[str], known: Collection[str]) -> tuple[str, ...]:
    """Return the requested resources, each once.

    Raises:
        InvalidTargetError: one is relative, has a fragment, or is not known here.
    """
    found: dict[str, None] = {}
    for resource in requested:
        if not resource:
            continue
        if not _is_absolute(resource):
            raise InvalidTargetError("The resource must be an absolute URI without a fragment.")
        if resource not in known:
            raise InvalidTargetError("This server issues no tokens for that resource.")
        found[resource] = None
    return tuple(found)


def _is_absolute(resource: str) -> bool:
    if "#" in resource or not resource.isascii() or not resource.isprintable():
        return False
    try:
        parts = urlsplit(resource)
    except ValueError:
        return False
    return bool(parts.scheme and parts.netloc)

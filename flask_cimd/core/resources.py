"""Comparison of resource identifiers (RFC 8707)."""

from __future__ import annotations


def resource_key(identifier: str) -> str:
    """Return the string by which resources are compared: equal keys mean one resource.

    Scheme and host have no case, and an empty path is ``/`` (RFC 3986 §6.2.2.1, §6.2.3). A longer path and the query
    count character by character.
    """
    return _with_path(identifier, "/")


def resource_spellings(identifier: str) -> tuple[str, ...]:
    """Return the spellings under which a resource may be registered: the given one first, then the usual ones."""
    return tuple(dict.fromkeys((identifier, resource_key(identifier), _with_path(identifier, ""))))


def _with_path(identifier: str, root: str) -> str:
    scheme, mark, tail = identifier.partition("://")
    end = next((at for at, character in enumerate(tail) if character in "/?#"), len(tail))
    authority, rest = tail[:end], tail[end:]
    if not mark or not authority:
        return identifier
    user, at, host = authority.rpartition("@")
    # "https://host?q" and "https://host/?q" have the empty path too.
    rest = root + rest.removeprefix("/") if rest.removeprefix("/")[:1] in ("", "?") else rest
    return f"{scheme.lower()}://{user}{at}{host.lower()}{rest}"

"""Metadata of an authorization server by its issuer (RFC 8414 §3, OpenID Connect Discovery 1.0 §4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from .reading import Absent, Reading
from .server import Server, metadata_problems


def well_known_urls(issuer: str) -> tuple[str, ...]:
    """Return where an issuer's metadata may be, in MCP's order of preference."""
    parts = urlsplit(issuer)
    origin, path = f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/")
    names = ("oauth-authorization-server", "openid-configuration")
    inserted = tuple(f"{origin}/.well-known/{name}{path}" for name in names)
    return (*inserted, f"{origin}{path}/.well-known/openid-configuration") if path else inserted


def entered_issuers(url: str) -> tuple[str, ...]:
    """Return the issuers that a person may mean by a URL: itself, and both spellings of an empty path."""
    parts = urlsplit(url)
    if parts.path not in ("", "/"):
        return (url,)
    origin = f"{parts.scheme}://{parts.netloc}"
    return (origin, f"{origin}/")


def find_issuer(reading: Reading, url: str) -> Server | None:
    """Return the server whose issuer a person entered, or ``None`` if there is no metadata.

    Raises:
        DiscoveryError: the metadata is invalid, or names another issuer (RFC 8414 §3.3).
        FetchError: the addresses cannot be read.
    """
    if urlsplit(url).query:
        return None
    return _read(reading, url, entered_issuers(url))


def require_issuer(reading: Reading, issuer: str) -> Server:
    """Return the server with exactly this issuer, which another document names.

    Raises:
        DiscoveryError: there is none, it is invalid, or it names another issuer.
        FetchError: the addresses cannot be read.
    """
    found = _read(reading, issuer, (issuer,))
    if found is None:
        raise reading.refuse("no-server-metadata", "the issuer publishes no metadata (RFC 8414)")
    return found


def _read(reading: Reading, issuer: str, accepted: Sequence[str]) -> Server | None:
    for url in well_known_urls(issuer):
        try:
            metadata = reading.json(url)
        except Absent:
            continue
        # RFC 8414 §3.3: "MUST be identical", or one server could speak for another.
        if isinstance(metadata.get("issuer"), str) and metadata["issuer"] not in accepted:
            raise reading.refuse("issuer-mismatch", "the metadata names another issuer than the one that was asked for")
        return check_server(reading, metadata, url)
    return None


def check_server(reading: Reading, metadata: dict[str, Any], url: str) -> Server:
    """Return a server once its metadata is valid.

    Raises:
        DiscoveryError: with every problem.
    """
    if problems := metadata_problems(metadata, reading.settings):
        raise reading.refuse("invalid-server-metadata", "", problems=problems)
    return Server(metadata=metadata, metadata_url=url, entered=reading.entered)

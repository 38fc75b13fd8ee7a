"""Authorization server metadata by issuer (RFC 8414 §3, OpenID Connect Discovery 1.0 §4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from .reading import Absent, Reading
from .server import Server, metadata_problems


def well_known_urls(issuer: str) -> tuple[str, ...]:
    """Return the possible URLs of an issuer's metadata, in MCP's order of preference."""
    parts = urlsplit(issuer)
    origin, path = f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/")
    names = ("oauth-authorization-server", "openid-configuration")
    inserted = tuple(f"{origin}/.well-known/{name}{path}" for name in names)
    return (*inserted, f"{origin}{path}/.well-known/openid-configuration") if path else inserted


def entered_issuers(url: str) -> tuple[str, ...]:
    """Return the issuers that an entered URL can mean: the URL itself, and both spellings of an empty path."""
    parts = urlsplit(url)
    if parts.path not in ("", "/"):
        return (url,)
    origin = f"{parts.scheme}://{parts.netloc}"
    return (origin, f"{origin}/")


def find_issuer(reading: Reading, url: str) -> Server | None:
    """Return the server for an entered issuer URL, or ``None`` if it has no metadata.

    Raises:
        DiscoveryError: the metadata is invalid, or names another issuer (RFC 8414 §3.3).
        FetchError: a metadata URL cannot be fetched.
    """
    if urlsplit(url).query:
        return None
    return _read(reading, url, entered_issuers(url))


def require_issuer(reading: Reading, issuer: str) -> Server:
    """Return the server for exactly this issuer, which another document names.

    Raises:
        DiscoveryError: the issuer has no metadata, or the metadata is invalid or names another issuer.
        FetchError: a metadata URL cannot be fetched.
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
        # RFC 8414 §3.3: "MUST be identical"; otherwise one server could impersonate another.
        if isinstance(metadata.get("issuer"), str) and metadata["issuer"] not in accepted:
            raise reading.refuse("issuer-mismatch", "the metadata names an issuer other than the requested one")
        return check_server(reading, metadata, url)
    return None


def check_server(reading: Reading, metadata: dict[str, Any], url: str) -> Server:
    """Validate metadata and return it as a server.

    Raises:
        DiscoveryError: the metadata is invalid; ``problems`` lists every broken rule.
    """
    if problems := metadata_problems(metadata, reading.settings):
        raise reading.refuse("invalid-server-metadata", "", problems=problems)
    return Server(metadata=metadata, metadata_url=url, entered=reading.entered)

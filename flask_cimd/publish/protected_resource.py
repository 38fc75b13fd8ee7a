"""Discovery of a protected resource's authorization server (RFC 9728)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from .issuer import entered_issuers, require_issuer
from .reading import Absent, Reading
from .server import Server, is_server_url

_PARAMETER = re.compile(r'(?:^|[\s,])([A-Za-z_]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')
_MOST_CHALLENGE = 8192
_MOST_SERVERS = 20


def challenge_parameters(header: str) -> dict[str, str]:
    """Return the parameters of a ``WWW-Authenticate`` field, such as ``scope``; the first of a repeated one."""
    found: dict[str, str] = {}
    for name, quoted, plain in _PARAMETER.findall(header[:_MOST_CHALLENGE]):
        found.setdefault(name.lower(), re.sub(r"\\(.)", r"\1", quoted) or plain)
    return found


def find_resource(reading: Reading, url: str) -> Server | None:
    """Return the server that the metadata of exactly this resource URL names (RFC 9728 §3.1), or ``None``."""
    parts = urlsplit(url)
    inserted = f"{parts.scheme}://{parts.netloc}/.well-known/oauth-protected-resource{parts.path.rstrip('/')}"
    return _read(reading, f"{inserted}?{parts.query}" if parts.query else inserted, entered_issuers(url))


def find_origin_resource(reading: Reading, url: str) -> Server | None:
    """Return the server that the metadata of a resource's origin names, or ``None``; MCP clients try it last."""
    parts = urlsplit(url)
    return find_resource(reading, f"{parts.scheme}://{parts.netloc}") if parts.path.strip("/") else None


def follow_challenge(reading: Reading, url: str, header: str) -> Server | None:
    """Return the server for the metadata in a challenge (RFC 9728 §5.1), or ``None`` if it names no metadata.

    Raises:
        DiscoveryError: the metadata describes another resource, or names no server.
    """
    told = challenge_parameters(header)
    if not told.get("resource_metadata"):
        return None
    found = _read(reading, told["resource_metadata"], entered_issuers(url))
    if found is None:
        raise reading.refuse("no-resource-metadata", "the challenge names metadata that cannot be read")
    return replace(found, scope=told.get("scope") or found.scope)


def _read(reading: Reading, metadata_url: str, accepted: Sequence[str]) -> Server | None:
    try:
        metadata = reading.json(metadata_url)
    except Absent:
        return None
    resource = metadata.get("resource")
    # RFC 9728 §3.3: must equal the requested URL; otherwise one resource could collect the tokens of another.
    if resource not in accepted:
        raise reading.refuse("resource-mismatch", "the metadata describes another resource")
    server = require_issuer(reading, _issuer(reading, metadata))
    scopes = metadata.get("scopes_supported")
    scope = " ".join(scopes) if isinstance(scopes, list) and all(isinstance(one, str) for one in scopes) else None
    return replace(server, found_by="resource", resource=resource, scope=scope)


def _issuer(reading: Reading, metadata: Mapping[str, Any]) -> str:
    """Return the first server of the list; the others are never tried."""
    servers = metadata.get("authorization_servers")
    if not isinstance(servers, list) or not 0 < len(servers) <= _MOST_SERVERS:
        raise reading.refuse("resource-without-server", "authorization_servers must name at least one issuer")
    if not is_server_url(servers[0], reading.settings):
        raise reading.refuse("resource-without-server", "an issuer must be an absolute https URL of a public host")
    return str(servers[0])

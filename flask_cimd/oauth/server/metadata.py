"""The authorization server's metadata document (RFC 8414).

The document states every member, because the defaults of RFC 8414 §2 differ from this server's features.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from ...core.atproto import SCOPE as ATPROTO
from ...core.keys import ALGORITHMS
from ...core.urls import in_lower_case
from ...errors import ConfigurationError
from .response_modes import RESPONSE_MODES

_URL = re.compile(r"[!-\[\]-~]+")  # printable ASCII without a space and a backslash
_DOT_SEGMENT = re.compile(r"/(?:\.|%2e){1,2}(?:/|$)", re.IGNORECASE)


def well_known_path(issuer: str, name: str = "oauth-authorization-server") -> str:
    """Return the path of the metadata document: the well-known part precedes the issuer's path (RFC 8414 §3)."""
    return f"/.well-known/{name}{urlsplit(issuer).path.rstrip('/')}"


def discovery_paths(issuer: str) -> tuple[str, ...]:
    """Return every path where clients look for the server's metadata (RFC 8414 §3.1 and §5, MCP discovery order)."""
    path = urlsplit(issuer).path.rstrip("/")
    places = (well_known_path(issuer), well_known_path(issuer, "openid-configuration"))
    return (*places, f"{path}/.well-known/openid-configuration") if path else places


def check_issuer(issuer: str, *, allow_http_loopback: bool = False) -> str:
    """Return the issuer if it is valid.

    Raises:
        ConfigurationError: not https, with query, fragment or trailing slash (RFC 8414 §2), in upper case, or no URL
            that clients can compare: spaces, control characters, non-ASCII characters, dot segments, a bad port.
    """
    if not isinstance(issuer, str) or not _URL.fullmatch(issuer) or _DOT_SEGMENT.search(issuer) or not _is_url(issuer):
        raise ConfigurationError("the issuer must be a URL such as https://me.example")
    require_lower_case(issuer, "the issuer")
    parts = urlsplit(issuer)
    loopback = allow_http_loopback and parts.hostname in ("localhost", "127.0.0.1", "::1")
    if not (parts.scheme == "https" or (parts.scheme == "http" and loopback)) or not parts.netloc:
        raise ConfigurationError("the issuer must be an https URL")
    if "?" in issuer or "#" in issuer or issuer.endswith("/") or "@" in parts.netloc:
        raise ConfigurationError("the issuer must have no query, fragment, user or trailing slash")
    return issuer


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.port != 0 and not parts.netloc.endswith(":")
    except ValueError:  # a bad port, or an unclosed bracket
        return False


def require_lower_case(url: str, name: str) -> None:
    """Refuse an address of this server's own whose scheme or host has upper-case letters, and say the right spelling.

    Raises:
        ConfigurationError: it is written in upper case.
    """
    right = in_lower_case(url)
    if url != right:
        raise ConfigurationError(f"{name} must be written in lower case: {right}")


def server_metadata(
    issuer: str,
    *,
    scopes: Iterable[str],
    auth_methods: Iterable[str],
    endpoints: dict[str, str],
    **more: Any,
) -> dict[str, Any]:
    """Return the metadata document.

    Args:
        issuer: exact value of ``iss``.
        scopes: scopes that clients can request; ``atproto`` is listed last.
        auth_methods: client authentication methods of the token and revocation endpoints. Without ``none`` in the
            list, widespread clients do not use a URL as ``client_id``.
        endpoints: path below the issuer, or whole URL, by name, such as ``{"token_endpoint": "/token"}``.
        more: further members; the document omits ``None`` and empty values (RFC 8414 §3.2).
    """
    methods = list(auth_methods)
    algorithms = list(ALGORITHMS) if "private_key_jwt" in methods else None
    members: dict[str, Any] = {
        "issuer": issuer,
        **{name: path if "://" in path else issuer + path for name, path in endpoints.items()},
        "scopes_supported": sorted(scopes, key=lambda scope: scope == ATPROTO),
        "response_types_supported": ["code"],
        "response_modes_supported": list(RESPONSE_MODES),
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "token_endpoint_auth_methods_supported": methods,
        "token_endpoint_auth_signing_alg_values_supported": algorithms,
        "revocation_endpoint_auth_methods_supported": methods if "revocation_endpoint" in endpoints else None,
        "revocation_endpoint_auth_signing_alg_values_supported": algorithms
        if "revocation_endpoint" in endpoints
        else None,
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
        "client_id_metadata_document_supported": True,
        **more,
    }
    return {name: value for name, value in members.items() if value is not None and value not in ([], {})}

"""A server's metadata (RFC 8414) as a client reads it: under guard, since a person may have typed the issuer."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from .core.strict_json import StrictJSONError, read_object
from .errors import DocumentError, Problem
from .fetcher import Fetcher
from .reading import is_json

_MOST_BYTES = 65536
_ENDPOINTS = (
    "authorization_endpoint",
    "token_endpoint",
    "revocation_endpoint",
    "pushed_authorization_request_endpoint",
)


def discover(issuer: str, fetcher: Fetcher) -> dict[str, Any]:
    """Return the metadata of a server, once it is proved to be about this issuer.

    Args:
        issuer: the server's identifier, an https URL without query and fragment.
        fetcher: makes the guarded request.

    Raises:
        FetchError: it cannot be read.
        DocumentError: it is about somebody else, or names endpoints that no secret may be sent to.
    """
    parts = urlsplit(issuer)
    path = f"/.well-known/oauth-authorization-server{parts.path.rstrip('/')}"
    answer = fetcher.fetch(
        f"{parts.scheme}://{parts.netloc}{path}",
        accept="application/json",
        max_size_for=lambda media_type: _MOST_BYTES if is_json(media_type) else 0,
    )
    try:
        metadata = read_object(answer.body)
    except StrictJSONError as exc:
        raise DocumentError(issuer, (Problem("", exc.rule, exc.message),)) from exc
    if problems := _problems(metadata, issuer, allow_http=fetcher.settings.allow_http):
        raise DocumentError(issuer, problems)
    return metadata


def _problems(metadata: dict[str, Any], issuer: str, *, allow_http: bool) -> tuple[Problem, ...]:
    found = []
    # RFC 8414 §3.3: "MUST be identical", or one server could speak for another.
    if metadata.get("issuer") != issuer:
        found.append(Problem("/issuer", "mismatch", "must be the issuer that was asked for, character by character"))
    schemes = ("https://", "http://") if allow_http else ("https://",)
    for name in _ENDPOINTS:
        value = metadata.get(name)
        if value is None and name not in _ENDPOINTS[:2]:
            continue
        if not isinstance(value, str) or not value.startswith(schemes):
            found.append(Problem(f"/{name}", "not-https", "must be an absolute https URL"))
    if "S256" not in metadata.get("code_challenge_methods_supported", ["S256"]):
        found.append(Problem("/code_challenge_methods_supported", "no-s256", "the server must support PKCE with S256"))
    return tuple(found)

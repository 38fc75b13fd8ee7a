"""A server's metadata (RFC 8414) as a client reads it: under guard, since a person may have typed the issuer."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from ..clients.loading import is_json
from ..core.members import is_https_url
from ..core.strict_json import StrictJSONError, read_object
from ..errors import DocumentError, Problem
from ..fetch.fetcher import Fetcher, FetchSettings

_MOST_BYTES = 65536
_ENDPOINTS = (
    "authorization_endpoint",
    "token_endpoint",
    "revocation_endpoint",
    "pushed_authorization_request_endpoint",
)
_LISTS = ("code_challenge_methods_supported", "token_endpoint_auth_methods_supported")


def discover(issuer: str, fetcher: Fetcher) -> dict[str, Any]:
    """Return the metadata of a server, once it is proved to be about this issuer.

    Args:
        issuer: the server's identifier, an https URL without query and fragment.
        fetcher: makes the guarded request.

    Raises:
        FetchError: it cannot be read.
        DocumentError: it is about somebody else, or names endpoints that no secret may be sent to.
    """
    if not _is_url(issuer, fetcher.settings):
        raise DocumentError(issuer, (Problem("/issuer", "not-https", "must be an absolute https URL"),))
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
    if problems := _problems(metadata, issuer, fetcher.settings):
        raise DocumentError(issuer, problems)
    return metadata


def _is_url(value: object, settings: FetchSettings) -> bool:
    """Say whether a value is the https URL of a public host, or an http one where the settings allow it."""
    if not isinstance(value, str):
        return False
    if settings.allow_http and value.startswith("http://"):
        value = "https://" + value.removeprefix("http://")
    return is_https_url(value, settings.allow_loopback)


def _problems(metadata: dict[str, Any], issuer: str, settings: FetchSettings) -> tuple[Problem, ...]:
    found = []
    # RFC 8414 §3.3: "MUST be identical", or one server could speak for another.
    if metadata.get("issuer") != issuer:
        found.append(Problem("/issuer", "mismatch", "must be the issuer that was asked for, character by character"))
    for name in _ENDPOINTS:
        value = metadata.get(name)
        if value is None and name not in _ENDPOINTS[:2]:
            continue
        if not _is_url(value, settings):
            found.append(Problem(f"/{name}", "not-https", "must be an absolute https URL"))
    odd = [name for name in _LISTS if not isinstance(metadata.get(name, []), list)]
    found += [Problem(f"/{name}", "wrong-type", "must be an array") for name in odd]
    challenges = metadata.get("code_challenge_methods_supported")
    if isinstance(challenges, list) and "S256" not in challenges:
        found.append(Problem("/code_challenge_methods_supported", "no-s256", "the server must support PKCE with S256"))
    return tuple(found)

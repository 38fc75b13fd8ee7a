"""An authorization server as a client sees it: its validated metadata and the result of its discovery."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal
from urllib.parse import urlsplit

from ..core.members import is_https_url
from ..core.urls import LOOPBACK_HOSTS
from ..errors import Problem
from ..fetch.fetcher import FetchSettings

#: ``did`` and ``handle``: an AT Protocol account. ``issuer``: RFC 8414. ``resource``: RFC 9728. ``page``: the profile
#: page names the metadata (IndieAuth §4.1). ``legacy-page``: the page names only the endpoints, without an issuer.
FoundBy = Literal["did", "handle", "issuer", "resource", "page", "legacy-page"]

_REQUIRED = ("authorization_endpoint", "token_endpoint")
_ENDPOINTS = (*_REQUIRED, "revocation_endpoint", "pushed_authorization_request_endpoint", "userinfo_endpoint")
_LISTS = (
    "code_challenge_methods_supported",
    "token_endpoint_auth_methods_supported",
    "token_endpoint_auth_signing_alg_values_supported",
    "dpop_signing_alg_values_supported",
    "scopes_supported",
)
_FLAGS = (
    "authorization_response_iss_parameter_supported",
    "require_pushed_authorization_requests",
    "client_id_metadata_document_supported",
)
#: Metadata members that `ClientSession.finish` needs.
_KEPT = frozenset({"issuer", *_ENDPOINTS, *_FLAGS, *_LISTS} - {"scopes_supported"})


@dataclass(frozen=True, kw_only=True)
class Server(Mapping[str, Any]):
    """A server's metadata as a mapping, with the result of its discovery.

    Attributes:
        metadata: the validated members (RFC 8414); without ``issuer`` for a ``legacy-page``.
        found_by: kind of the address that led to the server.
        entered: the entered address after normalization; ``""`` for metadata that the app supplied.
        metadata_url: URL of the metadata, if it was fetched.
        profile_urls: the entered profile URL and the URLs of its redirects (IndieAuth §5.4).
        resource: the protected resource that named the server; sent as ``resource`` (RFC 8707).
        scope: the scope in the challenge of a refused request (RFC 6750 §3).
        did: DID of the account, if an account was entered.
        handle: the account's handle, verified in both directions.
        account: origin of the account's server (PDS).
    """

    metadata: Mapping[str, Any]
    found_by: FoundBy = "issuer"
    entered: str = ""
    metadata_url: str | None = None
    profile_urls: tuple[str, ...] = ()
    resource: str | None = None
    scope: str | None = None
    did: str | None = None
    handle: str | None = None
    account: str | None = None

    def __getitem__(self, name: str) -> Any:
        return self.metadata[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.metadata)

    def __len__(self) -> int:
        return len(self.metadata)

    @property
    def issuer(self) -> str | None:
        """The server's issuer identifier; ``None`` for a ``legacy-page``."""
        return self.metadata.get("issuer")

    @property
    def is_of_account(self) -> bool:
        """``True`` if an AT Protocol account led to this server."""
        return self.found_by in ("did", "handle")

    def to_json(self) -> str:
        """Return the members that `ClientSession.finish` needs as JSON text of about 1 KB."""
        values = {one.name: getattr(self, one.name) for one in fields(self) if getattr(self, one.name)}
        values["metadata"] = {name: value for name, value in self.metadata.items() if name in _KEPT}
        return json.dumps(values, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Server:
        """Return the server for the text from `to_json`."""
        values = json.loads(text)
        return cls(**{**values, "profile_urls": tuple(values.get("profile_urls", ()))})


def is_server_url(value: object, settings: FetchSettings) -> bool:
    """Return whether a value is an https URL of a public host; with ``allow_loopback`` also http(s) on loopback."""
    if not isinstance(value, str):
        return False
    if value.startswith("http://"):
        value = "https://" + value.removeprefix("http://")
        if not settings.allow_http and not (settings.allow_loopback and _host(value) in LOOPBACK_HOSTS):
            return False
    return is_https_url(value, settings.allow_loopback)


def metadata_problems(metadata: Mapping[str, Any], settings: FetchSettings) -> tuple[Problem, ...]:
    """Return every broken rule of a server's metadata; the caller compares the issuer."""
    found = [] if isinstance(metadata.get("issuer"), str) else [Problem("/issuer", "wrong-type", "must be a string")]
    found += [
        Problem(f"/{name}", "not-https", "must be an absolute https URL of a public host")
        for name in _ENDPOINTS
        if (name in metadata or name in _REQUIRED) and not _is_endpoint(metadata.get(name), metadata, settings)
    ]
    found += [
        Problem(f"/{name}", "wrong-type", "must be an array of strings")
        for name in _LISTS
        if name in metadata and not _is_texts(metadata[name])
    ]
    found += [
        Problem(f"/{name}", "wrong-type", "must be true or false")
        for name in _FLAGS
        if name in metadata and not isinstance(metadata[name], bool)
    ]
    challenges: Any = metadata.get("code_challenge_methods_supported")
    if _is_texts(challenges) and "S256" not in challenges:
        found.append(Problem("/code_challenge_methods_supported", "no-s256", "the server must support PKCE with S256"))
    return tuple(found)


def _is_endpoint(value: object, metadata: Mapping[str, Any], settings: FetchSettings) -> bool:
    is_secure = str(metadata.get("issuer")).startswith("https://")
    return is_server_url(value, settings) and (not is_secure or str(value).startswith("https://"))


def _host(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)

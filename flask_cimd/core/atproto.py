"""The rules of the AT Protocol's OAuth profile for client documents (https://atproto.com/specs/oauth, "Clients").

They are checked when a document is parsed, since some are about members that are dropped afterwards. They apply only to
requests for the scope ``atproto``.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from typing import Any

from ..errors import Problem
from .identifier import ClientIdentifier
from .redirects import is_same_origin, redirect_kind, redirect_place
from .sentences import sentence
from .urls import WebURL, default_port

#: The scope of requests to which this profile applies.
SCOPE = "atproto"
#: Names that never resolve in public (https://atproto.com/specs/handle, RFC 6761, RFC 6762, RFC 8375).
LOCAL_ENDINGS = frozenset({"localhost", "local", "test", "internal", "invalid", "example", "onion", "alt", "arpa"})
_GRANTS = frozenset({"authorization_code", "refresh_token"})
_METHODS = frozenset({"none", "private_key_jwt"})

_Add = Callable[[str, str, str], None]


def asks_for_atproto(scope: str | None) -> bool:
    """Return whether a space-separated scope string contains ``atproto``."""
    return SCOPE in (scope or "").split()


def profile_problems(
    members: Mapping[str, Any], identifier: ClientIdentifier, *, media_type: str, development: bool = False
) -> tuple[Problem, ...]:
    """Return every rule of the profile that a valid document breaks.

    Args:
        members: the members of the document, as published.
        identifier: the client identifier URL.
        media_type: the media type of the response, without parameters.
        development: accept names that never resolve in public, such as ``app.test``.
    """
    problems: list[Problem] = []

    def add(member: str, rule: str, message: str) -> None:
        problems.append(Problem(f"/{member}" if member else "", f"atproto-{rule}", message))

    if not _is_text(members.get("scope")) or not asks_for_atproto(members["scope"]):
        add("scope", "scope", "scope must be a string that contains atproto")
        return tuple(problems)
    if media_type != "application/json":
        add("", "media-type", "serve the document as application/json")
    for check in (_check_identifier, _check_protocol, _check_redirects, _check_authentication, _check_links):
        check(members, identifier, add, development)
    return tuple(problems)


def _check_identifier(_: Mapping[str, Any], identifier: ClientIdentifier, add: _Add, development: bool) -> None:
    if identifier.port is not None:
        add("client_id", "port", "the client_id must have no port")
    if _is_local(identifier.host, development=development):
        add("client_id", "local-host", "the client_id must be on a public host name")
    if identifier.raw != identifier.canonical:
        add("client_id", "not-canonical", "write the client_id in its canonical form, with a lower-case host")
    if identifier.path.endswith("/"):
        add("client_id", "path", "the path of the client_id must not end with a slash")


def _check_protocol(members: Mapping[str, Any], _: ClientIdentifier, add: _Add, __: bool) -> None:
    if members.get("dpop_bound_access_tokens") is not True:
        add("dpop_bound_access_tokens", "dpop", "must be true")
    grants = members.get("grant_types", ["authorization_code"])
    if not _is_texts(grants) or "authorization_code" not in grants or not set(grants) <= _GRANTS:
        add("grant_types", "grants", "must contain authorization_code, and besides it refresh_token alone")
    responses = members.get("response_types", ["code"])
    if not _is_texts(responses) or "code" not in responses:
        add("response_types", "responses", "must contain code")
    words = members["scope"].split(" ")
    if len(words) != len(set(words)):
        add("scope", "scope", "must name every scope once, separated by single spaces")
    if members.get("application_type", "web") not in ("web", "native"):
        add("application_type", "application-type", "must be web or native")


def _check_redirects(members: Mapping[str, Any], identifier: ClientIdentifier, add: _Add, development: bool) -> None:
    uris = members.get("redirect_uris")
    if not _is_texts(uris) or not uris:
        add("redirect_uris", "redirects", "must contain at least one URI")
        return
    check = _refuse_native if members.get("application_type", "web") == "native" else _refuse_web
    for number, uri in enumerate(uris):
        if reason := check(uri, identifier, development):
            add(f"redirect_uris/{number}", "redirect", reason)


def _refuse_web(uri: str, _: ClientIdentifier, development: bool) -> str | None:
    """Return why a web client may not list this URI, or ``None``."""
    host, port = _https_host(uri)
    if host is None or _is_local(host, development=development):
        return sentence("a web client lists https URIs on public hosts")
    return sentence("leave the port out where it is 443") if port == default_port("https") else None


def _refuse_native(uri: str, identifier: ClientIdentifier, _: bool) -> str | None:
    """Return why a native client may not list this URI, or ``None``."""
    kind = redirect_kind(uri)
    if kind == "private-scheme":
        scheme, _colon, path = uri.partition(":")
        reversed_host = ".".join(reversed(identifier.host.lower().split(".")))
        if scheme == reversed_host and path.startswith("/") and not path.startswith("//"):
            return None
        return sentence("the scheme is the host of the client_id reversed, followed by a colon and exactly one slash")
    if kind == "loopback":
        return (
            sentence("write 127.0.0.1 or [::1] in place of localhost")
            if redirect_place(uri)[0] == "localhost"
            else None
        )
    if uri.startswith("https://") and is_same_origin(uri, identifier):
        return None
    return sentence("an https URI of a native client is on the origin of its client_id")


def _check_authentication(members: Mapping[str, Any], _: ClientIdentifier, add: _Add, __: bool) -> None:
    method = members.get("token_endpoint_auth_method", "none")
    if method not in _METHODS:
        add("token_endpoint_auth_method", "auth-method", "must be none or private_key_jwt")
    if method == "private_key_jwt":
        _check_keys(members, add)
    elif "token_endpoint_auth_signing_alg" in members:
        add("token_endpoint_auth_signing_alg", "signing-alg", "only a client with keys may name an algorithm")


def _check_keys(members: Mapping[str, Any], add: _Add) -> None:
    if members.get("application_type") == "native":
        add("token_endpoint_auth_method", "native-secret", "a native client cannot keep a key; use none")
    if ("jwks" in members) == ("jwks_uri" in members):
        add("jwks", "keys", "give exactly one of jwks and jwks_uri")
    jwks = members.get("jwks")
    keys = jwks.get("keys") if isinstance(jwks, dict) else []
    if not all(isinstance(key, dict) and _is_text(key.get("kid")) for key in keys or []):
        add("jwks", "key-id", "every key needs a kid")


def _check_links(members: Mapping[str, Any], identifier: ClientIdentifier, add: _Add, _: bool) -> None:
    for name in ("client_uri", "logo_uri", "tos_uri", "policy_uri"):
        if name not in members:
            continue
        host, _port = _https_host(members[name])
        if host is None:
            add(name, "link", "must be an https URL")
        elif name == "client_uri" and host != identifier.host.lower():
            add(name, "link", "must have the same host as the client_id")
    if "client_name" in members and not _is_text(members["client_name"]):
        add("client_name", "wrong-type", "must be a string")


def _https_host(value: object) -> tuple[str | None, int | None]:
    """Return host and port of an https URL without user information, or ``None`` for both."""
    if not isinstance(value, str) or not value.startswith("https://") or not value.isascii():
        return None, None
    url = WebURL.parse(value)
    return (None, None) if url is None else (url.host, url.port)


def _is_local(host: str, *, development: bool) -> bool:
    name = host.lower().strip("[]")
    try:
        ipaddress.ip_address(name)
    except ValueError:
        ending = name.rpartition(".")[2]
        return "." not in name or (ending in LOCAL_ENDINGS and not (development and ending != "localhost"))
    return True


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)

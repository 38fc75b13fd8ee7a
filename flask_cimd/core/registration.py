"""Validate a registration request (RFC 7591 §2) by the rules of client metadata documents.

A document is for all servers, a registration for one: members that cannot be used are refused, not ignored. No URL of a
registration is fetched, and no secret is issued.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from .document import KEY_METHODS, SHARED_SECRET_METHODS, describe
from .identifier import ClientIdentifier, IdentifierKind
from .members import Members
from .metadata import ClientMetadata
from .redirects import redirect_place
from .rules import DocumentRules
from .sentences import sentence

#: Prefix of the identifiers that this server issues; never ``https://`` (CIMD §8.1).
PREFIX = "registered-"
MOST_REDIRECT_URIS = 10
_CLIENT_ID = re.compile(PREFIX + "[0-9a-f]{32}")
#: Members that are read; RFC 7591 §2: a server "MUST ignore any client metadata sent by the client that it does
#: not understand".
_READ = frozenset(
    {
        "redirect_uris", "client_name", "client_uri", "tos_uri", "policy_uri", "grant_types", "response_types",
        "token_endpoint_auth_method", "token_endpoint_auth_signing_alg", "jwks", "scope", "application_type",
        "dpop_bound_access_tokens", "require_pushed_authorization_requests",
    }
)  # fmt: skip


def is_issued_here(client_id: str) -> bool:
    """Return whether a ``client_id`` has the form of the identifiers that this server issues."""
    return _CLIENT_ID.fullmatch(client_id) is not None


def parse_registration(members: Mapping[str, Any], client_id: str, rules: DocumentRules) -> ClientMetadata:
    """Return the validated metadata of a client that registers itself.

    Args:
        members: the members of the request, or those of `registered_members`.
        client_id: the identifier that this server issues.
        rules: how strictly the request is read.

    Raises:
        DocumentError: ``problems`` holds every broken rule, with pointers into the request.
    """
    read = _with_method({name: value for name, value in members.items() if name in _READ and value is not None})
    narrowed = replace(rules, max_redirect_uris=min(rules.max_redirect_uris, MOST_REDIRECT_URIS), indieauth=False)
    given = Members(read, narrowed, takes_all_redirects=True)
    if not given.has("redirect_uris"):
        given.add("redirect_uris", "missing", "list at least one redirect URI")
    needs_keys = read["token_endpoint_auth_method"] in tuple(KEY_METHODS)
    if needs_keys and "jwks" not in read and members.get("jwks_uri") is not None:
        given.add("jwks_uri", "never-fetched", "send the keys as jwks")
    for name, usable in (("grant_types", "authorization_code"), ("response_types", "code")):
        if given.has(name) and usable not in (given.texts(name) or ()) and not given.blames(name):
            given.add(name, "unsupported", sentence("must contain %(value)s", value=usable))
    identifier = _identifier(client_id, _first(read.get("redirect_uris")))
    values = describe(given, identifier)
    # A client may need further scopes later (step-up in MCP) and cannot register again: consent is the limit.
    return ClientMetadata(identifier=identifier, source="registered", **{**values, "scope": None})


def identifiers(metadata: ClientMetadata) -> tuple[ClientIdentifier, ...]:
    """Return an identifier for each redirect URI of a registered client, for rules about hosts.

    The scheme of a private-use URI is used as its host.
    """
    return tuple(dict.fromkeys(_identifier(metadata.client_id, uri) for uri in metadata.redirect_uris))


def registered_client(client_id: str, redirect_uri: str) -> ClientMetadata:
    """Return what is known of a client that the app registered and that describes itself nowhere: its redirect URI."""
    return ClientMetadata(
        identifier=_identifier(client_id, redirect_uri),
        source="registered",
        redirect_uris=(redirect_uri,),
        grant_types=("authorization_code", "refresh_token"),
    )


def registered_members(metadata: ClientMetadata) -> dict[str, Any]:
    """Return the registered members, for the response (RFC 7591 §3.2.1) and for storage."""
    members = {
        "client_name": metadata.client_name,
        "redirect_uris": list(metadata.redirect_uris),
        "grant_types": list(metadata.grant_types),
        "response_types": list(metadata.response_types),
        "token_endpoint_auth_method": metadata.auth_method,
        "token_endpoint_auth_signing_alg": metadata.signing_alg,
        "jwks": json.loads(metadata.jwks) if metadata.jwks else None,
        "client_uri": metadata.client_uri,
        "tos_uri": metadata.tos_uri,
        "policy_uri": metadata.policy_uri,
        "application_type": metadata.application_type,
        "dpop_bound_access_tokens": metadata.dpop_bound_access_tokens or None,
        "require_pushed_authorization_requests": metadata.require_pushed_authorization_requests or None,
    }
    return {name: value for name, value in members.items() if value is not None}


def _with_method(given: dict[str, Any]) -> dict[str, Any]:
    # RFC 7591 §3.2.1: the server "MAY reject or replace any of the client's requested metadata values". Many
    # clients ask for a secret by default and accept a response without one.
    if given.get("token_endpoint_auth_method") in (None, *SHARED_SECRET_METHODS):
        return {**given, "token_endpoint_auth_method": "none"}
    return given


def _first(uris: object) -> str:
    return uris[0] if isinstance(uris, list) and uris and isinstance(uris[0], str) else ""


def _identifier(client_id: str, redirect_uri: str) -> ClientIdentifier:
    host, port = redirect_place(redirect_uri)
    return ClientIdentifier(
        raw=client_id, kind=IdentifierKind.REGISTERED, scheme="https", host=host, port=port, path="/", query=""
    )

"""An app's client metadata document: build it, and check at start that servers and the app's sessions support it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from ..core.document import ignored_members, parse_document
from ..core.identifier import ClientIdentifier, IdentifierRules, parse_identifier
from ..core.members import without_nulls
from ..core.metadata import ClientMetadata
from ..core.rules import DocumentRules
from ..errors import DocumentError, IdentifierError, Problem
from .key_file import KeyFile

#: Cache lifetime of the document and the key set.
LIFETIME = timedelta(hours=1)
METHODS = ("private_key_jwt", "none")
#: Maximum document size that the draft recommends to servers, in bytes (CIMD §9.7).
_MOST_BYTES = 5120
_LINKS = ("client_uri", "logo_uri", "tos_uri", "policy_uri")
#: Members that announce features that `ClientSession` does not support.
_UNKEPT = {
    "require_signed_request_object": "requests are not signed (RFC 9101)",
    "tls_client_certificate_bound_access_tokens": "tokens are not bound to certificates (RFC 8705); use DPoP",
    "authorization_signed_response_alg": "signed responses (JARM) are not read",
    "authorization_encrypted_response_alg": "encrypted responses (JARM) are not read",
    "id_token_encrypted_response_alg": "encrypted ID tokens are not read",
    "userinfo_encrypted_response_alg": "encrypted userinfo is not read",
    "request_object_signing_alg": "requests are not signed (RFC 9101)",
}

#: The rules of the strictest server that accepts keys.
_RULES = DocumentRules(auth_methods=("none", "private_key_jwt"), require_auth_method=True, indieauth=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientDocument:
    """The published identity of an app.

    Attributes:
        client_id: the URL of the document.
        members: members of the document, without keys and authentication methods.
        keys: the private keys; ``None`` for a public client.
        jwks_uri: URL of the public key set; ``None`` if the document contains the keys.
    """

    client_id: str
    members: Mapping[str, Any] = field(default_factory=dict)
    keys: KeyFile | None = None
    jwks_uri: str | None = None

    @property
    def auth_method(self) -> str:
        """The preferred authentication method: ``private_key_jwt`` or ``none``."""
        return "none" if self.keys is None else "private_key_jwt"

    @property
    def auth_methods(self) -> tuple[str, ...]:
        """Every authentication method of the document, the preferred one first."""
        listed = self.members.get("token_endpoint_auth_methods_supported", (self.auth_method,))
        return tuple(sorted(listed, key=lambda method: method != self.auth_method))

    @property
    def is_dpop_bound(self) -> bool:
        """``True`` if every token request carries a DPoP proof (RFC 9449 §5.2)."""
        return self.members.get("dpop_bound_access_tokens") is True

    @property
    def requires_pushed_requests(self) -> bool:
        """``True`` if every authorization request is pushed (RFC 9126 §6)."""
        return self.members.get("require_pushed_authorization_requests") is True

    def document(self) -> dict[str, Any]:
        """Return the current document."""
        keys: dict[str, Any] = {}
        if self.jwks_uri is not None:
            keys = {"jwks_uri": self.jwks_uri}
        elif self.keys is not None:
            keys = {"jwks": self.key_set()}
        methods = {
            "token_endpoint_auth_method": self.auth_method,
            "token_endpoint_auth_methods_supported": list(self.auth_methods),
        }
        return {"client_id": self.client_id, **self.members, **methods, **keys}

    def key_set(self) -> dict[str, Any]:
        """Return the public keys; an old key stays until it is retired."""
        return {"keys": [entry.public for entry in self.keys.entries()] if self.keys else []}


def check(client: ClientDocument, *, allow_loopback: bool = False) -> list[str]:
    """Return every problem of an app's document: members that servers refuse or ignore or sessions do not support."""
    return check_text(encode(client.document()), client.client_id, allow_loopback=allow_loopback) + _unkept(client)


def check_text(body: bytes, client_id: str, *, allow_loopback: bool = False) -> list[str]:
    """Return every member of a document that servers refuse or silently ignore."""
    metadata = strict_metadata(body, client_id, allow_loopback=allow_loopback)
    if not isinstance(metadata, ClientMetadata):
        return metadata
    document = without_nulls(json.loads(body))
    dropped = [uri for uri in document.get("redirect_uris", ()) if uri not in metadata.redirect_uris]
    problems = [f"/redirect_uris not-usable: servers would ignore {uri}" for uri in dropped]
    problems += _ignored(body, metadata.identifier)
    problems += [
        f"/{name} not-https: must be an absolute https URL"
        for name in _LINKS
        if name in document and getattr(metadata, name) is None
    ]
    if len(body) > _MOST_BYTES:
        problems.append(f"/ too-large: {len(body)} bytes; many servers read at most {_MOST_BYTES}")
    return problems


def strict_metadata(body: bytes, client_id: str, *, allow_loopback: bool = False) -> ClientMetadata | list[str]:
    """Return the metadata that the strictest server reads from a document, or its reasons for refusing it."""
    # No query and no bare "/": the draft discourages both, and some servers refuse them (CIMD §3).
    identifiers = IdentifierRules(
        allow_root_path=False, allow_query=False, indieauth=False, allow_loopback=allow_loopback
    )
    rules = replace(_RULES, allow_loopback=allow_loopback)
    try:
        identifier = parse_identifier(client_id, identifiers)
    except IdentifierError as error:
        return [f"client_id {error}"]
    try:
        return parse_document(body, identifier, rules)
    except DocumentError as error:
        return [_line(problem) for problem in error.problems] + _ignored(body, identifier)


def _ignored(body: bytes, identifier: ClientIdentifier) -> list[str]:
    """Return the problems of members that servers ignore; `check_text` reports redirect URIs."""
    try:
        found = ignored_members(body, identifier, _RULES)
    except DocumentError:  # not a JSON object; reported already
        return []
    return [_line(problem) for problem in found if not problem.pointer.startswith("/redirect_uris/")]


def _line(problem: Problem) -> str:
    return f"{problem.pointer or '/'} {problem.rule}: {problem.message}"


def encode(value: Mapping[str, Any]) -> bytes:
    """Return a document as UTF-8 JSON."""
    return json.dumps(value, indent=1, ensure_ascii=False).encode()


def _unkept(client: ClientDocument) -> list[str]:
    """Return the members that announce features that this client's sessions do not support."""
    members = client.members
    found = [f"/{name} not-kept: {reason}" for name, reason in _UNKEPT.items() if members.get(name)]
    if "code" not in members.get("response_types", ["code"]):
        found.append("/response_types not-kept: the response type is code")
    if "authorization_code" not in members.get("grant_types", ["authorization_code"]):
        found.append("/grant_types not-kept: the grant type is authorization_code")
    if "private_key_jwt" in client.auth_methods and client.keys is None:
        found.append("/token_endpoint_auth_methods_supported not-kept: private_key_jwt needs keys")
    alg = members.get("token_endpoint_auth_signing_alg")
    if alg is not None and alg not in {entry.alg for entry in (client.keys.entries() if client.keys else ())}:
        found.append("/token_endpoint_auth_signing_alg not-kept: no key signs with this algorithm")
    return found

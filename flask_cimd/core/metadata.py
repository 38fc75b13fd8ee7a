"""A client's validated description of itself."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

from .identifier import ClientIdentifier

Source = Literal["document", "page", "loopback", "virtual", "unread", "registered"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientMetadata:
    """A client's validated description of itself.

    Attributes:
        identifier: the client identifier URL it came from.
        source: ``document`` (JSON), ``page`` (h-app), ``unread`` (a page that could not be read); without a fetch:
            ``loopback`` (IndieAuth), ``virtual`` (AT Protocol), ``registered`` (RFC 7591).
        client_name: at most 100 characters without control and bidirectional characters, not escaped; ``None`` means:
            show the host.
        redirect_uris: usable redirect URIs in published order.
        publishes_redirects: whether the client lists redirect URIs; if not, page clients may be redirected within
            their own origin (IndieAuth §4.2.2).
        auth_methods: client authentication methods that the client may use, of ``none`` and ``private_key_jwt``.
        auth_method: ``token_endpoint_auth_method``, if it is given and usable.
        scope: the member ``scope``; ``None`` means that the client sets no limit.
        jwks: the inline key set as canonical JSON text, with public keys alone.
        localized: human-readable members with a language tag, such as ``client_name#fr``.
        atproto_problems: broken rules of the AT Protocol's profile as pointer, rule and message; they apply only to
            requests with the scope ``atproto``.
        localhost_any_port: whether the port of a redirect URI on the name ``localhost`` is ignored.
        rules: digest of the `DocumentRules` of the validation; empty for clients that are never stored.
        kept: members that are stored for the host application and never interpreted, as JSON text.
    """

    identifier: ClientIdentifier
    source: Source
    client_name: str | None = None
    client_uri: str | None = None
    logo_uri: str | None = None
    logo_alt: str | None = None
    tos_uri: str | None = None
    policy_uri: str | None = None
    redirect_uris: tuple[str, ...] = ()
    publishes_redirects: bool = True
    grant_types: tuple[str, ...] = ("authorization_code",)
    response_types: tuple[str, ...] = ("code",)
    auth_methods: tuple[str, ...] = ("none",)
    auth_method: str | None = None
    signing_alg: str | None = None
    scope: str | None = None
    jwks: str | None = None
    jwks_uri: str | None = None
    application_type: str | None = None
    dpop_bound_access_tokens: bool = False
    require_pushed_authorization_requests: bool = False
    require_signed_request_object: bool = False
    localized: tuple[tuple[str, str], ...] = ()
    atproto_problems: tuple[tuple[str, str, str], ...] = ()
    kept: str = "{}"
    localhost_any_port: bool = True
    rules: str = ""

    @property
    def client_id(self) -> str:
        """The raw client identifier URL; compare it as a string, never normalise it."""
        return self.identifier.raw

    @property
    def host(self) -> str:
        """The document host in lower case without a port, for rules about hosts."""
        return self.identifier.host.lower()

    @property
    def accepted_auth_methods(self) -> tuple[str, ...]:
        """The methods that a direct request may use: the one that the client names, else all usable ones."""
        return (self.auth_method,) if self.auth_method else self.auth_methods

    @property
    def fingerprint(self) -> str:
        """SHA-256 in hex of everything that consent depends on (CIMD §9.4).

        It covers redirect URIs, authentication, key location, name, logo and scope, but no display links. A rotation of
        the keys behind ``jwks_uri`` does not change it; a change of inline ``jwks`` does.
        """
        relevant = [
            self.client_id,
            self.source,
            self.client_name,
            self.logo_uri,
            self.redirect_uris,
            self.auth_methods,
            self.auth_method,
            self.jwks,
            self.jwks_uri,
            self.scope,
            self.grant_types,
        ]
        return hashlib.sha256(json.dumps(relevant).encode()).hexdigest()

    @property
    def is_built_here(self) -> bool:
        """``True`` for a program on the person's own computer; nothing is fetched for it."""
        return self.source in ("loopback", "virtual")

    def to_json(self) -> str:
        """Return the metadata as JSON text for a store, without the identifier."""
        values = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "identifier"}
        return json.dumps(values, separators=(",", ":"))

    @classmethod
    def from_json(cls, identifier: ClientIdentifier, text: str) -> ClientMetadata:
        """Rebuild stored metadata.

        Raises:
            ValueError: `to_json` of this version did not write the text; treat it as a cache miss.
        """
        try:
            values = json.loads(text)
            return cls(identifier=identifier, **_restore(values))
        except (TypeError, KeyError, AttributeError, RecursionError) as exc:
            raise ValueError("not stored client metadata") from exc


def _restore(values: Mapping[str, Any]) -> dict[str, Any]:
    if values.keys() != {field.name for field in fields(ClientMetadata)} - {"identifier"}:
        raise KeyError("another version wrote this")
    return {name: _tuples(value) for name, value in values.items()}


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value

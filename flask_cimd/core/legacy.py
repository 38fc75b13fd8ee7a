"""Requests that clients of IndieAuth's versions from 2019 to 2022 still make.

Nothing here applies to a client with a JSON document.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .identifier import IdentifierKind
from .metadata import ClientMetadata
from .urls import WebURL

#: Versions of IndieAuth by year, the newest first.
INDIEAUTH_VERSIONS = ("2024", "2022", "2019")


@dataclass(frozen=True, slots=True, kw_only=True)
class LegacyRules:
    """Which requests of older clients a server answers; for page and loopback clients alone.

    Attributes:
        require_pkce: refuse requests without a code challenge (optional for servers since September 2020).
        response_type: take ``response_type=id``, or none, as a sign-in without an access token (before August 2020).
        me: add the owner's profile URL as ``me`` to the redirect (before August 2020).
        redeem: redeem a code at the authorization endpoint without ``grant_type`` (before August 2020).
        token_verification: answer GET at the token endpoint with the claims of the presented token (before 2022).
        revoke: accept ``action=revoke`` at the token endpoint (before 2022).
        endpoint_rels: a profile page links to the endpoints, not to the server metadata alone (before 2022).
    """

    require_pkce: bool = True
    response_type: bool = False
    me: bool = False
    redeem: bool = True
    token_verification: bool = True
    revoke: bool = True
    endpoint_rels: bool = True

    @classmethod
    def of_version(cls, version: str | Literal[False]) -> LegacyRules:
        """Return the rules for clients as old as one version of IndieAuth.

        Args:
            version: one of `INDIEAUTH_VERSIONS`, or ``False`` for a server without IndieAuth.
        """
        if not version:
            return cls(redeem=False, token_verification=False, revoke=False, endpoint_rels=False)
        return cls(require_pkce=version == "2024", response_type=version == "2019", me=version == "2019")

    def waives_pkce(self, client: ClientMetadata | None) -> bool:
        """Return whether the client may leave out the code challenge."""
        return not self.require_pkce and is_legacy(client)

    def asks_for_identity(self, response_type: str | None, client: ClientMetadata | None) -> bool:
        """Return whether the request is a sign-in without an access token, by its ``response_type``."""
        return self.response_type and response_type in (None, "", "id") and is_legacy(client)

    def tells_me(self, client: ClientMetadata | None) -> bool:
        """Return whether ``me`` is added to the redirect."""
        return self.me and is_legacy(client)


def is_legacy(client: ClientMetadata | None) -> bool:
    """Return whether a client has no JSON document, so that the older rules of IndieAuth may apply to it."""
    return client is not None and client.source in ("page", "loopback", "unread")


def is_same_client(sent: str, client: ClientMetadata) -> bool:
    """Return whether a ``client_id`` identifies this client: exactly, or in canonical form for IndieAuth clients.

    IndieAuth §3.4: hosts compare case-insensitively, and a missing path is ``/``.
    """
    folds = is_legacy(client) or client.identifier.kind is IdentifierKind.PAGE
    return sent == client.client_id or (folds and canonical_url(sent) == canonical_url(client.client_id) != "")


def canonical_url(url: str) -> str:
    """Return the canonical form of a web URL (IndieAuth §3.4), or an empty string for any other text."""
    parsed = WebURL.parse(url.strip())
    return parsed.canonical if parsed else ""

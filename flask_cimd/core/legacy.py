"""What clients of IndieAuth's versions from 2019 to 2022 may still do, each by a switch.

Nothing here applies to a client with a JSON document: whoever can publish one can do the rest as well.
"""

from __future__ import annotations

from dataclasses import dataclass

from .identifier import IdentifierKind
from .metadata import ClientMetadata
from .urls import WebURL


@dataclass(frozen=True, slots=True, kw_only=True)
class LegacyRules:
    """The differences between the versions that a server still honours.

    Attributes:
        require_pkce: off lets page and loopback clients come without a code challenge (before 2020).
        response_type: take ``response_type=id``, or none, as a sign-in without any access (before August 2020).
        me: add the person's address to the answer, where the oldest clients look for it.
        redeem: take a code at the authorization endpoint without ``grant_type`` (before August 2020).
        token_verification: answer a GET at the token endpoint about the token that it presents (before 2022).
        revoke: take ``action=revoke`` at the token endpoint (before 2022).
        endpoint_rels: a profile page should name the endpoints themselves, not their metadata alone (before 2022).
    """

    require_pkce: bool = True
    response_type: bool = False
    me: bool = False
    redeem: bool = True
    token_verification: bool = True
    revoke: bool = True
    endpoint_rels: bool = True

    def waives_pkce(self, client: ClientMetadata | None) -> bool:
        """Say whether the client may ask without a code challenge."""
        return not self.require_pkce and is_legacy(client)

    def asks_for_identity(self, response_type: str | None, client: ClientMetadata | None) -> bool:
        """Say whether a request is one of those that meant: who is this, and nothing else."""
        return self.response_type and response_type in (None, "", "id") and is_legacy(client)

    def tells_me(self, client: ClientMetadata | None) -> bool:
        """Say whether the answer to the client names the person."""
        return self.me and is_legacy(client)


def is_legacy(client: ClientMetadata | None) -> bool:
    """Say whether a client came without a JSON document, so that IndieAuth's older rules may apply to it."""
    return client is not None and client.source in ("page", "loopback", "unread")


def is_same_client(sent: str, client: ClientMetadata) -> bool:
    """Say whether a ``client_id`` names this client: character by character, or folded where IndieAuth's rules apply.

    IndieAuth §3.4: hosts compare without case, and no path is the path ``/``.
    """
    folds = is_legacy(client) or client.identifier.kind is IdentifierKind.PAGE
    return sent == client.client_id or (folds and canonical_url(sent) == canonical_url(client.client_id) != "")


def canonical_url(url: str) -> str:
    """Fold what IndieAuth folds: host case, an empty path, the default port and the fragment (§3.4)."""
    parsed = WebURL.parse(url.strip())
    return parsed.canonical if parsed else ""

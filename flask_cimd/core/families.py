"""Advice for a client's developer: which families of authorization servers accept the client, and why not.

It has no influence on what this server accepts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .identifier import IdentifierKind
from .metadata import ClientMetadata
from .redirects import redirect_kind
from .sentences import part, sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyVerdict:
    """Verdict of one family of servers on a client.

    Attributes:
        family: one of `FAMILIES`.
        obstacles: sentences; if there are none, the family's servers accept the client.
        remarks: sentences about what some of these servers refuse, or what could be improved.
    """

    family: str
    obstacles: tuple[str, ...]
    remarks: tuple[str, ...]

    @property
    def accepts(self) -> bool:
        """``True`` if there are no obstacles."""
        return not self.obstacles


def judge_families(metadata: ClientMetadata) -> tuple[FamilyVerdict, ...]:
    """Return the verdict of every family on a valid client."""
    return tuple(
        FamilyVerdict(family=name, obstacles=tuple(obstacles(metadata)), remarks=tuple(remarks(metadata)))
        for name, obstacles, remarks in _FAMILIES
    )


def _document_obstacles(metadata: ClientMetadata) -> list[str]:
    if metadata.source != "document":
        return [sentence("These servers read a JSON document, and this address serves none.")]
    return []


def _cimd_remarks(metadata: ClientMetadata) -> list[str]:
    found: list[str] = []
    if metadata.identifier.path == "/":
        found.append(
            sentence("The path is only /, which the draft discourages and some servers refuse; use /client.json.")
        )
    if metadata.identifier.query:
        found.append(sentence("The address has a query, which the draft discourages and some servers refuse."))
    if metadata.source == "document" and metadata.auth_method is None:
        found.append(sentence("State token_endpoint_auth_method: some servers refuse documents without it."))
    if not metadata.client_name:
        found.append(sentence("Without client_name, people see only the host."))
    return found


def _mcp_obstacles(metadata: ClientMetadata) -> list[str]:
    found = _document_obstacles(metadata)
    if metadata.source == "document" and not metadata.client_name:
        found.append(sentence("MCP requires client_name."))
    if not metadata.redirect_uris:
        found.append(sentence("MCP requires redirect_uris."))
    if metadata.identifier.kind is not IdentifierKind.DOCUMENT or metadata.identifier.path == "/":
        found.append(sentence("MCP clients need an https address with a path that is more than /."))
    if any(redirect_kind(uri) == "private-scheme" for uri in metadata.redirect_uris):
        found.append(sentence("MCP allows https and loopback redirect URIs only; one here has a private-use scheme."))
    return found


def _mcp_remarks(metadata: ClientMetadata) -> list[str]:
    found: list[str] = []
    if metadata.redirect_uris and all(redirect_kind(uri) == "loopback" for uri in metadata.redirect_uris):
        found.append(sentence("All redirect URIs are on the person's own computer, so consent pages show a warning."))
    if "none" not in metadata.auth_methods:
        found.append(sentence("Only servers with private_key_jwt accept this client; list none as well to reach more."))
    return found


def _indieauth_obstacles(metadata: ClientMetadata) -> list[str]:
    if metadata.source == "document" and "none" not in metadata.auth_methods:
        return [sentence("IndieAuth clients do not authenticate; none must be among the methods.")]
    return []


def _indieauth_remarks(metadata: ClientMetadata) -> list[str]:
    if metadata.source == "page":
        return [sentence("The page works as a legacy client; newer servers expect a JSON document.")]
    found: list[str] = [sentence("Older servers expect an h-app and rel=redirect_uri links on a web page.")]
    if metadata.client_uri is None:
        found.append(sentence("IndieAuth expects client_uri, so that people can read about the app."))
    elif not _is_prefix(metadata.client_uri, metadata.client_id):
        found.append(
            sentence("IndieAuth requires a client_id that begins with the client_uri; servers ignore other links.")
        )
    return found


def _is_prefix(client_uri: str, client_id: str) -> bool:
    """Return whether one URL begins with the other, on a border between segments (IndieAuth §4.2.1)."""
    stem = client_uri.rstrip("/")
    return client_id == client_uri or client_id.startswith((stem + "/", stem + "?"))


def _atproto_obstacles(metadata: ClientMetadata) -> list[str]:
    missed: list[str] = [
        sentence("%(member)s: %(reason)s.", member=pointer.strip("/") or "document", reason=part(text))
        for pointer, _, text in metadata.atproto_problems
    ]
    return missed if metadata.source == "document" else _document_obstacles(metadata)


def _atproto_remarks(metadata: ClientMetadata) -> list[str]:
    if "refresh_token" not in metadata.grant_types:
        return [sentence("Without the grant type refresh_token, people must sign in again after minutes.")]
    return []


_Judge = Callable[[ClientMetadata], list[str]]


def _activitypub_obstacles(metadata: ClientMetadata) -> list[str]:
    """Judge by the basic profile of the ActivityPub API: servers have the code flow and bearer tokens."""
    found = _document_obstacles(metadata)
    if "authorization_code" not in metadata.grant_types:
        found.append(
            sentence("ActivityPub API servers grant access by authorization code; list the grant authorization_code.")
        )
    if not metadata.redirect_uris:
        found.append(sentence("ActivityPub API clients need redirect_uris."))
    return found


def _activitypub_remarks(metadata: ClientMetadata) -> list[str]:
    found: list[str] = []
    words = (metadata.scope or "").split()
    if not any(word in _ACTIVITYPUB_SYNONYMS or word.startswith("activitypub:") for word in words):
        found.append(
            sentence("Name what the app may ask for in scope, such as read, write or activitypub:read:me:inbox.")
        )
    if metadata.dpop_bound_access_tokens:
        found.append(sentence("These servers must take bearer tokens, and few bind tokens with DPoP."))
    if "none" not in metadata.auth_methods:
        found.append(sentence("Only servers with private_key_jwt accept this client; list none as well to reach more."))
    return found


_ACTIVITYPUB_SYNONYMS = frozenset({"read", "write", "write:sameorigin"})
_FAMILIES: tuple[tuple[str, _Judge, _Judge], ...] = (
    ("CIMD -02", _document_obstacles, _cimd_remarks),
    ("CIMD -03", _document_obstacles, _cimd_remarks),
    ("MCP", _mcp_obstacles, _mcp_remarks),
    ("IndieAuth", _indieauth_obstacles, _indieauth_remarks),
    ("AT Protocol", _atproto_obstacles, _atproto_remarks),
    ("ActivityPub API", _activitypub_obstacles, _activitypub_remarks),
)
#: Names of the families, in the order of the verdicts.
FAMILIES = tuple(name for name, _, _ in _FAMILIES)

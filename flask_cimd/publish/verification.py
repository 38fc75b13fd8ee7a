"""Verification of the identity in a server's response (IndieAuth §5.4, AT Protocol OAuth "Identity")."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..core.atproto import asks_for_atproto
from .discovery import Discovery
from .errors import DiscoveryError, IdentityError
from .profile_page import canonical_url
from .server import Server


def verified_identity(discovery: Discovery, server: Server, token: Mapping[str, Any]) -> dict[str, Any]:
    """Return the identity in a token response, verified in both directions.

    Returns:
        ``me`` in canonical form for IndieAuth; ``sub`` and, if it is known, ``handle`` for the AT Protocol; empty for
        a response without an identity.

    Raises:
        IdentityError: the server is not authoritative for the identity.
        FetchError: a document of the identity cannot be fetched now.
    """
    if server.is_of_account or asks_for_atproto(_text(token.get("scope"))):
        return _account(discovery, server, token)
    if "me" in token or server.found_by in ("page", "legacy-page"):
        return {"me": _me(discovery, server, token.get("me"))}
    return {}


def _me(discovery: Discovery, server: Server, me: object) -> str:
    if not isinstance(me, str) or len(me) > 2048:
        raise IdentityError("no-me", server.entered, hint="the response has no profile URL in me")
    try:
        url = canonical_url(me)
        if url in (*server.profile_urls, server.entered):
            return url
        found = discovery.discover(url, kind="page")
    except (DiscoveryError, ValueError) as exc:
        raise IdentityError("me-not-verified", server.entered, hint="the profile page names no server") from exc
    # IndieAuth §5.4: the authorization endpoints must be equal; issuers are also compared if both are known.
    same_issuer = found.issuer is None or server.issuer is None or found.issuer == server.issuer
    if found["authorization_endpoint"] != server["authorization_endpoint"] or not same_issuer:
        raise IdentityError("me-not-verified", server.entered, hint="the profile page names another server")
    return url


def _account(discovery: Discovery, server: Server, token: Mapping[str, Any]) -> dict[str, Any]:
    sub = token.get("sub")
    if not isinstance(sub, str) or not asks_for_atproto(_text(token.get("scope"))):
        raise IdentityError("no-sub", server.entered, hint="the response does not name the account in sub")
    if server.did is not None and sub != server.did:
        raise IdentityError("sub-mismatch", server.entered, hint="the response names another account")
    try:
        # Read again: the account may have moved since the sign-in began.
        found = discovery.identities(sub).find_did(sub)
    except DiscoveryError as exc:
        raise IdentityError(
            "sub-not-verified", server.entered, hint=f"the account cannot be verified: {exc.slug}"
        ) from exc
    if found.issuer != server.issuer:
        raise IdentityError("sub-not-verified", server.entered, hint="the account belongs to another server")
    return {"sub": sub, **({"handle": found.handle} if found.handle else {})}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""

"""Rules for requests with the scope ``atproto``: client documents, scopes and lifetimes (AT Protocol OAuth)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749.errors import InvalidScopeError

from ...core.atproto import asks_for_atproto
from ...core.display import safe_description
from ...core.metadata import ClientMetadata
from ..client import MetadataClient, URLClient
from .client_authentication import KEY_METHOD
from .storage import Grant

#: Maximum age of a public client's session (AT Protocol OAuth).
PUBLIC_SESSION = timedelta(days=14)
#: Maximum time without use of a session whose client authenticates (AT Protocol OAuth).
KEY_HOLDER_IDLE = timedelta(days=180)
#: Maximum lifetime of access tokens: not every client revokes them.
LONGEST_ACCESS = timedelta(minutes=15)


def check_profile(client: Any) -> None:
    """Refuse a client whose document does not follow the profile.

    Clients that the app registered need no document; clients that registered themselves have none and are refused.

    Raises:
        OAuth2Error: ``invalid_client_metadata`` with every broken rule: the client's developers see nothing else.
    """
    if not isinstance(client, MetadataClient):
        if client.get_client_id().startswith(("https://", "http://")):
            # AT Protocol OAuth: a client_id that is a URL identifies the document at that URL.
            raise OAuth2Error("A registered client must not have a URL as client_id.", error="invalid_client_metadata")
        return
    metadata: ClientMetadata = client.metadata
    problems = metadata.atproto_problems
    if metadata.source not in ("document", "virtual"):
        problems = (("", "atproto-document", "the client must publish a JSON document"),)
    if problems:
        text = "; ".join(f"{pointer or '/'} {message}" for pointer, _, message in problems)
        raise OAuth2Error(safe_description(text), error="invalid_client_metadata")


def check_listed(client: Any, scope: str) -> None:
    """Refuse scopes that the client's document does not list.

    Raises:
        InvalidScopeError: the document does not list a requested scope.
    """
    if isinstance(client, URLClient) and not set(scope.split()) <= set((client.metadata.scope or "").split()):
        raise InvalidScopeError("A requested scope is not in the client's document.")


def refresh_end(grant: Grant, now: datetime, idle: timedelta, absolute: timedelta) -> datetime:
    """Return the expiry of a refresh token that is issued now.

    Args:
        grant: the grant that the token belongs to.
        now: aware instant.
        idle: the server's maximum time without use.
        absolute: the server's maximum age of a grant.
    """
    if not asks_for_atproto(grant.scope):
        return min(now + idle, grant.created_at + absolute)
    if grant.auth_method == KEY_METHOD:
        return now + KEY_HOLDER_IDLE
    return min(now + idle, grant.created_at + PUBLIC_SESSION)


def limited_access(scope: str, wanted: timedelta) -> timedelta:
    """Return the lifetime of access tokens with this scope: 15 minutes at most for ``atproto``."""
    return min(wanted, LONGEST_ACCESS) if asks_for_atproto(scope) else wanted

"""What changes for requests with the scope ``atproto``: the client's document, the scopes, and how long things live."""

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

#: A public client's session ends so soon; so does an unused one of a key-holding client later (AT Protocol OAuth).
PUBLIC_SESSION = timedelta(days=14)
KEY_HOLDER_IDLE = timedelta(days=180)
#: Single access tokens are not revoked by every client, so they are short.
LONGEST_ACCESS = timedelta(minutes=15)


def check_profile(client: Any) -> None:
    """Refuse a client whose document does not follow the profile; one that the app registered needs no document,
    one that registered itself has none.

    Raises:
        OAuth2Error: ``invalid_client_metadata`` with every broken rule, since the app's developers see nothing else.
    """
    if not isinstance(client, MetadataClient):
        if client.get_client_id().startswith(("https://", "http://")):
            # The profile: an identifier that is a URL stands for the document at that URL.
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
        InvalidScopeError: there is one.
    """
    if isinstance(client, URLClient) and not set(scope.split()) <= set((client.metadata.scope or "").split()):
        raise InvalidScopeError("A requested scope is not in the client's document.")


def refresh_end(grant: Grant, now: datetime, idle: timedelta, absolute: timedelta) -> datetime:
    """Return when a refresh token that is issued now ends.

    Args:
        idle: the server's own limit for a token that is not used.
        absolute: the server's own limit for a whole session.
    """
    if not asks_for_atproto(grant.scope):
        return min(now + idle, grant.created_at + absolute)
    if grant.auth_method == KEY_METHOD:
        return now + KEY_HOLDER_IDLE
    return min(now + idle, grant.created_at + PUBLIC_SESSION)


def limited_access(scope: str, wanted: timedelta) -> timedelta:
    """Return how long access tokens with this scope live."""
    return min(wanted, LONGEST_ACCESS) if asks_for_atproto(scope) else wanted

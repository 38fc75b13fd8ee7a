"""Rules for requests with the scope ``atproto``: client documents, scopes and lifetimes (AT Protocol OAuth)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749.errors import InvalidScopeError
from werkzeug.datastructures import MultiDict

from ...core.atproto import SCOPE, asks_for_atproto
from ...core.display import safe_description
from ...core.metadata import ClientMetadata
from ...core.resources import resource_key
from ..client import MetadataClient, URLClient
from .client_authentication import KEY_METHOD
from .context import ServerContext
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


def possible_scope(context: ServerContext, client: Any, values: MultiDict[str, str], *, proves_key: bool) -> str:
    """Return the requested scope, without ``atproto`` if the request cannot be an AT Protocol request.

    Some clients request every scope that a server lists; RFC 6749 §3.3 lets the server omit what it cannot grant.

    Args:
        context: the server.
        client: the client of the request.
        values: the parameters of the request.
        proves_key: the request has a DPoP proof.
    """
    scope = values.get("scope", "")
    if not asks_for_atproto(scope):
        return scope
    issuer = resource_key(context.issuer)
    is_for_others = any(resource_key(resource) != issuer for resource in values.getlist("resource"))
    others = " ".join(word for word in scope.split() if word != SCOPE)
    proves_key = proves_key or "dpop_jkt" in values
    # A client with a key that requests no other scope is meant for the AT Protocol: tell its developer the error.
    is_meant = _claims_protocol(client, proves_key=proves_key) or (proves_key and not others)
    return scope if context.is_atproto(scope) and not is_for_others and is_meant else others


def _claims_protocol(client: Any, *, proves_key: bool) -> bool:
    """Return whether a client may be an AT Protocol client, according to its document.

    For a client that the app registered, which has no document, the key in its request decides. A dynamically
    registered client, a page client and a loopback client never are.
    """
    if not isinstance(client, MetadataClient):
        return proves_key
    metadata = client.metadata
    says_so = asks_for_atproto(metadata.scope) or metadata.dpop_bound_access_tokens
    return metadata.source in ("document", "virtual") and says_so


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

"""Issued tokens: the values to store, and the response with their secrets."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

from ...core.app_hooks import call_hook
from ...core.digests import digest_of
from .atproto import refresh_end
from .context import ServerContext
from .resource_indicators import granted_resources
from .storage import Grant, Token, new_secret

Issued = tuple[tuple[Token, ...], dict[str, Any]]


def issue(context: ServerContext, grant: Grant, scope: str, requested: Sequence[str], *, refreshable: bool) -> Issued:
    """Issue an access token, and a refresh token if the client may have one.

    Args:
        context: the server.
        grant: the grant, updated with the keys of this token request.
        scope: the scope of the access token; a refresh token keeps the grant's scope (RFC 6749 §6).
        requested: ``resource`` parameters of the token request.
        refreshable: issue a refresh token too.

    Returns:
        The values to store, and the members of the token response.

    Raises:
        InvalidTargetError: the grant lacks a requested resource.
    """
    resource = granted_resources(requested, grant, context.find_resource, context.issuer)
    now, access, scope = context.clock(), new_secret(), context.scope_at(scope, resource)
    ends = now + grant.access_lifetime if grant.until is None else min(now + grant.access_lifetime, grant.until)
    tokens = [_token("access", access, scope, now, ends, resource)]
    answer: dict[str, Any] = {
        "access_token": access,
        "token_type": "DPoP" if grant.dpop_jkt else "Bearer",
        "expires_in": int((ends - now) / timedelta(seconds=1)),
        "scope": scope,
    }
    if refreshable:
        refresh = new_secret()
        # ``Grant.until`` does not shorten it, because the person may choose a later end.
        idle_end = refresh_end(grant, now, context.refresh_idle, context.refresh_absolute)
        tokens.append(_token("refresh", refresh, grant.scope, now, idle_end))
        answer["refresh_token"] = refresh
    # Call it before a code or a refresh token is spent: an app's function may fail, or return a value that is not JSON.
    answer.update(call_hook("token_extras", lambda: _as_json(context.token_extras(grant))))
    return tuple(tokens), answer


def _as_json(members: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(members)
    if found:
        json.dumps(found)
    return found


def _token(
    kind: Literal["access", "refresh"],
    secret: str,
    scope: str,
    now: datetime,
    expires_at: datetime,
    resource: tuple[str, ...] = (),
) -> Token:
    return Token(
        digest=digest_of(secret), kind=kind, scope=scope, resource=resource, created_at=now, expires_at=expires_at
    )

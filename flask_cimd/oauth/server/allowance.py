"""Limits a request to the scopes and resources that the client's tier allows."""

from __future__ import annotations

from dataclasses import replace

from ...core.policy import Allowance
from .request_snapshot import AuthorizationRequest


def within_allowance(asked: AuthorizationRequest, allowance: Allowance, issuer: str) -> AuthorizationRequest | None:
    """Return the request without the scopes that the allowance excludes; ``None`` if nothing is left.

    A single excluded resource refuses the whole request: a token for fewer resources would not do what the client
    needs. A request without ``resource`` is for the issuer; a client that may not request the issuer can still request
    the person's identity.
    """
    scope = " ".join(allowance.scopes_of(asked.scope.split()))
    if asked.resource:
        if allowance.refused_resources(asked.resource) or (asked.scope and not scope):
            return None
    elif allowance.refused_resources([issuer]):
        scope = ""
    return asked if scope == asked.scope else replace(asked, scope=scope)

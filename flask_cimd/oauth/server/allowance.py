"""What a tier of clients may ask for, applied to a request before a person sees it."""

from __future__ import annotations

from dataclasses import replace

from ...core.policy import Allowance
from .storage import AuthorizationRequest


def within_allowance(asked: AuthorizationRequest, allowance: Allowance, issuer: str) -> AuthorizationRequest | None:
    """Return the request without what may not be asked for; ``None`` if nothing is left of it.

    Scopes are dropped one by one. A resource that may not be asked for ends the request, since a token for less
    than all of them would not do what the client wants. Without ``resource`` the issuer is meant; a client that
    may not act there can still ask who somebody is.
    """
    scope = " ".join(allowance.scopes_of(asked.scope.split()))
    if asked.resource:
        if allowance.refused_resources(asked.resource) or (asked.scope and not scope):
            return None
    elif allowance.refused_resources([issuer]):
        scope = ""
    return asked if scope == asked.scope else replace(asked, scope=scope)

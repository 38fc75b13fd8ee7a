"""Resource indicators (RFC 8707): the resources of a token, and the scopes that clients can request there."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Protocol

from authlib.oauth2 import OAuth2Error

from ...core.resources import resource_key
from ..resource_metadata import Resource, is_resource_identifier
from .storage import Grant


class Resources(Protocol):
    """The resources for which a server issues tokens: a dictionary by identifier, or a look-up in a database."""

    def get(self, identifier: str, /) -> Resource | None:
        """Return a resource, or ``None`` if the server issues no tokens for it."""


class InvalidTargetError(OAuth2Error):  # type: ignore[misc]  # Authlib is untyped
    """A ``resource`` is malformed or unknown here, or was not granted (RFC 8707 §2)."""

    error = "invalid_target"


def check_resources(requested: Iterable[str], known: Callable[[str], Resource | None]) -> tuple[str, ...]:
    """Return the requested resources in their registered spelling, each once.

    Raises:
        InvalidTargetError: a resource is relative, has a fragment, or is unknown.
    """
    found: dict[str, None] = {}
    for resource in filter(None, dict.fromkeys(requested)):  # each once: a look-up may query a database
        if not is_resource_identifier(resource):
            raise InvalidTargetError("The resource must be an absolute URI without a fragment.")
        place = known(resource)
        if place is None:
            raise InvalidTargetError("This server issues no tokens for that resource.")
        found[place.identifier] = None
    return tuple(found)


def granted_resources(
    requested: Iterable[str], grant: Grant, known: Callable[[str], Resource | None], issuer: str
) -> tuple[str, ...]:
    """Return the resources of a new access token: those of the token request, else the grant's (RFC 8707 §2.2).

    Raises:
        InvalidTargetError: the grant lacks a requested resource; the code or token is not spent.
    """
    wanted = check_resources(requested, known)
    if not set(map(resource_key, wanted)) <= set(map(resource_key, grant.resource or (issuer,))):
        raise InvalidTargetError("The resource was not part of the authorization request.")
    return wanted or grant.resource


def requested_scope(requested: Collection[str], resources: Collection[Resource]) -> tuple[str, ...]:
    """Return the requested scopes that a resource defines; without any, the default scopes of the resources.

    The server chooses the defaults, so the scopes in the client's document do not limit them.

    RFC 6749 §3.3: a server may "fully or partially ignore the scope requested by the client".
    """
    known = {word for resource in resources for word in resource.scopes}
    kept = tuple(dict.fromkeys(word for word in requested if word in known))
    defaults = (word for resource in resources for word in resource.default_scope)
    return kept or tuple(dict.fromkeys(defaults))

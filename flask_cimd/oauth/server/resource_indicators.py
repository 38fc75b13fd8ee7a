"""Resource indicators (RFC 8707): for which place a token is meant, and what may be asked for there."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit

from authlib.oauth2 import OAuth2Error

from ...core.text import is_visible


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """A place that tokens can be asked for.

    Attributes:
        identifier: its URL, compared character by character.
        name: what it is, in plain words for the person who decides.
        scopes: what may be asked for there.
        default_scope: what a request without ``scope`` asks for, a subset of ``scopes``.
    """

    identifier: str
    name: str
    scopes: tuple[str, ...]
    default_scope: tuple[str, ...] = ()


class Resources(Protocol):
    """The resources of a server: a dictionary by identifier will do, or something that asks a database."""

    def get(self, identifier: str, /) -> Resource | None:
        """Return a resource, or ``None`` if no tokens are issued for it."""


class InvalidTargetError(OAuth2Error):  # type: ignore[misc]  # Authlib is untyped
    """A ``resource`` is malformed or unknown here, or was not granted (RFC 8707 §2)."""

    error = "invalid_target"


def check_resources(requested: Iterable[str], known: Callable[[str], object | None]) -> tuple[str, ...]:
    """Return the requested resources, each once.

    Raises:
        InvalidTargetError: one is relative, has a fragment, or is not known here.
    """
    found = tuple(filter(None, dict.fromkeys(requested)))  # first: each may cost a look into a database
    for resource in found:
        if not is_resource_identifier(resource):
            raise InvalidTargetError("The resource must be an absolute URI without a fragment.")
        if known(resource) is None:
            raise InvalidTargetError("This server issues no tokens for that resource.")
    return found


def granted_resources(requested: Iterable[str], granted: tuple[str, ...], server: Any) -> tuple[str, ...]:
    """Return what a token is for: the part of the grant that the token request names, or all of it (RFC 8707 §2.2).

    Raises:
        InvalidTargetError: something else is named. Nothing has been spent yet.
    """
    wanted = check_resources(requested, server.find_resource)
    if not set(wanted) <= set(granted or (server.issuer,)):
        raise InvalidTargetError("The resource was not part of the authorization request.")
    return wanted or granted


def requested_scope(requested: Collection[str], resources: Collection[Resource]) -> tuple[str, ...]:
    """Return the scopes that are known at any of the resources; if there is none, their default scopes.

    The defaults are this server's choice, so a list of scopes in the client's document does not bound them.

    RFC 6749 §3.3: a server may "fully or partially ignore the scope requested by the client".
    """
    known = {word for resource in resources for word in resource.scopes}
    kept = tuple(dict.fromkeys(word for word in requested if word in known))
    defaults = (word for resource in resources for word in resource.default_scope)
    return kept or tuple(dict.fromkeys(defaults))


def is_resource_identifier(resource: str) -> bool:
    """Say whether a string can name a resource: absolute, printable ASCII, without fragment (RFC 8707 §2)."""
    if "#" in resource or not is_visible(resource):
        return False
    try:
        parts = urlsplit(resource)
    except ValueError:
        return False
    return bool(parts.scheme and parts.netloc)

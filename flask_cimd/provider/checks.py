"""Checks of a provider's configuration; each `ConfigurationError` names the change to make."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from flask import Flask

from ..core.resources import resource_key
from ..errors import ConfigurationError, StorageError
from ..oauth import Resource
from ..oauth.server.metadata import check_issuer

if TYPE_CHECKING:
    from .site import Site

#: RFC 6749 §3.3 ``scope-token``.
_SCOPE = re.compile(r"[\x21\x23-\x5B\x5D-\x7E]+")
_PREFIX = re.compile(r"(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._~-]+)*")


def require_secret_key(app: Flask) -> None:
    """Refuse an app without ``SECRET_KEY``: forms, nonces and waiting requests depend on it.

    Raises:
        ConfigurationError: ``SECRET_KEY`` is missing or empty.
    """
    if not app.secret_key:
        raise ConfigurationError('the provider needs app.config["SECRET_KEY"]; set it before provider.init_app')


def require_free_name(others: Sequence[Site], issuer: str, prefix: str) -> str:
    """Return the name of a new provider's blueprint, unless another provider has its issuer or its prefix."""
    for other in others:
        if other.issuer == issuer:
            raise ConfigurationError(f"this app has a provider for {issuer} already")
        if other.prefix == prefix:
            raise ConfigurationError(f"another provider of this app has the url_prefix {prefix!r}")
    return "cimd_provider" if not others else f"cimd_provider_{len(others) + 1}"


def require_issuer(issuer: str, *, allow_loopback: bool) -> str:
    """Return a usable issuer.

    Raises:
        ConfigurationError: the issuer is empty, not https (http on loopback needs ``CIMD_ALLOW_LOOPBACK``), in upper
            case, or has a query, fragment, user or final slash (RFC 8414 §2).
    """
    if not isinstance(issuer, str) or not issuer:
        raise ConfigurationError('the provider needs its issuer: provider.init_app(..., issuer="https://me.example")')
    return check_issuer(issuer, allow_http_loopback=allow_loopback)


def require_prefix(prefix: str) -> str:
    """Return the blueprint's URL prefix.

    Raises:
        ConfigurationError: the prefix does not begin with a slash, ends with one, or contains other characters.
    """
    if not isinstance(prefix, str) or not _PREFIX.fullmatch(prefix):
        raise ConfigurationError(f"url_prefix {prefix!r} must look like /oauth, without a final slash")
    return prefix


def require_scopes(scopes: Mapping[str, str]) -> Mapping[str, str]:
    """Return the scopes with their sentences.

    Raises:
        ConfigurationError: a scope is not a scope token of RFC 6749 §3.3, or has no sentence.
    """
    for word, text in scopes.items():
        if not isinstance(word, str) or not _SCOPE.fullmatch(word):
            raise ConfigurationError(f"{word!r} is not a scope: use printable ASCII without space, quote or backslash")
        if not isinstance(text, str) or not text.strip():
            raise ConfigurationError(f"the scope {word} needs a sentence for the consent page")
    return dict(scopes)


def require_resources(resources: Iterable[Resource], texts: Mapping[str, str]) -> dict[str, Resource]:
    """Return resources by the key of their identifier.

    Raises:
        ConfigurationError: an identifier is not an absolute URL without fragment, occurs twice, or a scope of the
            resource has no sentence.
    """
    found: dict[str, Resource] = {}
    for resource in resources:
        if not Resource.is_identifier(resource.identifier):
            raise ConfigurationError(f"{resource.identifier!r} is not an absolute URL without fragment")
        if resource_key(resource.identifier) in found:
            raise ConfigurationError(f"the resource {resource.identifier} is listed twice")
        if missing := [word for word in resource.scopes if word not in texts]:
            raise ConfigurationError(f"the scope {missing[0]} of {resource.identifier} needs a sentence in scopes=")
        found[resource_key(resource.identifier)] = resource
    return found


def require_free_paths(app: Flask, paths: Iterable[str]) -> None:
    """Refuse paths that the app already serves.

    Raises:
        ConfigurationError: the app has a route for one of the paths.
    """
    taken = {rule.rule for rule in app.url_map.iter_rules()}
    for path in paths:
        if path in taken:
            raise ConfigurationError(f"the app has a route for {path} already; choose another url_prefix")


def require_schema(app: Flask, storage: object) -> None:
    """Refuse a database without all tables and columns of a storage.

    Raises:
        ConfigurationError: tables or columns are missing (it names the first), or the database does not answer.
    """
    find_gaps: Callable[[], list[str]] | None = getattr(storage, "schema_gaps", None)
    if find_gaps is None:
        return
    try:
        with app.app_context():
            gaps = find_gaps()
    except StorageError as error:
        raise ConfigurationError(f"the tables of the provider cannot be looked at: {error.hint}") from error
    if gaps:
        raise ConfigurationError(schema_cure(gaps))


def schema_cure(gaps: Sequence[str]) -> str:
    """Return the sentence for an operator whose database lacks tables or columns."""
    more = f" and {len(gaps) - 3} more" if len(gaps) > 3 else ""
    how = "the migrations of your app" if "." in gaps[0] else "flask cimd create-tables, or the migrations of your app"
    return f"the database lacks {', '.join(gaps[:3])}{more}; run {how}"

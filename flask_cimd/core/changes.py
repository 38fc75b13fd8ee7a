"""The differences between a client and the client that a person approved, in sentences (CIMD §9.4).

Every member in the fingerprint has a sentence: two descriptions have the same fingerprint exactly if there is no
change. Keys that rotate behind the same ``jwks_uri`` are not a change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from .display import safe_text
from .metadata import ClientMetadata
from .redirects import redirect_host
from .sentences import sentence

_MOST_HOSTS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One difference; ``slug`` is stable, ``text`` is a sentence in which remote text is cleaned but not escaped."""

    slug: str
    text: str


def changes(before: ClientMetadata, after: ClientMetadata) -> tuple[Change, ...]:
    """Return the differences between two descriptions of one client, the most severe first.

    Args:
        before: the client that was approved.
        after: the client of the current request.
    """
    found = (tell(before, after) for tell in _TELLERS)
    return tuple(change for change in found if change is not None)


def _redirects(before: ClientMetadata, after: ClientMetadata) -> Change | None:
    if before.redirect_uris == after.redirect_uris:
        return None
    old, new = set(before.redirect_uris), set(after.redirect_uris)
    if not new - old and not old - new:
        text = sentence("It lists the same return addresses in a different order.")
    elif not old - new:
        text = sentence("It can now also send you to %(hosts)s.", hosts=_hosts(new - old))
    elif not new - old:
        text = sentence("It can no longer send you to %(hosts)s.", hosts=_hosts(old - new))
    else:
        text = sentence(
            "It can now also send you to %(hosts)s and can no longer send you to %(gone)s.",
            hosts=_hosts(new - old),
            gone=_hosts(old - new),
        )
    return Change(slug="changed-redirects", text=text)


def _hosts(uris: Iterable[str]) -> str:
    hosts = sorted({redirect_host(uri) for uri in uris})
    shown = ", ".join(safe_text(host) for host in hosts[:_MOST_HOSTS])
    more = len(hosts) - _MOST_HOSTS
    return sentence("%(hosts)s and %(number)s more", hosts=shown, number=more) if more > 0 else shown


def _auth_method(before: ClientMetadata, after: ClientMetadata) -> Change | None:
    if (before.auth_methods, before.auth_method) == (after.auth_methods, after.auth_method):
        return None
    had, has = ("private_key_jwt" in metadata.accepted_auth_methods for metadata in (before, after))
    if had and not has:
        text = sentence("It no longer proves its identity with a key.")
    elif has and not had:
        text = sentence("It now proves its identity with a key.")
    else:
        text = sentence("It proves its identity in a different way.")
    return Change(slug="changed-auth-method", text=text)


def _keys(before: ClientMetadata, after: ClientMetadata) -> Change | None:
    if before.jwks_uri != after.jwks_uri:
        return Change(slug="changed-keys-place", text=sentence("It publishes its keys at a different address."))
    if before.jwks != after.jwks:
        return Change(slug="changed-keys", text=sentence("It uses different keys."))
    return None


def _name(before: ClientMetadata, after: ClientMetadata) -> Change | None:
    if before.client_name == after.client_name:
        return None
    old, new = (safe_text(metadata.client_name) for metadata in (before, after))
    if not new:
        text = sentence("It called itself %(old)s and has no name now.", old=old)
    elif not old:
        text = sentence("It had no name and now calls itself %(new)s.", new=new)
    else:
        text = sentence("It called itself %(old)s and now calls itself %(new)s.", old=old, new=new)
    return Change(slug="changed-name", text=text)


def _logo(before: ClientMetadata, after: ClientMetadata) -> Change | None:
    if before.logo_uri == after.logo_uri:
        return None
    return Change(slug="changed-logo", text=sentence("It has a different logo."))


def _scope(before: ClientMetadata, after: ClientMetadata) -> Change | None:
    if before.scope == after.scope:
        return None
    added = sorted(set((after.scope or "").split()) - set((before.scope or "").split()))
    if after.scope is None:
        text = sentence("It no longer limits the access it may ask for.")
    elif before.scope is None or not added:
        text = sentence("It limits the access it may ask for in a different way.")
    else:
        text = sentence("It may now also ask for %(scopes)s.", scopes=safe_text(", ".join(added)))
    return Change(slug="changed-scope", text=text)


def _grants(before: ClientMetadata, after: ClientMetadata) -> Change | None:
    if before.grant_types == after.grant_types:
        return None
    had, has = ("refresh_token" in metadata.grant_types for metadata in (before, after))
    if has and not had:
        text = sentence("It can now stay connected.")
    else:
        text = sentence("It uses its access in a different way.")
    return Change(slug="changed-grant-types", text=text)


def _source(before: ClientMetadata, after: ClientMetadata) -> Change | None:
    if before.source == after.source:
        return None
    return Change(slug="changed-source", text=sentence("A different kind of page or document describes it now."))


_TELLERS: tuple[Callable[[ClientMetadata, ClientMetadata], Change | None], ...] = (
    _redirects,
    _auth_method,
    _keys,
    _name,
    _logo,
    _scope,
    _grants,
    _source,
)

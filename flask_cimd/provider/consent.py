"""Contents of the consent page: the client, its changes, and the access that it requests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from ..core.atproto import SCOPE as ATPROTO
from ..core.atproto import asks_for_atproto
from ..core.changes import Change, changes
from ..core.display import Acquaintance, ConsentView, consent_view
from ..core.metadata import ClientMetadata
from ..core.policy import Tier
from ..oauth import AuthorizationRequest, Resource
from .hooks import Identity

#: Lifetimes of access that a person can choose for a client without refresh tokens: key, sentence, duration.
LIFETIMES: Mapping[str, tuple[str, timedelta]] = {
    "hour": ("1 hour", timedelta(hours=1)),
    "day": ("1 day", timedelta(days=1)),
    "month": ("30 days", timedelta(days=30)),
    "year": ("1 year", timedelta(days=365)),
}
PRESET_LIFETIME = "month"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeChoice:
    """One requested scope on the page.

    Attributes:
        word: the scope, which is the value of the check box ``scope``.
        text: the provider's sentence about it.
        is_fixed: ``True`` if the person cannot clear the box.
    """

    word: str
    text: str
    is_fixed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentPage:
    """Contents of ``flask_cimd/consent.html``. Client texts have no control characters; the template escapes them.

    Attributes:
        view: the client and its redirect URI.
        changes: differences from the description that this person approved last.
        logo: URL of the logo on this server, or ``None``.
        scopes: requested scopes; empty for a sign-in without access.
        places: requested resources other than the server itself.
        is_identity_only: ``True`` if approval gives the client the person's identity and no access.
        lifetimes: key and sentence for each lifetime to choose from; empty without a choice.
        preset: key of the preselected lifetime.
        asks_again: time until the client must ask again, in words such as ``two weeks``; ``None`` if unknown.
        renews: ``True`` if the client can renew its access without a person.
        subject: the person who decides.
        identity: the names of the account that the client will see.
        transaction: secret handle of the waiting request; the form returns it.
    """

    view: ConsentView
    changes: tuple[Change, ...]
    logo: str | None
    scopes: tuple[ScopeChoice, ...]
    places: tuple[Resource, ...]
    is_identity_only: bool
    lifetimes: Mapping[str, str]
    preset: str
    asks_again: str | None
    renews: bool
    subject: str
    identity: Identity
    transaction: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """A person's earlier approval of a client.

    Attributes:
        client: the client's metadata at the last approval; ``None`` for a client that the app registered.
        is_readable: ``False`` if another version of this library stored the metadata.
    """

    client: ClientMetadata | None
    is_readable: bool = True


_UNREADABLE = Change(
    slug="unreadable-approval",
    text="This site can no longer read the description that you approved, so it cannot say what has changed.",
)


def scope_choices(scope: str, texts: Mapping[str, str]) -> tuple[ScopeChoice, ...]:
    """Return the check boxes for a requested scope string."""
    return tuple(ScopeChoice(word=word, text=texts.get(word, word), is_fixed=word == ATPROTO) for word in scope.split())


def view_of(
    client: ClientMetadata, asked: AuthorizationRequest, *, tier: Tier, approved: Approval | None, is_in_making: bool
) -> ConsentView:
    """Return the client's part of the page.

    With the scope ``atproto``, the view has the client's name and link only if the operator trusts the client, since
    anybody can claim them (AT Protocol OAuth, "Client Metadata").
    """
    return consent_view(
        client,
        asked.redirect_uri,
        is_verified=shows_names(asked, tier),
        acquaintance=acquaintance(tier, approved),
        is_in_the_making=is_in_making,
    )


def shows_names(asked: AuthorizationRequest, tier: Tier) -> bool:
    """Say whether the page may show the client's name and logo for this request."""
    return not asks_for_atproto(asked.scope) or tier is Tier.TRUSTED


def acquaintance(tier: Tier, approved: Approval | None) -> Acquaintance:
    """Return the person's acquaintance with the client."""
    if tier is Tier.TRUSTED:
        return "trusted"
    return "new" if approved is None else "met"


def changes_since(approved: Approval | None, client: ClientMetadata, *, with_name: bool) -> tuple[Change, ...]:
    """Return the differences from the description that this person approved last (CIMD §9.4)."""
    if approved is not None and not approved.is_readable:
        return (_UNREADABLE,)
    if approved is None or approved.client is None:
        return ()
    found = changes(approved.client, client)
    return tuple(change for change in found if with_name or change.slug != "changed-name")


def may_choose_lifetime(asked: AuthorizationRequest, client: ClientMetadata | None) -> bool:
    """Say whether the person chooses the lifetime of access.

    Clients that can refresh get short access tokens. Page clients, loopback clients and documents without the grant
    ``refresh_token`` cannot, unless the request is for a resource or for ``atproto``.
    """
    if client is None or not asked.scope or asked.resource or asks_for_atproto(asked.scope):
        return False
    return not (client.source in ("document", "virtual", "registered") and "refresh_token" in client.grant_types)


def chosen_lifetime(key: str | None) -> timedelta:
    """Return the lifetime that a form names; an unknown key means the preset."""
    return LIFETIMES.get(key or "", LIFETIMES[PRESET_LIFETIME])[1]


def asks_again(asked: AuthorizationRequest, client: ClientMetadata | None) -> str | None:
    """Return the time until the client needs a new approval, in words; ``None`` if unknown or chosen on the page."""
    if asks_for_atproto(asked.scope):
        return None if asked.auth_method == "private_key_jwt" else "two weeks"
    return None if may_choose_lifetime(asked, client) else "a year"

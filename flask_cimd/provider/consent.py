"""Contents of the consent page: the client, its changes, and the requested access."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from ..core.atproto import SCOPE as ATPROTO
from ..core.atproto import asks_for_atproto
from ..core.changes import Change, changes
from ..core.display import Acquaintance, ConsentView, consent_view
from ..core.metadata import ClientMetadata
from ..core.policy import Tier
from ..oauth import AuthorizationRequest, Resource
from .hooks import Identity
from .lifetimes import Lifetimes


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeChoice:
    """One requested scope on the page.

    Attributes:
        word: the scope; value of the check box ``scope``.
        text: the provider's sentence about the scope.
        is_fixed: ``True`` if the person cannot clear the box.
        is_new: ``True`` if this person's last approval of the client lacks this scope.
    """

    word: str
    text: str
    is_fixed: bool = False
    is_new: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentPage:
    """Contents of ``flask_cimd/consent.html``. Client texts have no control characters; the template escapes them.

    Attributes:
        view: the client and its redirect URI.
        changes: differences from the client description in this person's last approval.
        logo: URL of the logo on this server, or ``None``.
        scopes: requested scopes; empty for a sign-in without access.
        places: requested resources other than the server itself.
        is_identity_only: ``True`` if approval gives the client the person's identity and no access.
        new_places: identifiers of requested resources that this person's last approval of the client lacks.
        approved_at: time of this person's last approval of the client, an aware `datetime`, or ``None``.
        lifetimes: the lifetimes of access to choose from, or the reason for having no choice.
        can_be_remembered: ``True`` offers the check box ``remember``, which approves later equal requests without a
            page.
        ends_without_scope: ``True`` if an approval with every box cleared is a denial.
        subject: the person who decides.
        identity: the names of the account that the client will see.
        transaction: secret handle of the waiting request; a field of the form.
    """

    view: ConsentView
    changes: tuple[Change, ...]
    logo: str | None
    scopes: tuple[ScopeChoice, ...]
    places: tuple[Resource, ...]
    is_identity_only: bool
    new_places: frozenset[str]
    approved_at: datetime | None
    lifetimes: Lifetimes
    can_be_remembered: bool
    ends_without_scope: bool
    subject: str
    identity: Identity
    transaction: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """A person's earlier approval of a client.

    Attributes:
        client: the client's metadata at the last approval; ``None`` for a client that the app registered.
        is_readable: ``False`` if another version of this library stored the metadata.
        at: time of the approval, an aware `datetime`; ``None`` if it is unreadable.
        scope: granted scopes; ``None`` if they are unreadable.
        resource: granted resources.
    """

    client: ClientMetadata | None
    is_readable: bool = True
    at: datetime | None = None
    scope: tuple[str, ...] | None = None
    resource: tuple[str, ...] = ()


_UNREADABLE = Change(
    slug="unreadable-approval",
    text="This site can no longer read the description that you approved, so it cannot say what has changed.",
)


def scope_choices(scope: str, texts: Mapping[str, str], approved: Approval | None = None) -> tuple[ScopeChoice, ...]:
    """Return the check boxes for a requested scope string; a scope that the last approval lacks is new."""
    before = None if approved is None else approved.scope
    return tuple(
        ScopeChoice(
            word=word,
            text=texts.get(word, word),
            is_fixed=word == ATPROTO,
            is_new=before is not None and word not in before,
        )
        for word in scope.split()
    )


def new_places(places: tuple[Resource, ...], approved: Approval | None) -> frozenset[str]:
    """Return the identifiers of resources that the last approval did not include; none without an approval."""
    if approved is None or approved.scope is None:
        return frozenset()
    return frozenset(place.identifier for place in places if place.identifier not in approved.resource)


def is_denial(asked: AuthorizationRequest, scope: Collection[str]) -> bool:
    """Return whether an approval with these boxes ticked is a denial: it grants none of the requested access."""
    return bool(asked.scope) and not asks_for_atproto(asked.scope) and not set(asked.scope.split()) & set(scope)


def view_of(
    client: ClientMetadata, asked: AuthorizationRequest, *, tier: Tier, approved: Approval | None, is_in_making: bool
) -> ConsentView:
    """Return the client's part of the page.

    With the scope ``atproto``, the view has the client's name and link only if the operator trusts the client, because
    any client can claim them (AT Protocol OAuth, "Client Metadata").
    """
    return consent_view(
        client,
        asked.redirect_uri,
        is_verified=shows_names(asked, tier),
        acquaintance=acquaintance(tier, approved),
        is_in_the_making=is_in_making,
    )


def shows_names(asked: AuthorizationRequest, tier: Tier) -> bool:
    """Return whether the page may show the client's name and logo for this request."""
    return not asks_for_atproto(asked.scope) or tier is Tier.TRUSTED


def acquaintance(tier: Tier, approved: Approval | None) -> Acquaintance:
    """Return how well the person knows the client."""
    if tier is Tier.TRUSTED:
        return "trusted"
    return "new" if approved is None else "met"


def changes_since(approved: Approval | None, client: ClientMetadata, *, with_name: bool) -> tuple[Change, ...]:
    """Return the differences from the client description in this person's last approval (CIMD §9.4)."""
    if approved is not None and not approved.is_readable:
        return (_UNREADABLE,)
    if approved is None or approved.client is None:
        return ()
    found = changes(approved.client, client)
    return tuple(change for change in found if with_name or change.slug != "changed-name")

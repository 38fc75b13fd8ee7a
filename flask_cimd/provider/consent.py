"""What the consent page shows: the client, what is new about it, and what a yes would allow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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

#: Lifetimes of access that a person can choose for a client that cannot refresh it: key, sentence, duration.
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
        word: the scope itself, the value of the check box ``scope``.
        text: the sentence of the provider.
        is_fixed: the box cannot be unticked.
    """

    word: str
    text: str
    is_fixed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentPage:
    """Everything that ``flask_cimd/consent.html`` shows. Texts of the client are cleaned, not escaped.

    Attributes:
        view: the client and where the answer goes.
        changes: what differs from the description that this person approved last.
        logo: URL of the logo on this server, or ``None``.
        scopes: requested scopes; empty for a sign-in without access.
        places: requested resources other than the server itself.
        is_identity_only: a yes tells the client who the person is, and nothing else.
        lifetimes: key and sentence for each lifetime to choose from; empty where there is no choice.
        preset: key of the lifetime that is chosen at first.
        asks_again: when the client must ask again, as words such as ``two weeks``; ``None`` if it is not settled.
        renews: whether the client can renew its access without asking.
        subject: who decides.
        identity: the names of the account that the client will see.
        transaction: secret handle of the waiting request; the form sends it back.
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
    """What this person approved for this client before.

    Attributes:
        client: the client's description at the last approval; ``None`` if the client was registered then.
    """

    client: ClientMetadata | None


def scope_choices(scope: str, texts: Mapping[str, str]) -> tuple[ScopeChoice, ...]:
    """Return the check boxes for a requested scope string."""
    return tuple(ScopeChoice(word=word, text=texts.get(word, word), is_fixed=word == ATPROTO) for word in scope.split())


def view_of(
    client: ClientMetadata, asked: AuthorizationRequest, *, tier: Tier, approved: Approval | None, is_in_making: bool
) -> ConsentView:
    """Return the client's part of the page.

    A name and a link count for ``atproto`` only if the operator trusts the client, since anybody can claim them
    (AT Protocol OAuth, "Client Metadata").
    """
    return consent_view(
        client,
        asked.redirect_uri,
        is_verified=shows_names(asked, tier),
        acquaintance=acquaintance(tier, approved),
        is_in_the_making=is_in_making,
    )


def shows_names(asked: AuthorizationRequest, tier: Tier) -> bool:
    """Say whether name and logo of the client may be shown for this request."""
    return not asks_for_atproto(asked.scope) or tier is Tier.TRUSTED


def acquaintance(tier: Tier, approved: Approval | None) -> Acquaintance:
    """Return how well the client is known to this person."""
    if tier is Tier.TRUSTED:
        return "trusted"
    return "new" if approved is None else "met"


def changes_since(approved: Approval | None, client: ClientMetadata, *, with_name: bool) -> tuple[Change, ...]:
    """Return what differs from the description that was approved last (CIMD §8.4)."""
    if approved is None or approved.client is None:
        return ()
    found = changes(approved.client, client)
    return tuple(change for change in found if with_name or change.slug != "changed-name")


def may_choose_lifetime(asked: AuthorizationRequest, client: ClientMetadata | None) -> bool:
    """Say whether the person picks how long access lasts.

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
    """Return when the client needs a new approval, as far as it is settled and not chosen on the page."""
    if asks_for_atproto(asked.scope):
        return None if asked.auth_method == "private_key_jwt" else "two weeks"
    return None if may_choose_lifetime(asked, client) else "a year"


def without_lonely_email(words: Sequence[str]) -> tuple[str, ...]:
    """Return the scopes without ``email`` where ``profile`` is missing (IndieAuth §5.3.4: never on its own)."""
    return tuple(word for word in words if word != "email" or "profile" in words)

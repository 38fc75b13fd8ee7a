"""Facts about an app that only the owner sees: how far it is trusted, the rule that decides, the stored copy."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from flask_cimd import CIMDError, Decision, Tier
from flask_cimd.clients import ClientIdentifier, Entry, StoreError
from flask_cimd.core import parse_identifier
from flask_cimd_site.language import lazy_gettext as _
from flask_cimd_site.owner.clients import rules_about
from flask_cimd_site.services import services

_TIERS = {
    Tier.TRUSTED: _("Trusted"),
    Tier.KNOWN: _("Let in by a rule"),
    Tier.UNKNOWN: _("Let in, since no rule speaks against it"),
    Tier.BLOCKED: _("Blocked"),
}
#: A denial overrides trust, and trust overrides a mere permission.
_STRENGTH = (Decision.DENY, Decision.TRUST, Decision.ALLOW)


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnFacts:
    """The facts that this site knows about an app.

    Attributes:
        trust: words of its tier.
        rule: subject of the rule that decides, or ``None``.
        fetched_at: instant of the stored copy, or ``None`` without one.
        expires_at: end of its lifetime.
        is_fresh: whether a sign-in would use it now.
        is_pinned: whether a pinned copy stands in for a host that is down.
    """

    trust: str
    rule: str | None
    fetched_at: datetime | None
    expires_at: datetime | None
    is_fresh: bool
    is_pinned: bool


def own_facts(client_id: str) -> OwnFacts | None:
    """Return the facts about an app, or ``None`` for a string that names none."""
    here = services()
    admission = here.cimd.admission
    try:
        identifier = parse_identifier(client_id, here.cimd.settings.identifier_rules)
    except CIMDError:
        return None
    entry = _stored(identifier)
    return OwnFacts(
        trust=_TIERS[admission.tier(identifier)],
        rule=_deciding(client_id),
        fetched_at=entry.fetched_at if entry else None,
        expires_at=entry.expires_at if entry else None,
        is_fresh=entry is not None and entry.is_fresh(here.clock()),
        is_pinned=admission.pin(identifier.raw) is not None,
    )


def _stored(identifier: ClientIdentifier) -> Entry | None:
    try:
        return services().cimd.store.get(identifier)
    except StoreError:  # its server is down, and what it keeps is unknown
        return None


def _deciding(client_id: str) -> str | None:
    said = rules_about(client_id)
    return next((subject for strength in _STRENGTH for subject, decision in said if decision is strength), None)

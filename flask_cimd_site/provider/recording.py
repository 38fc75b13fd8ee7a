"""What the activity log has about apps: decisions, refusals, blocked apps, reuse, and what the owner ends.

What the owner changes on the page of apps is also told on the next page.
"""

from __future__ import annotations

from typing import Any

from flask import Flask, flash
from flask_babel import gettext

from flask_cimd import signals
from flask_cimd.oauth import Grant
from flask_cimd.provider import AccessChange, Decision, Provider
from flask_cimd_site.activity import Kind, record

_KINDS = {
    "approved": Kind.APPROVED,
    "skipped": Kind.APPROVED,
    "remembered": Kind.REMEMBERED,
    "denied": Kind.DENIED,
    "refused": Kind.REFUSED,
}
#: Slugs of refusals that a rule of the owner or of the configuration causes.
_RULES = frozenset({"client-denied", "host-denied", "host-not-allowed"})


def init_app(app: Flask, provider: Provider) -> None:
    """Write to the log from now on."""
    provider.on_decision(_note_decision)
    provider.on_access_change(_note_change)
    provider.on_reuse(_note_reuse)
    signals.client_rejected.connect(_note_rejection, app)


def _note_decision(decision: Decision) -> None:
    record(_KINDS[decision.outcome], app=decision.client_id, detail=decision.scope or decision.reason or None)


def _note_change(change: AccessChange) -> None:
    kind, text = {
        "ended": (Kind.REVOKED, gettext("This sign-in was ended.")),
        "app-ended": (Kind.REVOKED, gettext("All access of the app was ended.")),
        "all-ended": (Kind.EVERYTHING_ENDED, gettext("The access of all apps was ended.")),
        "end-changed": (Kind.END_CHANGED, gettext("The access ends at the new time.")),
        "asks-again": (Kind.ASKS_AGAIN, gettext("The app asks you again the next time.")),
    }[change.kind]
    until = f"until {change.until:%Y-%m-%d %H:%M} UTC" if change.until else ""
    record(kind, app=change.client_id or None, detail=until)
    flash(text)


def _note_rejection(_: Flask, *, error: Any, slug: str, **rest: object) -> None:  # noqa: ARG001  the signal has more
    if slug in _RULES:
        record(Kind.RULE_HIT, app=error.client_id or None, detail=slug)


def _note_reuse(grant: Grant) -> None:
    record(Kind.REUSE, app=grant.client_id, detail=grant.scope or None)

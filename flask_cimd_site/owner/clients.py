"""The page of rules: which apps are blocked, allowed or trusted, and what each tier of apps may ask for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext
from werkzeug.wrappers import Response

from flask_cimd import Allowance, Decision, HostPattern, Rule, Tier
from flask_cimd.core import WebURL
from flask_cimd_site.account.fresh import fresh_owner_only
from flask_cimd_site.account.login import owner_only
from flask_cimd_site.activity import Kind, record
from flask_cimd_site.language import lazy_gettext as _
from flask_cimd_site.provider.resource_servers import named_resources
from flask_cimd_site.provider.scopes import SCOPE_TEXTS
from flask_cimd_site.services import services

blueprint = Blueprint("clients", __name__)

DECISIONS = {Decision.DENY: _("Blocked"), Decision.ALLOW: _("Allowed"), Decision.TRUST: _("Trusted")}
TIERS = {
    Tier.TRUSTED: (_("Trusted apps"), _("Apps with a rule that trusts them."), _("Save for trusted apps")),
    Tier.KNOWN: (_("Allowed apps"), _("Apps with a rule that allows them."), _("Save for allowed apps")),
    Tier.UNKNOWN: (_("All other apps"), _("Apps without a rule."), _("Save for all other apps")),
}
_MOST_CHARACTERS = 2048


@dataclass(frozen=True, slots=True)
class Choice:
    """A scope or resource that apps of a tier may or may not ask for."""

    value: str
    text: str
    is_allowed: bool


@dataclass(frozen=True, slots=True)
class TierView:
    """One tier of apps as the page shows it."""

    tier: Tier
    title: str
    about: str
    button: str
    scopes: list[Choice]
    resources: list[Choice]


@blueprint.get("/clients")
@owner_only
def show() -> str:
    """Show rules and tiers; the query's ``about`` names an app whose rules stand out."""
    return _page(about=request.args.get("about", ""))


@blueprint.post("/clients/rules")
@fresh_owner_only
def add() -> Response | tuple[str, int]:
    """Add a rule, or replace the one for the same subject."""
    subject = request.form.get("subject", "").strip()
    try:
        rule = Rule.parse(subject[: _MOST_CHARACTERS + 1], request.form.get("decision", ""))
    except ValueError:
        return _page(refused=subject[:_MOST_CHARACTERS]), 400
    services().cimd.admission.set_rule(rule)
    record(Kind.RULE_CHANGED, detail=f"{rule.decision}: {rule.subject}")
    flash(gettext("The rule about %(subject)s is in force.", subject=rule.subject))
    return redirect(url_for("clients.show"), code=303)


@blueprint.post("/clients/rules/remove")
@fresh_owner_only
def remove() -> Response:
    """Remove a rule."""
    subject = request.form.get("subject", "")
    if services().cimd.admission.remove_rule(subject):
        record(Kind.RULE_CHANGED, detail=f"removed: {subject}")
        flash(gettext("The rule about %(subject)s is removed.", subject=subject))
    return redirect(url_for("clients.show"), code=303)


@blueprint.post("/clients/block")
@owner_only
def block() -> Response:
    """Block an app by a rule, and end its access."""
    here, client_id = services(), request.form.get("client_id", "")[: _MOST_CHARACTERS + 1]
    try:
        here.cimd.admission.set_rule(Rule.parse(client_id, Decision.DENY))
    except ValueError:
        abort(400)
    here.storage.revoke_client(here.identity.me, client_id, here.clock())
    record(Kind.BLOCKED, app=client_id)
    flash(gettext("The app is blocked, and its access was ended. To unblock it, remove its rule."))
    return redirect(url_for("cimd_provider.apps"), code=303)


@blueprint.post("/clients/tiers/<tier>")
@fresh_owner_only
def limit(tier: str) -> Response:
    """Set what apps of a tier may ask for; with all boxes checked there is no limit, now or for scopes added later."""
    if tier not in TIERS:
        abort(404)
    allowance = Allowance(
        scopes=_limit(request.form.getlist("scope"), SCOPE_TEXTS),
        resources=_limit(request.form.getlist("resource"), _resources()),
    )
    services().cimd.admission.set_allowance(Tier(tier), allowance)
    record(Kind.RULE_CHANGED, detail=f"what {tier} apps can ask for")
    flash(gettext("Saved."))
    return redirect(url_for("clients.show"), code=303)


def _limit(checked: list[str], offered: Mapping[str, str]) -> frozenset[str] | None:
    chosen = frozenset(checked) & offered.keys()
    return None if chosen == offered.keys() else frozenset(chosen)


def _is_about(subject: str, client_id: str) -> bool:
    """Return whether a rule or setting decides about an app."""
    url = WebURL.parse(client_id)
    if subject == client_id or url is None:
        return subject == client_id
    try:
        return HostPattern.parse(subject).matches(url.host)
    except ValueError:  # the rule is about one other app
        return False


def rules_about(client_id: str) -> list[tuple[str, Decision]]:
    """Return subject and decision of every rule and setting that decides about an app."""
    about = [(rule.subject, rule.decision) for rule in services().cimd.admission.rules()]
    return [(subject, said) for subject, said in (*about, *_settings()) if _is_about(subject, client_id)]


def _settings() -> list[tuple[str, Decision]]:
    static = services().cimd.admission.static
    return [
        *((pattern.text, Decision.DENY) for pattern in static.denied_hosts),
        *((pattern.text, Decision.TRUST) for pattern in static.trusted_hosts),
        *((pattern.text, Decision.ALLOW) for pattern in static.allowed_hosts or ()),
    ]


def _page(refused: str | None = None, about: str = "") -> str:
    admission, resources = services().cimd.admission, _resources()
    return render_template(
        "clients.html",
        rules=admission.rules(),
        settings=[(subject, DECISIONS[decision]) for subject, decision in _settings()],
        is_closed=admission.static.allowed_hosts is not None,
        decisions=DECISIONS,
        tiers=[_tier(tier, resources) for tier in TIERS],
        refused=refused,
        is_about=lambda subject: _is_about(subject, about),
    )


def _tier(tier: Tier, resources: Mapping[str, str]) -> TierView:
    allowance = services().cimd.admission.allowance(tier)
    title, about, button = TIERS[tier]
    return TierView(
        tier=tier,
        title=title,
        about=about,
        button=button,
        scopes=_choices(SCOPE_TEXTS, allowance.scopes),
        resources=_choices(resources, allowance.resources),
    )


def _choices(offered: Mapping[str, str], allowed: frozenset[str] | None) -> list[Choice]:
    return [Choice(value, text, allowed is None or value in allowed) for value, text in offered.items()]


def _resources() -> dict[str, str]:
    """Return the names of the resources that apps can ask for, by identifier; the issuer stands for the site."""
    return {services().server.issuer: gettext("This site")} | named_resources()

"""``flask cimd allow|deny|trust|remove|rules|allowance`` and ``pin|unpin|pins``: rules and pinned documents."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from flask.cli import with_appcontext

from .. import CIMDError
from ..clients.admission import Admission
from ..clients.pins import Pin
from ..core.policy import Allowance, Decision, Rule, Tier
from .shared import extension, json_option, print_json, refused

#: The tiers whose clients are admitted.
TIERS_LET_IN = (Tier.TRUSTED, Tier.KNOWN, Tier.UNKNOWN)
_PAGE_SUFFIXES = frozenset({".html", ".htm"})


def _admission() -> Admission:
    admission = extension().admission
    if not admission.is_lasting:
        raise click.UsageError("rules in memory end with this command; use CIMD_STORE = sqlalchemy or redis")
    return admission


def _rule_command(decision: Decision, text: str) -> click.Command:
    @click.command(str(decision), help=text)
    @click.argument("subjects", nargs=-1, required=True)
    @with_appcontext
    def set_rules(subjects: tuple[str, ...]) -> None:
        admission = _admission()
        try:
            rules = [Rule.parse(subject, decision) for subject in subjects]
        except ValueError as exc:
            raise click.UsageError(str(exc)) from exc
        for rule in rules:
            admission.set_rule(rule)

    return set_rules


allow = _rule_command(Decision.ALLOW, "Admit SUBJECTS: hosts, .domains or client URLs.")
deny = _rule_command(
    Decision.DENY, "Refuse SUBJECTS: hosts, .domains or client URLs. A refusal overrides every other rule."
)
trust = _rule_command(Decision.TRUST, "Admit SUBJECTS in the tier trusted.")


@click.command("remove")
@click.argument("subjects", nargs=-1, required=True)
@with_appcontext
def remove(subjects: tuple[str, ...]) -> None:
    """Remove the rules about SUBJECTS."""
    admission = _admission()
    unknown = [subject for subject in subjects if not admission.remove_rule(subject)]
    if unknown:
        raise click.ClickException("no rule about: " + " ".join(unknown))


@click.command("rules")
@json_option
@with_appcontext
def show_rules(*, as_json: bool) -> None:
    """List the rules: decision and subject, those of the settings included."""
    admission = _admission()
    static = admission.static
    listed = [
        *(("deny", pattern.text, "settings") for pattern in static.denied_hosts),
        *(("trust", pattern.text, "settings") for pattern in static.trusted_hosts),
        *(("allow", pattern.text, "settings") for pattern in static.allowed_hosts or ()),
        *((str(rule.decision), rule.subject, "store") for rule in admission.rules()),
    ]
    if as_json:
        print_json([dict(zip(("decision", "subject", "from"), line, strict=True)) for line in listed])
        return
    for line in listed:
        click.echo("\t".join(line))
    if static.allowed_hosts is not None:
        click.echo("everybody else is turned away", err=True)


@click.command("allowance")
@click.argument("tier", type=click.Choice([tier.value for tier in TIERS_LET_IN]), required=False)
@click.option(
    "--scopes", help='Scopes that clients of TIER may request, separated by spaces; "" for the identity alone.'
)
@click.option("--resources", help="Resource identifiers that they may request, separated by spaces.")
@click.option("--any", "anything", is_flag=True, help="Let clients of TIER request everything again.")
@json_option
@with_appcontext
def allowance(tier: str | None, scopes: str | None, resources: str | None, *, anything: bool, as_json: bool) -> None:
    """Set the scopes and resources that clients of TIER may request; without options, print them."""
    admission = _admission()
    given = scopes is not None or resources is not None
    if (given or anything) and tier is None:
        raise click.UsageError("name the tier")
    if given and anything:
        raise click.UsageError("--any goes alone")
    if tier is not None and (given or anything):
        before = Allowance() if anything else admission.allowance(Tier(tier))
        admission.set_allowance(
            Tier(tier),
            Allowance(
                scopes=before.scopes if scopes is None else frozenset(scopes.split()),
                resources=before.resources if resources is None else frozenset(resources.split()),
            ),
        )
    told = [_told(name, admission.allowance(name)) for name in TIERS_LET_IN if tier in (None, name.value)]
    if as_json:
        print_json(told)
        return
    for line in told:
        limits = (
            f"{name}={' '.join(line[name]) if line[name] is not None else 'any'}" for name in ("scopes", "resources")
        )
        click.echo("\t".join((line["tier"], *limits)))


def _told(tier: Tier, allowance: Allowance) -> dict[str, Any]:
    return {
        "tier": tier.value,
        "scopes": None if allowance.scopes is None else sorted(allowance.scopes),
        "resources": None if allowance.resources is None else sorted(allowance.resources),
    }


@click.command("pin")
@click.argument("client_id")
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--fetch", is_flag=True, help="Pin the current response of the URL.")
@with_appcontext
def pin(client_id: str, file: Path | None, *, fetch: bool) -> None:
    """Store a copy of CLIENT_ID's document, FILE or --fetch, for times when its host cannot be reached."""
    if (file is None) is not fetch:
        raise click.UsageError("give a file or --fetch")
    admission = _admission()
    try:
        copy = extension().resolver.make_pin(client_id, None if file is None else _written(file))
    except CIMDError as error:
        raise refused(error, str(error)) from error
    admission.set_pin(client_id, copy)
    click.echo(f"{client_id}: pinned {len(copy.body)} bytes of {copy.media_type}")


@click.command("unpin")
@click.argument("client_id")
@with_appcontext
def unpin(client_id: str) -> None:
    """Delete the copy of CLIENT_ID."""
    if not _admission().remove_pin(client_id):
        raise click.ClickException("there is no copy of that client")


@click.command("pins")
@with_appcontext
def pins() -> None:
    """List the clients with a pinned copy."""
    for client_id in _admission().pinned():
        click.echo(client_id)


COMMANDS = (allow, deny, trust, remove, show_rules, allowance, pin, unpin, pins)


def _written(file: Path) -> Pin:
    media_type = "text/html" if file.suffix.lower() in _PAGE_SUFFIXES else "application/json"
    return Pin(media_type=media_type, body=file.read_bytes(), pinned_at=0)

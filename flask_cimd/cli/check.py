"""``python -m flask_cimd check``: check a client's document, in a file or at its URL."""

from __future__ import annotations

import json
import sys
from codecs import BOM_UTF8
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click
from flask import Flask

from .. import CIMD, CIMDError
from ..clients.explanation import Explanation, plain_text
from ..core.document import parse_document
from ..core.families import FAMILIES, FamilyVerdict, judge_families
from ..core.identifier import IdentifierRules, parse_identifier
from ..core.rules import DocumentRules
from ..core.strict_json import StrictJSONError, read_object
from ..publish.document import check_text
from .shared import NO, UNKNOWN_NOW, YES, Translated, json_option

_MOST_BYTES = 1024 * 1024
_METHODS = ("none", "private_key_jwt")


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """The result of one check.

    Attributes:
        subject: the file or URL.
        verdict: ``usable``, ``refused`` or ``unreachable``.
        problems: members that servers refuse or ignore.
        families: verdict of each family of servers; empty if the document is not valid.
    """

    subject: str
    client_id: str
    verdict: str
    problems: tuple[str, ...] = ()
    families: tuple[FamilyVerdict, ...] = ()

    def exit_code(self, demanded: Collection[str]) -> int:
        """Return the exit code: 0 usable, 1 refused, 3 unreachable."""
        if self.verdict == "unreachable":
            return UNKNOWN_NOW
        taken = {family.family for family in self.families if family.accepts}
        return YES if self.verdict == "usable" and set(demanded) <= taken else NO

    def to_json(self) -> str:
        """Return the result as JSON text for programs."""
        families = [{**asdict(family), "accepts": family.accepts} for family in self.families]
        return json.dumps({**asdict(self), "families": families}, indent=2)


def judge_file(path: Path, client_id: str | None = None, *, allow_loopback: bool = False) -> Judgement:
    """Check a document that is not published yet, for its own ``client_id`` or the given one."""
    with path.open("rb") as file:
        body = file.read(_MOST_BYTES).removeprefix(BOM_UTF8)  # as servers do
    try:
        named = client_id or read_object(body).get("client_id")
    except StrictJSONError as error:
        problem = f"/ {error.rule}: {error.message}"
        return Judgement(subject=str(path), client_id="", verdict="refused", problems=(problem,))
    if not isinstance(named, str):
        problem = "/client_id missing: the document names its own URL"
        return Judgement(subject=str(path), client_id="", verdict="refused", problems=(problem,))
    problems = tuple(check_text(body, named, allow_loopback=allow_loopback))
    return Judgement(
        subject=str(path),
        client_id=named,
        verdict="refused" if problems else "usable",
        problems=problems,
        families=_families(body, named, allow_loopback=allow_loopback),
    )


def judge_url(url: str, *, allow_loopback: bool = False) -> tuple[Judgement, Explanation]:
    """Check a published document with a server's default settings and ``private_key_jwt`` enabled."""
    app = Flask("flask_cimd")
    app.config.update(CIMD_AUTH_METHODS=_METHODS, CIMD_ALLOW_LOOPBACK=allow_loopback)
    app.config.from_prefixed_env()
    cimd = CIMD(app)
    with app.app_context():
        found = cimd.explain(url)
    broken = [step for step in found.steps if step.outcome == "broken"]
    problems = tuple(f"{step.name} {step.rule}: {step.help or step.text}" for step in broken)
    verdict = Judgement(subject=url, client_id=url, verdict=found.verdict, problems=problems, families=found.families)
    return verdict, found


def _families(body: bytes, client_id: str, *, allow_loopback: bool) -> tuple[FamilyVerdict, ...]:
    """Return the verdicts on a document that an ordinary server accepts, even if the strictest does not."""
    try:
        identifier = parse_identifier(client_id, IdentifierRules(allow_loopback=allow_loopback))
        rules = DocumentRules(auth_methods=_METHODS, allow_loopback=allow_loopback)
        return judge_families(parse_document(body, identifier, rules))
    except CIMDError:
        return ()


def _lines(found: Judgement) -> Sequence[str]:
    shown = Explanation(client_id=found.subject, verdict=found.verdict, families=found.families)  # type: ignore[arg-type]  # the check's verdicts are a subset
    for problem in found.problems:
        name, _, rest = problem.partition(" ")
        rule, _, text = rest.partition(": ")
        shown.add(name, "broken", text, rule=rule)
    return plain_text(shown)


@click.command("check")
@click.argument("subject")
@click.option("--client-id", help="URL at which the file will be published, in place of its own client_id.")
@click.option(
    "--family",
    "families",
    multiple=True,
    type=click.Choice(FAMILIES),
    help="Require acceptance by this family; repeatable.",
)
@click.option("--allow-loopback", is_flag=True, help="Development: accept URLs on this computer.")
@json_option
def check(subject: str, *, client_id: str | None, families: Sequence[str], allow_loopback: bool, as_json: bool) -> None:
    """Check SUBJECT, a client metadata document: a file before you publish it, or an https URL.

    Exit codes: 0 yes, 1 no, 2 wrong usage, 3 cannot be known now.
    """
    lines: Sequence[str]
    if subject.startswith(("https://", "http://")):
        found, explanation = judge_url(subject, allow_loopback=allow_loopback)
        lines = plain_text(explanation)
    else:
        path = Path(subject)
        if not path.is_file():
            raise click.UsageError("give a file or an https URL")
        found = judge_file(path, client_id, allow_loopback=allow_loopback)
        lines = _lines(found)
    click.echo(found.to_json() if as_json else "\n".join(lines))
    sys.exit(found.exit_code(families))


class _Group(Translated):
    """Takes a URL in place of a command for ``explain URL``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if any(arg.startswith(("https://", "http://")) for arg in args[:2]) and args[0] not in self.commands:
            args = ["explain", *args]
        return super().parse_args(ctx, args)


def program(explain: click.Command) -> click.Group:
    """Return the program ``python -m flask_cimd``."""
    group: Any = _Group("flask_cimd", help="Look at clients that identify themselves by URL, without a server.")
    group.add_command(check)
    group.add_command(explain)
    found: click.Group = group
    return found

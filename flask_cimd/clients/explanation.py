"""The outcome of every check of one client URL, as text for terminals and as JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Literal

from ..core.families import FamilyVerdict
from .explained_sections import address_of, section_of

Outcome = Literal["holds", "remark", "broken"]
Verdict = Literal["usable", "refused", "unreachable"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """The outcome of one check.

    Attributes:
        name: stable name of the step, such as ``identifier``, ``tls`` or ``/redirect_uris/0``.
        outcome: a ``remark`` does not make the client unusable. A check that did not run has no step.
        rule: stable slug of the broken rule, or ``""``.
        help: how to fix it.
    """

    name: str
    outcome: Outcome
    text: str
    rule: str = ""
    help: str = ""

    @property
    def section(self) -> str:
        """Section of the specification behind the check, such as ``CIMD §4.2``, or ``""``."""
        return section_of(self.name, self.rule)

    @property
    def section_url(self) -> str:
        """Address of that section on the web, or ``""``."""
        return address_of(self.section)


@dataclass(slots=True, kw_only=True)
class Explanation:
    """The checks of one client URL and their verdict.

    Attributes:
        verdict: ``usable``; ``refused`` by a rule or the policy; ``unreachable``: the URL may work later.
        families: the verdicts of the families of servers; empty if the client is not valid.
    """

    client_id: str
    verdict: Verdict = "usable"
    steps: list[Step] = field(default_factory=list)
    families: tuple[FamilyVerdict, ...] = ()

    @property
    def exit_code(self) -> int:
        """Exit code of the command: 0 usable, 1 refused, 3 unreachable."""
        return {"usable": 0, "refused": 1, "unreachable": 3}[self.verdict]

    def to_json(self) -> str:
        """Return the explanation as JSON text for programs."""
        families = [{**asdict(family), "accepts": family.accepts} for family in self.families]
        members = {"client_id": self.client_id, "verdict": self.verdict}
        steps = [{**asdict(step), "section": step.section} for step in self.steps]
        return json.dumps({**members, "steps": steps, "families": families}, indent=2)

    def add(self, name: str, outcome: Outcome, text: str, *, rule: str = "", help: str = "") -> None:  # noqa: A002
        """Append a step."""
        self.steps.append(Step(name=name, outcome=outcome, text=text, rule=rule, help=help))


_MARKS: Mapping[Outcome, str] = {"holds": "ok  ", "remark": "note", "broken": "FAIL"}


def plain_text(explanation: Explanation) -> list[str]:
    """Return the explanation as lines for a terminal."""
    lines = [explanation.client_id if explanation.client_id.isprintable() else ascii(explanation.client_id), ""]
    for step in explanation.steps:
        rule = f" [{step.rule}]" if step.rule else ""
        lines.append(f"{_MARKS[step.outcome]}  {step.name}: {step.text}{rule}")
        if step.help:
            lines.append(f"        {step.help}")
    for family in explanation.families:
        lines.append(f"{_MARKS['holds' if family.accepts else 'broken']}  {family.family} servers "
                     f"{'take' if family.accepts else 'do not take'} this client.")  # fmt: skip
        lines += [f"        {text}" for text in (*family.obstacles, *family.remarks)]
    return [*lines, "", f"Verdict: {explanation.verdict}"]

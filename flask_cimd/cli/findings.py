"""Findings of ``flask cimd doctor``, as lines for people and JSON for programs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from .shared import NO, UNKNOWN_NOW, YES, safe

Outcome = Literal["ok", "warning", "failed", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The outcome of one check.

    Attributes:
        check: stable name, such as ``tables``.
        outcome: ``unknown`` where the answer cannot be known now, because something is not reachable.
        text: what was seen.
        cure: what to do about it; empty if nothing is to be done.
    """

    check: str
    outcome: Outcome
    text: str
    cure: str = ""


def line(finding: Finding) -> str:
    """Return a finding on one line."""
    return safe(f"{finding.outcome:<8} {finding.check}: {finding.text}{'; ' if finding.cure else ''}{finding.cure}")


def exit_code(findings: Iterable[Finding]) -> int:
    """Return 1 if a check failed, else 3 if one could not be made, else 0."""
    outcomes = {finding.outcome for finding in findings}
    return NO if "failed" in outcomes else UNKNOWN_NOW if "unknown" in outcomes else YES


def as_members(findings: Sequence[Finding]) -> dict[str, Any]:
    """Return what ``--json`` prints."""
    verdict = {YES: "ok", NO: "failed", UNKNOWN_NOW: "unknown"}[exit_code(findings)]
    return {"verdict": verdict, "checks": [asdict(finding) for finding in findings]}

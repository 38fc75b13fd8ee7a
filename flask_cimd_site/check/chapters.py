"""The steps of an explanation as a page shows them: in chapters, each with its question, its rows and its outcome."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from flask_cimd.clients import Explanation, Step
from flask_cimd.core import safe_text
from flask_cimd.provider import translate
from flask_cimd_site.language import lazy_gettext as _

#: Rows of a chapter that are shown, and characters of a text of a row; a hostile document has room for hundreds.
_MOST_ROWS, _LONGEST = 20, 400
Outcome = Literal["holds", "remark", "broken", ""]
_WORST: tuple[Outcome, ...] = ("broken", "remark", "holds")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One check: outcome, what it is about, what was found, the rule, advice, and the section with its address."""

    outcome: Outcome
    label: str
    text: str
    rule: str
    help: str
    section: str
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chapter:
    """A part of the way from an address to an app.

    Attributes:
        key: stable name.
        title: its words.
        question: what is checked.
        outcome: the worst of its rows; empty if it was not reached.
        rows: those that are shown.
        more: number of rows that are not shown.
    """

    key: str
    title: str
    question: str
    outcome: Outcome = ""
    rows: tuple[Row, ...] = ()
    more: int = 0


_LABELS = {
    "identifier": _("Address"),
    "policy": _("Rules of this site"),
    "resolve": _("DNS"),
    "connect": _("Connection"),
    "tls": _("TLS"),
    "headers": _("Header"),
    "response": _("Response"),
    "lifetime": _("Cache"),
    "page": _("Page"),
    "authentication": _("Proof of identity"),
    "keys": _("Keys"),
    "logo": _("Logo"),
    "/": _("Document"),
}
#: Chapters in order; the second one is the owner's alone.
_CHAPTERS = (
    Chapter(key="address", title=_("The address"), question=_("May this URL name an app?")),
    Chapter(key="rules", title=_("Your rules"), question=_("Do your own rules let it in?")),
    Chapter(
        key="way",
        title=_("The way there"),
        question=_("Does the name lead to a public server with a valid certificate?"),
    ),
    Chapter(
        key="response",
        title=_("The response"),
        question=_("Does the server answer with a short document of the right type, without a redirect?"),
    ),
    Chapter(
        key="document",
        title=_("The description"),
        question=_("Does it name its own address, hold no secret, and follow the rules member by member?"),
    ),
    Chapter(key="redirects", title=_("Return addresses"), question=_("Where may the answer to a sign-in go?")),
    Chapter(
        key="proof",
        title=_("Proof of identity"),
        question=_("How does the app prove who it is, and are its keys there?"),
    ),
    Chapter(key="logo", title=_("The logo"), question=_("Can it be shown?")),
)  # fmt: skip
_OF_STEPS = {
    "identifier": "address", "policy": "rules", "resolve": "way", "connect": "way", "tls": "way", "headers": "response",
    "response": "response", "lifetime": "response", "redirect_uris": "redirects", "authentication": "proof",
    "keys": "proof", "jwks": "proof", "jwks_uri": "proof", "token_endpoint_auth_method": "proof",
    "token_endpoint_auth_methods_supported": "proof", "token_endpoint_auth_signing_alg": "proof", "logo": "logo",
    "logo_uri": "logo",
}  # fmt: skip
#: Chapters that every check reaches unless something before them fails.
_ALWAYS = ("way", "response", "document", "redirects", "proof")


def outline() -> tuple[Chapter, ...]:
    """Return the chapters of a check that has not been made, without the owner's."""
    return tuple(chapter for chapter in _CHAPTERS if chapter.key != "rules")


def chapters_of(found: Explanation) -> list[Chapter]:
    """Return the chapters of an explanation; those that were not reached have no outcome."""
    by_key: dict[str, list[Step]] = {}
    for step in found.steps:
        by_key.setdefault(_chapter_of(step), []).append(step)
    is_cut_short = found.verdict != "usable"
    return [
        _filled(chapter, by_key.get(chapter.key, ()))
        for chapter in _CHAPTERS
        if chapter.key in by_key or (is_cut_short and chapter.key in _ALWAYS)
    ]


def _chapter_of(step: Step) -> str:
    return _OF_STEPS.get(step.name.strip("/").partition("/")[0], "document")


def _filled(chapter: Chapter, steps: Iterable[Step]) -> Chapter:
    rows = sorted((_row(step) for step in steps), key=lambda row: row.outcome != "broken")  # what is wrong comes first
    outcome: Outcome = next((kind for kind in _WORST if any(row.outcome == kind for row in rows)), "")
    return Chapter(
        key=chapter.key,
        title=chapter.title,
        question=chapter.question,
        outcome=outcome,
        rows=tuple(rows[:_MOST_ROWS]),
        more=max(0, len(rows) - _MOST_ROWS),
    )


def _row(step: Step) -> Row:
    said, advice = translate(step.text), translate(step.help) if step.help else ""
    if step.outcome == "broken" and advice and "/" in step.name:  # a member: its text only says that a rule is broken
        said, advice = advice, ""
    return Row(
        outcome=step.outcome,
        label=_LABELS.get(step.name) or safe_text(step.name.removeprefix("/"), 80),
        text=safe_text(said, _LONGEST),
        rule=step.rule,
        help=safe_text(advice, _LONGEST),
        section=step.section,
        address=step.section_url,
    )

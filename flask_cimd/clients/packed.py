"""Stored form of an explanation: JSON with templates and values, so that each reader gets it in their language.

Everything is bounded: steps, families' sentences, and the length of each text and value.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from ..core.display import safe_text
from ..core.families import FamilyVerdict
from ..core.sentences import Clause, Sentence
from .explanation import Explanation, Step

#: Steps and sentences of a family that are kept, and characters of a text, of a value and of the address.
_MOST_STEPS, _MOST_SENTENCES = 120, 20
_LONGEST_TEXT, _LONGEST_VALUE, _LONGEST_ADDRESS = 400, 200, 300


def pack_explanation(found: Explanation) -> str:
    """Return an explanation as JSON of at most some 100 kB; what is beyond the bounds is left out."""
    members = {
        "client_id": safe_text(found.client_id, _LONGEST_ADDRESS),
        "verdict": found.verdict,
        "steps": [
            [_text(step.name), step.outcome, _pack(step.text), _text(step.rule), _pack(step.help)]
            for step in found.steps[:_MOST_STEPS]
        ],
        "families": [
            [family.family, _pack_all(family.obstacles), _pack_all(family.remarks)] for family in found.families
        ],
    }
    return json.dumps(members, separators=(",", ":"))


def unpack_explanation(text: str) -> Explanation:
    """Return the explanation that `pack_explanation` was given, within its bounds."""
    members = json.loads(text)
    return Explanation(
        client_id=members["client_id"],
        verdict=members["verdict"],
        steps=[
            Step(name=name, outcome=outcome, text=_unpack(said), rule=rule, help=_unpack(advice))
            for name, outcome, said, rule, advice in members["steps"]
        ],
        families=tuple(
            FamilyVerdict(family=family, obstacles=_unpack_all(obstacles), remarks=_unpack_all(remarks))
            for family, obstacles, remarks in members["families"]
        ),
    )


def _pack(text: Any) -> Any:
    if not isinstance(text, Sentence):
        return _text(text) if isinstance(text, str) else text
    values = {name: _pack_value(value) for name, value in text.values.items()}
    return {"text": text.template, "values": values, "is_clause": isinstance(text, Clause)}


def _pack_value(value: Any) -> Any:
    is_remote = isinstance(value, str) and not isinstance(value, Sentence)
    return safe_text(value, _LONGEST_VALUE) if is_remote else _pack(value)


def _text(text: str) -> str:
    return safe_text(text, _LONGEST_TEXT)


def _unpack(kept: Any) -> Any:
    if not isinstance(kept, dict):
        return kept
    values = {name: _unpack(value) for name, value in kept["values"].items()}
    return (Clause if kept["is_clause"] else Sentence)(kept["text"], values)


def _pack_all(texts: Iterable[str]) -> list[Any]:
    return [_pack(text) for text in list(texts)[:_MOST_SENTENCES]]


def _unpack_all(kept: list[Any]) -> tuple[str, ...]:
    return tuple(_unpack(text) for text in kept)

"""Make a stranger's text fit to be seen."""

from __future__ import annotations

import unicodedata

# Cc controls, Cf format (bidirectional marks, zero-width, soft hyphen), Cs surrogates, Co private use, Cn unassigned.
_DROPPED = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
#: Combining marks on one letter beyond this number are dropped: stacks of them cover neighbouring lines.
_MOST_MARKS = 3


def clean_text(value: str, limit: int) -> str:
    """Return text on one line without control, bidirectional and invisible characters, cut to ``limit`` characters.

    The result is still a stranger's text: escape it where it is shown.
    """
    kept = []
    marks = 0
    for character in " ".join(value[: 8 * limit].split()):
        category = unicodedata.category(character)
        marks = marks + 1 if category in ("Mn", "Me") else 0
        if category not in _DROPPED and marks <= _MOST_MARKS:
            kept.append(character)
    return " ".join("".join(kept).split())[:limit].rstrip()

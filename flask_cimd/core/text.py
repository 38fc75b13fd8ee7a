"""Clean remote text before it is shown."""

from __future__ import annotations

import unicodedata

# Cc controls, Cf format (bidirectional marks, zero-width, soft hyphen), Cs surrogates, Co private use, Cn unassigned.
_DROPPED = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
#: Letters and symbols that are drawn as nothing: Hangul fillers and the empty Braille pattern.
_INVISIBLE = frozenset("\u115f\u1160\u3164\uffa0\u2800")
#: Combining marks on one letter beyond this number are dropped: stacks of them cover neighbouring lines.
_MOST_MARKS = 3


def is_visible(text: str) -> bool:
    """Return whether text contains visible ASCII and spaces alone, as RFC 6749 appendix A demands of identifiers.

    Other characters cause errors in databases: PostgreSQL refuses NUL.
    """
    return text.isascii() and text.isprintable()


def clean_text(value: str, limit: int) -> str:
    """Return text on one line without control, bidirectional and invisible characters, cut to ``limit`` characters.

    The result is not escaped.
    """
    kept = []
    marks = _MOST_MARKS  # no mark before the first letter: it would combine with the text before it
    for character in " ".join(value[: 8 * limit].split()):
        category = unicodedata.category(character)
        if category in _DROPPED or character in _INVISIBLE:
            continue
        marks = marks + 1 if category in ("Mn", "Me") else 0
        if marks <= _MOST_MARKS:
            kept.append(character)
    return " ".join("".join(kept).split())[:limit].rstrip()

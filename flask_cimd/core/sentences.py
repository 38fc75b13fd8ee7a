"""Sentences for people: English text that remembers its template, so that a page can translate it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self


class Sentence(str):
    """An English sentence, complete with its values.

    Attributes:
        template: the sentence with placeholders such as ``%(host)s``: the message id of catalogues.
        values: what stands in the place of the placeholders.
    """

    __slots__ = ("template", "values")
    template: str
    values: Mapping[str, Any]

    def __new__(cls, template: str, values: Mapping[str, Any] | None = None) -> Self:
        """Fill the values in."""
        made = super().__new__(cls, template % values if values else template)
        made.template, made.values = template, dict(values or {})
        return made


def sentence(template: str, **values: Any) -> Sentence:
    """Return a sentence; extraction of messages finds its template by the name of this function."""
    return Sentence(template, values)

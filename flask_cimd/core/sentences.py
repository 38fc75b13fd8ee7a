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
        made = super().__new__(cls, cls.finish(template % values if values else template))
        made.template, made.values = template, dict(values or {})
        return made

    @staticmethod
    def finish(text: str) -> str:
        """Return the text of the template, in whatever language, as people read it."""
        return text


class Clause(Sentence):
    """A clause that is shown as a sentence: with a capital and a full stop, which its template does not have."""

    __slots__ = ()

    @staticmethod
    def finish(text: str) -> str:
        """Return the text with a capital and a full stop."""
        return f"{text[:1].upper()}{text[1:]}{'' if text.endswith(('.', '!', '?')) else '.'}" if text else text


def sentence(template: str, **values: Any) -> Sentence:
    """Return a sentence; extraction of messages finds its template by the name of this function."""
    return Sentence(template, values)


def part(text: str) -> Sentence:
    """Return text of this package as a value of another sentence, so that it is translated with it."""
    return text if isinstance(text, Sentence) else Sentence(text)


def clause(text: str) -> Clause:
    """Return a hint or the message of a problem as a sentence of its own."""
    return Clause(text.template, text.values) if isinstance(text, Sentence) else Clause(text)

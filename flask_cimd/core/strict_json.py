"""Strict JSON: UTF-8 alone, no duplicate members, no NaN, no lone surrogates, bounded depth and numbers."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from .sentences import sentence

_MAX_DEPTH = 16
_MAX_DIGITS = 100


class StrictJSONError(ValueError):
    """The bytes are not a JSON object by these rules.

    Attributes:
        rule: stable name of the broken rule.
        message: one sentence without text of the document.
    """

    def __init__(self, rule: str, message: str) -> None:
        super().__init__(rule, message)
        self.rule = rule
        self.message = message


def read_object(body: bytes) -> dict[str, Any]:
    """Return the JSON object in the bytes (RFC 8259; CIMD §4).

    Objects and arrays nest at most 16 levels deep, numbers have at most 100 characters. The standard library would
    accept UTF-16, ``NaN`` and duplicate members, and raise other errors for depth and long integers.

    Raises:
        StrictJSONError: the bytes are anything else.
    """
    value = _decode(body)
    if not isinstance(value, dict):
        raise StrictJSONError("not-an-object", "the document must be a JSON object")
    _require_plain(value)
    return value


def _decode(body: bytes) -> Any:
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise StrictJSONError("not-utf-8", "the document must be UTF-8") from exc
    try:
        return json.loads(
            text,
            object_pairs_hook=_unique,
            parse_constant=_no_constant,
            parse_int=_integer,
            parse_float=_number,
        )
    except StrictJSONError:
        raise
    except (ValueError, RecursionError) as exc:
        raise StrictJSONError("not-json", "the document is not valid JSON") from exc


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise StrictJSONError("duplicate-member", "a member name occurs twice in one object")
    return members


def _no_constant(_: str) -> NoReturn:
    raise StrictJSONError("not-a-number", "NaN and Infinity are not JSON")


def _integer(text: str) -> int:
    if len(text) > _MAX_DIGITS:
        raise StrictJSONError("number-too-long", "a number has too many digits")
    return int(text)


def _number(text: str) -> float:
    number = float(text) if len(text) <= _MAX_DIGITS else float("inf")
    if number in (float("inf"), float("-inf")):
        raise StrictJSONError("number-too-long", "a number is too large")
    return number


def _require_plain(value: Any, depth: int = 1) -> None:
    """Refuse deep nesting and lone surrogates, which cause errors in templates and databases."""
    if depth > _MAX_DEPTH:
        raise StrictJSONError(
            "too-deep", sentence("objects and arrays nest deeper than %(most)s levels", most=_MAX_DEPTH)
        )
    match value:
        case str():
            _require_encodable(value)
        case dict():
            for name, member in value.items():
                _require_encodable(name)
                _require_plain(member, depth + 1)
        case list():
            for member in value:
                _require_plain(member, depth + 1)


def _require_encodable(text: str) -> None:
    if text.isascii():
        return
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise StrictJSONError("lone-surrogate", "a string holds half of a surrogate pair")

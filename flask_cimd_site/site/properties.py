"""The microformats2 properties of a post: parsed from forms and JSON, validated and bounded.

This module uses neither the database nor the request. Text is kept as the app sent it;
`flask_cimd_site.site.content` sanitises it for display.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from flask_cimd.core import WebURL

#: One value: text, a URL, ``{"html": …}`` for content, ``{"value": …, "alt": …}`` for a photo.
Value = str | dict[str, str]
Properties = dict[str, list[Value]]

#: Properties that are columns of the table, or not stored.
APART = ("published", "post-status", "visibility")
MOST_VALUES = 50
_LONGEST_LINE = 1_000
_LONGEST_CONTENT = 100_000
#: Sanitisers need quadratic time for some nestings.
_MOST_TAGS = 5_000
_LONGEST_URL = 2_048
_YEARS = range(1970, 2100)


class PropertyError(ValueError):
    """A value is invalid; ``args[0]`` is a sentence for the developer of the app, without text of the app."""


def read(name: str, values: Any) -> list[Value]:
    """Return the valid, distinct values of one property.

    Raises:
        PropertyError: the values are not a list, too many, too long or of a wrong type.
    """
    if not isinstance(values, list):
        raise PropertyError(f"The values of {name} must be an array.")
    if len(values) > MOST_VALUES:
        raise PropertyError(f"{name} has more than {MOST_VALUES} values.")
    found: list[Value] = []
    for value in values:
        kept = KNOWN[name](name, value)
        if kept and kept not in found:
            found.append(kept)
    return found


def read_known(properties: Mapping[str, Any]) -> Properties:
    """Return the properties that this site knows; others "MUST" be ignored (Micropub §3.3).

    Raises:
        PropertyError: a value is invalid.
    """
    found = {name: read(name, values) for name, values in properties.items() if name in KNOWN}
    return {name: values for name, values in found.items() if values}


def require_substance(properties: Properties) -> None:
    """Raise if the post would be empty.

    Raises:
        PropertyError: the post has no content, name, photo or link.
    """
    if not _SUBSTANCE & properties.keys():
        raise PropertyError("The post is empty: it needs content, a name, a photo or a link.")


def parse_instant(text: str) -> datetime:
    """Parse an ISO 8601 date and time; without an offset, it is in UTC.

    Raises:
        PropertyError: the text is invalid, or the year is not from 1970 to 2099.
    """
    try:
        instant = datetime.fromisoformat(text.strip())
        aware = instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    except (ValueError, OverflowError) as exc:
        raise PropertyError("published must be a date and time as in 2026-11-25T13:20:00Z.") from exc
    if aware.year not in _YEARS:
        raise PropertyError("published must be from 1970 to 2099.")
    return aware


def is_web_url(url: str) -> bool:
    """Return whether this is an absolute http or https URL without spaces and user, at most 2048 characters long."""
    if len(url) > _LONGEST_URL or not url.isprintable() or " " in url or "\\" in url:
        return False
    # Also without a user: "https://bank.example@evil.example/" reads as another site.
    return WebURL.parse(url) is not None


def clean_block(text: str) -> str:
    """Return the text without characters that XML or databases reject; line breaks become LF."""
    unified = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(c for c in unified if c in "\n\t" or _is_text(c)).strip()


def _is_text(character: str) -> bool:
    # Cc: control characters; Cs: surrogates; U+FFFE and U+FFFF: not characters (XML 1.0 §2.2).
    return unicodedata.category(character) not in ("Cc", "Cs") and character not in "\ufffe\uffff"


def _line(name: str, value: Any) -> str:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise PropertyError(f"{name} must be text.")
    line = " ".join(clean_block(value).split())
    if len(line) > _LONGEST_LINE:
        raise PropertyError(f"{name} is longer than {_LONGEST_LINE} characters.")
    return line


def _content(name: str, value: Any) -> Value:
    is_html = isinstance(value, Mapping) and isinstance(value.get("html"), str)
    text = value["html"] if is_html else value.get("value") if isinstance(value, Mapping) else value
    if not isinstance(text, str):
        raise PropertyError(f'{name} must be text, or an object with "html".')
    block = clean_block(text)
    if len(block) > _LONGEST_CONTENT:
        raise PropertyError(f"{name} is longer than {_LONGEST_CONTENT} characters.")
    if is_html and block.count("<") > _MOST_TAGS:
        raise PropertyError(f"{name} has more than {_MOST_TAGS} tags.")
    return {"html": block} if is_html and block else block


def _url(name: str, value: Any) -> str:
    url = value.strip() if isinstance(value, str) else None
    if url == "":
        return ""
    if url is None or not is_web_url(url):
        raise PropertyError(f"{name} must be an http or https URL.")
    return url


def _photo(name: str, value: Any) -> Value:
    if not isinstance(value, Mapping):
        return _url(name, value)
    url, alt = _url(name, value.get("value")), _line("alt", value.get("alt") or "")
    return {"value": url, "alt": alt} if url and alt else url


def _instant(_: str, value: Any) -> str:
    if not isinstance(value, str):
        raise PropertyError("published must be text.")
    return parse_instant(value).isoformat(timespec="seconds")


def _status(_: str, value: Any) -> str:
    if value not in ("published", "draft"):
        raise PropertyError("post-status must be published or draft.")
    return str(value)


def _visibility(_: str, value: Any) -> str:
    # Ignoring another visibility would publish what the author meant for few.
    if value != "public":
        raise PropertyError("visibility must be public: every published post is public on this site.")
    return ""


KNOWN: Mapping[str, Callable[[str, Any], Value]] = {
    "name": _line,
    "summary": _line,
    "content": _content,
    "category": _line,
    "photo": _photo,
    "in-reply-to": _url,
    "like-of": _url,
    "repost-of": _url,
    "bookmark-of": _url,
    "syndication": _url,
    "published": _instant,
    "post-status": _status,
    "visibility": _visibility,
}
_SUBSTANCE = frozenset({"name", "summary", "content", "photo", "in-reply-to", "like-of", "repost-of", "bookmark-of"})


def without(properties: Properties, name: str, values: Sequence[Any]) -> Properties:
    """Return the properties without certain values of one of them (Micropub §3.4.3)."""
    unwanted = [*values, *({"html": value} for value in values if isinstance(value, str))]
    kept = [value for value in properties.get(name, ()) if value not in unwanted and _plain(value) not in unwanted]
    rest = {other: held for other, held in properties.items() if other != name}
    return rest | ({name: kept} if kept else {})


def merged(properties: Properties, added: Mapping[str, Iterable[Value]]) -> Properties:
    """Return the properties with the added values appended (Micropub §3.4.2).

    Raises:
        PropertyError: a property would have too many values.
    """
    result = dict(properties)
    for name, values in added.items():
        held = result.get(name, [])
        result[name] = [*held, *(value for value in values if value not in held)]
        if len(result[name]) > MOST_VALUES:
            raise PropertyError(f"{name} has more than {MOST_VALUES} values.")
    return {name: values for name, values in result.items() if values}


def _plain(value: Value) -> str:
    return value if isinstance(value, str) else value.get("value", "")


def first_text(properties: Properties, name: str) -> str:
    """Return the first value of a property as text; a photo is its URL, HTML content is empty."""
    values = properties.get(name)
    return _plain(values[0]) if values else ""

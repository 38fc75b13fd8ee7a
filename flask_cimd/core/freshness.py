"""Lifetime of a fetched document, from its response headers and our own bounds (RFC 9111, CIMD §5.2)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from .http_date import parse_http_date

#: RFC 9111 §1.2.2: the value of a larger number of seconds.
_MOST_SECONDS = 2**31
#: One directive (RFC 9111 §5.2). A quote that never ends hides nothing of what follows it.
_DIRECTIVE = re.compile(r'([^\s,="]+)\s*(?:=\s*(?:"((?:[^"\\]|\\.)*)"|([^,]*)))?')


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """The lifetimes that this server allows.

    Attributes:
        minimum: floor of every lifetime.
        default: lifetime of a response that states none.
        maximum: ceiling of every lifetime.
    """

    minimum: timedelta
    default: timedelta
    maximum: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifetime:
    """Permission to store a response, and its lifetime in seconds."""

    storable: bool
    seconds: float


def lifetime(headers: Mapping[str, str], bounds: Bounds, now: datetime) -> Lifetime:
    """Return the bounded lifetime of a response.

    ``no-store`` is always honoured. The floor applies to everything else, ``no-cache`` and ``max-age=0`` included:
    without it a stranger's headers would cost one fetch a request. This is a private cache, so ``s-maxage`` does not
    count; ``Vary`` does not either, since all requests of this cache are alike.

    Args:
        headers: with lower-case names; repeated fields joined by commas.
        bounds: what this server allows.
        now: the aware instant at which the response arrived.
    """
    directives = _directives(headers.get("cache-control", ""))
    if "no-store" in directives:
        return Lifetime(storable=False, seconds=0)
    stated = _stated(directives, headers, now)
    seconds = bounds.default.total_seconds() if stated is None else max(0.0, stated - _age(headers, now))
    floor, ceiling = bounds.minimum.total_seconds(), bounds.maximum.total_seconds()
    return Lifetime(storable=True, seconds=min(max(seconds, floor), ceiling))


def _directives(value: str) -> dict[str, str | None]:
    """Read Cache-Control; names in any case, of repeated ``max-age`` the smallest."""
    found: dict[str, str | None] = {}
    for part in _DIRECTIVE.finditer(value.lower()):
        name = part[1]
        argument = part[2] if part[2] is not None else (part[3] or "").strip()
        if name == "max-age" and name in found:
            found[name] = min(found[name] or "0", argument, key=_seconds)
        else:
            found[name] = argument or None
    return found


def _seconds(text: str | None) -> int:
    """Read delta-seconds; 0 for anything else, since RFC 9111 §4.2.1 takes invalid freshness information for stale."""
    digits = (text or "").strip()
    if not digits.isascii() or not digits.isdigit():
        return 0
    return min(int(digits[:20]), _MOST_SECONDS)


def _stated(directives: Mapping[str, str | None], headers: Mapping[str, str], now: datetime) -> float | None:
    """Return the freshness lifetime that the response states (RFC 9111 §4.2.1), or ``None``."""
    if "no-cache" in directives:
        return 0
    if "max-age" in directives:
        return _seconds(directives["max-age"])
    if "expires" not in headers:
        return None
    expires = parse_http_date(headers["expires"], now)
    if expires is None:  # RFC 9111 §5.3: "a time in the past (i.e., already expired)"
        return 0
    date = parse_http_date(headers.get("date", ""), now) or now
    return (expires - date).total_seconds()


def _age(headers: Mapping[str, str], now: datetime) -> float:
    """Return the age of the response when it arrived (RFC 9111 §4.2.3), without the delay of the transfer."""
    # RFC 9111 §5.1: the first member of a list counts, and an invalid value is ignored.
    members = [member.strip() for member in headers.get("age", "").split(",")]
    stated = _seconds(next(filter(None, members), None))
    date = parse_http_date(headers.get("date", ""), now)
    return max(stated, 0 if date is None else (now - date).total_seconds())

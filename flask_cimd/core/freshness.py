"""Compute how long a fetched document may be used from its response headers (RFC 9111, CIMD §5.2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

_MOST_SECONDS = 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Lifetime limits of this server: the shortest, the one without caching headers, and the longest."""

    minimum: timedelta
    default: timedelta
    maximum: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifetime:
    """Whether a response may be stored, and for how many seconds it is fresh."""

    storable: bool
    seconds: float


def lifetime(headers: Mapping[str, str], bounds: Bounds, now: datetime) -> Lifetime:
    """Return the lifetime of a response within the limits of this server.

    ``no-store`` is always honoured. The minimum applies to every other response, also with ``no-cache`` or
    ``max-age=0``: without it the client's headers could cause a fetch on every request. ``s-maxage`` is ignored, as it
    is for shared caches, and so is ``Vary``, as the requests of this server never differ.

    Args:
        headers: with lower-case names; repeated fields joined by commas.
        bounds: limits of this server.
        now: the aware instant of the response, used if it has no ``Date``.
    """
    directives = _directives(headers.get("cache-control", ""))
    if "no-store" in directives:
        return Lifetime(storable=False, seconds=0)
    stated = _stated(directives, headers, now)
    seconds = bounds.default.total_seconds() if stated is None else max(0, stated - _age(headers))
    floor, ceiling = bounds.minimum.total_seconds(), bounds.maximum.total_seconds()
    return Lifetime(storable=True, seconds=min(max(seconds, floor), ceiling))


def _directives(value: str) -> dict[str, str | None]:
    """Read Cache-Control with lower-case names; of repeated ``max-age`` the smallest counts."""
    found: dict[str, str | None] = {}
    for part in value.lower().split(","):
        name, _, argument = part.strip().partition("=")
        name, argument = name.strip(), argument.strip().strip('"')
        if name == "max-age" and name in found:
            found[name] = min(found[name] or "0", argument, key=_seconds)
        elif name:
            found[name] = argument or None
    return found


def _seconds(text: str | None) -> int:
    """Read delta-seconds; a malformed or negative number is 0, which makes the response stale."""
    digits = (text or "").strip()
    if not digits.isascii() or not digits.isdigit():
        return 0
    return min(int(digits[:20]), _MOST_SECONDS)


def _stated(directives: Mapping[str, str | None], headers: Mapping[str, str], now: datetime) -> int | None:
    if "no-cache" in directives:
        return 0
    if "max-age" in directives:
        return _seconds(directives["max-age"])
    if "expires" not in headers:
        return None
    expires = _instant(headers["expires"])
    if expires is None:  # RFC 9111 §5.3: an invalid date, "0" above all, means already expired
        return 0
    date = _instant(headers.get("date", "")) or now
    return min(max(0, int((expires - date).total_seconds())), _MOST_SECONDS)


def _age(headers: Mapping[str, str]) -> int:
    return _seconds(headers.get("age"))


def _instant(text: str) -> datetime | None:
    """Read an HTTP date; one without a zone is UTC, and one that is malformed or out of range is ``None``."""
    try:
        found = parsedate_to_datetime(text)
    except (TypeError, ValueError, OverflowError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)

"""Read HTTP dates as a cache must: strictly, since a malformed ``Expires`` means *already expired* (RFC 9111 §5.3)."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_TIME = r"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})"
_SHORT = r"(?P<name>[a-z]{3})"
#: IMF-fixdate, rfc850-date and asctime-date (RFC 9110 §5.6.7); GMT is the only zone (RFC 9111 §4.2).
_FORMS = (
    re.compile(rf"{_SHORT}, (?P<day>[0-9]{{2}}) (?P<month>[a-z]{{3}}) (?P<year>[0-9]{{4}}) {_TIME} gmt"),
    re.compile(rf"(?P<name>[a-z]{{6,9}}), (?P<day>[0-9]{{2}})-(?P<month>[a-z]{{3}})-(?P<year>[0-9]{{2}}) {_TIME} gmt"),
    re.compile(rf"{_SHORT} (?P<month>[a-z]{{3}}) (?P<day>[0-9]{{2}}| [0-9]) {_TIME} (?P<year>[0-9]{{4}})"),
)


def parse_http_date(text: str, now: datetime) -> datetime | None:
    """Return the aware instant that a field value names, or ``None`` if it is not an HTTP date.

    Names are taken in any case (RFC 9111 §4.2). A weekday that is not that of the date makes it malformed.

    Args:
        text: the value of one field line.
        now: the century of a two-digit year is chosen by it: at most 50 years ahead (RFC 9110 §5.6.7).
    """
    for form in _FORMS:
        if found := form.fullmatch(text.strip(" \t").lower()):
            return _instant(found, now)
    return None


def _instant(found: re.Match[str], now: datetime) -> datetime | None:
    if found["month"] not in _MONTHS:
        return None
    year = int(found["year"])
    if len(found["year"]) == 2:
        year += now.year // 100 * 100
        if year > now.year + 50:
            year -= 100
    # RFC 9111 §4.2: a leap second is "the nearest time equal to or earlier".
    second = 59 if found["second"] == "60" else int(found["second"])
    date = year, _MONTHS.index(found["month"]) + 1, int(found["day"])
    try:
        instant = datetime(*date, int(found["hour"]), int(found["minute"]), second, tzinfo=UTC)
    except ValueError:
        return None
    weekday = _DAYS[instant.weekday()]
    return instant if found["name"] == (weekday[:3] if len(found["name"]) == 3 else weekday) else None

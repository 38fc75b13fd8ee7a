"""How long a document may be used: what its headers say, within our own bounds."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from flask_cimd.core.freshness import Bounds, Lifetime, lifetime
from tests.support.proves import proves
from tests.support.vectors import vectors

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
DATE = "Wed, 25 Nov 2026 12:00:00 GMT"
HOUR, DAY = 3600, 86400


def bounds(minimum: float = 60, default: float = HOUR, maximum: float = DAY) -> Bounds:
    return Bounds(
        minimum=timedelta(seconds=minimum), default=timedelta(seconds=default), maximum=timedelta(seconds=maximum)
    )


def seconds(headers: dict[str, str], within: Bounds | None = None) -> float:
    found = lifetime(headers, within or bounds(), NOW)
    assert found.storable
    return found.seconds


@proves("C-57", "C-60", "C-62", "IA-48")
@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, HOUR),
        ({"etag": '"x"', "last-modified": DATE}, HOUR),
        ({"cache-control": ""}, HOUR),
        ({"cache-control": "public"}, HOUR),
        ({"cache-control": "max-age=600"}, 600),
        ({"cache-control": "Max-Age=600"}, 600),
        ({"cache-control": "MAX-AGE = 600"}, 600),
        ({"cache-control": 'max-age="600"'}, 600),
        ({"cache-control": "public, max-age=600, must-revalidate"}, 600),
        ({"cache-control": ",,max-age=600,,"}, 600),
        ({"cache-control": "max-age=31536000"}, DAY),
        ({"cache-control": "max-age=" + "9" * 5000}, DAY),
        ({"cache-control": "max-age=0"}, 60),
        ({"cache-control": "max-age=59"}, 60),
        ({"cache-control": "max-age=-1"}, 60),
        ({"cache-control": "max-age=-99999999999999999999"}, 60),
        ({"cache-control": "max-age="}, 60),
        ({"cache-control": "max-age"}, 60),
        ({"cache-control": "max-age=1.5e9"}, 60),
        ({"cache-control": "max-age=0x99999"}, 60),
        ({"cache-control": "max-age=٩٩٩٩٩"}, 60),
        ({"cache-control": "max-age=600s"}, 60),
        ({"cache-control": "max-age=7200, max-age=600"}, 600),
        ({"cache-control": "max-age=600, max-age=7200"}, 600),
        ({"cache-control": "max-age=600, max-age=nonsense"}, 60),
        ({"cache-control": "xmax-age=600"}, HOUR),
        ({"cache-control": "max-age-x=600"}, HOUR),
    ],
)
def test_max_age_counts_within_the_bounds(headers: dict[str, str], expected: int) -> None:
    assert seconds(headers) == expected


@proves("C-62")
@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"cache-control": "max-age=600, s-maxage=7200"}, 600),
        ({"cache-control": "s-maxage=7200"}, HOUR),
        ({"cache-control": "max-age=600", "vary": "*"}, 600),
        ({"cache-control": "max-age=600", "vary": "Origin, Accept"}, 600),
        ({"cache-control": "private, max-age=600"}, 600),
        ({"cache-control": "max-age=600", "pragma": "no-cache"}, 600),
        ({"cache-control": "max-age=600, stale-while-revalidate=9999, stale-if-error=9999"}, 600),
    ],
)
def test_what_is_for_shared_caches_is_not_for_us(headers: dict[str, str], expected: int) -> None:
    assert seconds(headers) == expected


@proves("C-62")
@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"expires": "Wed, 25 Nov 2026 12:10:00 GMT", "date": DATE}, 600),
        ({"expires": "Wed, 25 Nov 2026 12:10:00 GMT"}, 600),
        ({"expires": "Wed, 25 Nov 2026 12:10:00 GMT", "date": "nonsense"}, 600),
        ({"expires": "Wed, 25 Nov 2026 12:10:00 GMT", "date": "Wed, 25 Nov 2026 12:05:00 GMT"}, 300),
        ({"expires": "Wed, 25 Nov 2026 12:10:00 GMT", "cache-control": "max-age=900"}, 900),
        ({"expires": "Wed, 25 Nov 2026 12:10:00 GMT", "cache-control": "max-age=0"}, 60),
        ({"expires": "Wed, 25 Nov 2099 12:10:00 GMT"}, DAY),
        ({"expires": "Fri, 31 Dec 9999 23:59:59 GMT", "date": "Thu, 01 Jan 1970 00:00:00 GMT"}, DAY),
        ({"expires": "Wed, 25 Nov 2020 12:10:00 GMT"}, 60),
        ({"expires": "0"}, 60),
        # no calendar has these, and the standard library lets an OverflowError out
        ({"expires": "Thu, 01 Jan 99999999999 00:00:00 GMT"}, 60),
        ({"expires": "Thu, 01 Jan 2030 00:00:00 +99999999999999"}, 60),
        ({"expires": "Wed, 25 Nov 2026 12:10:00 GMT", "date": "Thu, 01 Jan 99999999999 00:00:00 GMT"}, 600),
        ({"expires": "-1"}, 60),
        ({"expires": ""}, 60),
        ({"expires": "Wed, 25 Nov 12345 12:10:00 GMT"}, 60),
        ({"expires": "Wed, 99 Nov 2026 99:99:99 GMT"}, 60),
        ({"expires": "Wed, 25 Nov 2026 12:10:00 +9999"}, 60),
        ({"expires": "Wednesday, 25-Nov-26 12:10:00 GMT"}, 600),
        ({"expires": "Wed Nov 25 12:10:00 2026"}, 600),
        ({"expires": DATE + ", " + DATE}, 60),
    ],
)
def test_expires_counts_where_max_age_is_absent(headers: dict[str, str], expected: int) -> None:
    # An invalid date means already expired (RFC 9111 §5.3)
    assert seconds(headers) == expected


@proves("C-62")
@pytest.mark.parametrize(
    ("age", "expected"),
    [("590", 10), ("0", 600), ("600", 0), ("99999999999", 0), ("-5", 600), ("x", 600), ("", 600), ("5, 590", 595)],
)
def test_the_time_in_other_caches_is_subtracted(age: str, expected: int) -> None:
    assert seconds({"cache-control": "max-age=600", "age": age}, bounds(minimum=0)) == expected


def test_age_does_not_shorten_our_own_default() -> None:
    assert seconds({"age": "3000"}) == HOUR


@proves("C-61", "IA-48")
@pytest.mark.parametrize(
    "value",
    ["no-store", "NO-STORE", "max-age=600, no-store", "no-store, max-age=600", "private,No-Store", "no-store=x"],
)
def test_no_store_is_never_stored(value: str) -> None:
    assert lifetime({"cache-control": value}, bounds(), NOW) == Lifetime(storable=False, seconds=0)


@proves("C-61")
@pytest.mark.parametrize(
    "value", ["no-cache", "No-Cache, max-age=600", 'no-cache="set-cookie"', "max-age=600, no-cache"]
)
def test_no_cache_is_a_lifetime_of_nothing_under_our_floor(value: str) -> None:
    # The floor protects against one fetch a request
    assert seconds({"cache-control": value}) == 60
    assert seconds({"cache-control": value}, bounds(minimum=0)) == 0


@proves("C-60")
def test_a_floor_of_nothing_follows_the_headers_down() -> None:
    assert seconds({"cache-control": "max-age=0"}, bounds(minimum=0)) == 0
    assert seconds({"cache-control": "max-age=1"}, bounds(minimum=0)) == 1


@proves("C-57")
def test_the_bounds_are_the_operators() -> None:
    narrow = bounds(minimum=100, default=200, maximum=300)
    assert [seconds({"cache-control": f"max-age={age}"}, narrow) for age in (1, 250, 900)] == [100, 250, 300]
    assert seconds({}, narrow) == 200


@proves("C-62")
@pytest.mark.parametrize("vector", vectors("freshness"))
def test_headers_are_read_as_rfc_9111_says(vector: dict[str, Any]) -> None:
    wide = bounds(minimum=0, maximum=2**32)
    assert lifetime(vector["headers"], wide, NOW) == Lifetime(storable=True, seconds=vector["seconds"]), vector["rule"]


def test_the_table_is_large_and_every_case_is_its_own() -> None:
    cases = [param.values[0] for param in vectors("freshness")]
    assert len({str(case["headers"]) for case in cases}) == len(cases) >= 60


@proves("C-61")
@pytest.mark.parametrize(
    "value", ['x="a, b", no-store', 'x="a, no-store', '"a, no-store', "x=, no-store", "=,no-store"]
)
def test_no_quote_hides_a_no_store(value: str) -> None:
    assert not lifetime({"cache-control": value}, bounds(), NOW).storable


@pytest.mark.parametrize(
    "value",
    ["max-age=1, " * 2700, "," * 32000, '"' * 32000, "=" * 32000, "\\" * 32000, 'x="' + "\\a" * 16000, " " * 32000],
)
def test_the_longest_field_is_read_in_no_time(value: str) -> None:
    started = time.thread_time()
    lifetime({"cache-control": value, "expires": value, "date": value, "age": value}, bounds(), NOW)
    assert time.thread_time() - started < 0.5

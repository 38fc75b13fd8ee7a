"""Headers, addresses and texts of strangers: a value within its bounds, whatever comes in."""

from datetime import UTC, datetime, timedelta
from ipaddress import IPv6Address, ip_address, ip_network

from hypothesis import given
from hypothesis import strategies as st

from flask_cimd.core.addresses import blocked_reason, private_reason
from flask_cimd.core.display import safe_description, safe_for_log
from flask_cimd.core.freshness import Bounds, lifetime
from flask_cimd.core.http_date import parse_http_date
from flask_cimd.core.links import link_targets
from flask_cimd.core.text import clean_text
from tests.support.proves import proves

from .strategies import cache_controls, dates, link_fields

BOUNDS = Bounds(minimum=timedelta(seconds=60), default=timedelta(hours=1), maximum=timedelta(days=1))
NOW = datetime(2026, 11, 25, tzinfo=UTC)


@proves("C-57", "C-62")
@given(
    st.fixed_dictionaries(
        {},
        optional={
            "cache-control": cache_controls,
            "expires": dates,
            "date": dates,
            "age": cache_controls,
            "vary": st.text(),
        },
    )
)
def test_a_lifetime_is_within_the_bounds(headers: dict[str, str]) -> None:
    found = lifetime(headers, BOUNDS, NOW)
    assert 60 <= found.seconds <= 86400 if found.storable else "no-store" in headers["cache-control"].lower()


@proves("C-62")
@given(
    st.datetimes(NOW.replace(year=1977, tzinfo=None), NOW.replace(year=2076, tzinfo=None)),
    st.sampled_from(["fixed", "rfc850", "asctime"]),
)
def test_every_form_of_a_date_is_read_back(instant: datetime, form: str) -> None:
    text = {
        "fixed": f"{instant:%a, %d %b %Y %H:%M:%S} GMT",
        "rfc850": f"{instant:%A, %d-%b-%y %H:%M:%S} GMT",
        "asctime": f"{instant:%a %b} {instant.day:2} {instant:%H:%M:%S %Y}",
    }[form]
    expected = instant.replace(microsecond=0, tzinfo=UTC)
    assert parse_http_date(text, NOW) == expected
    assert parse_http_date(text.upper(), NOW) == expected
    assert parse_http_date(text + "x", NOW) is None


@given(link_fields, st.sampled_from(["redirect_uri", "me"]))
def test_link_targets_stand_in_their_field(fields: list[str], relation: str) -> None:
    for target in link_targets(fields, relation):
        assert any(f"<{target}>" in field.replace("< ", "<") or target in field for field in fields)
        assert not {"<", ">"} & set(target)


@proves("C-88", "L-07")
@given(st.integers(0, 2**128 - 1) | st.integers(0, 2**32 - 1) | st.ip_addresses().map(int))
def test_what_is_let_through_is_public_for_the_standard_library_too(number: int) -> None:
    address = ip_address(number)
    carried = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    judged = carried or address
    if blocked_reason(str(address)) is None:
        assert not any((judged.is_private, judged.is_loopback, judged.is_link_local, judged.is_multicast))
        assert not any((judged.is_reserved, judged.is_unspecified))


@proves("C-88")
@given(st.integers(0, 2**128 - 1) | st.integers(0, 2**32 - 1) | st.ip_addresses().map(int))
def test_no_private_host_is_this_computer_or_its_link(number: int) -> None:
    address = ip_address(number)
    everything = [ip_network(half) for half in ("0.0.0.0/1", "128.0.0.0/1", "::/1", "8000::/1")]
    if private_reason(str(address), everything) is None:
        carried = address.ipv4_mapped if isinstance(address, IPv6Address) else None
        for judged in (address, carried or address):
            assert not any((judged.is_loopback, judged.is_link_local, judged.is_multicast, judged.is_unspecified))


@given(st.text(max_size=40))
def test_no_text_but_an_address_is_let_through(text: str) -> None:
    if blocked_reason(text) is None:
        assert str(ip_address(text)).lower() == str(ip_address(text.lower()))


@proves("C-116")
@given(st.text(), st.integers(1, 120))
def test_text_is_cleaned_once_and_for_all(text: str, limit: int) -> None:
    once = clean_text(text, limit)
    assert len(once) <= limit
    assert clean_text(once, limit) == once
    assert once == once.strip()
    assert once.isprintable() or " " in once


@proves("O-23", "A-01")
@given(st.text())
def test_descriptions_and_log_lines_are_printable_ascii(text: str) -> None:
    for cleaned in (safe_description(text), safe_for_log(text)):
        assert all(" " <= character <= "~" for character in cleaned)
        assert len(cleaned) <= 300

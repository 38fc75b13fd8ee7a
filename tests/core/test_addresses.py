"""Which addresses may be connected to. The table is ``tests/vectors/addresses.json``."""

import socket
from ipaddress import ip_address
from typing import Any

import pytest

from flask_cimd.core.addresses import blocked_reason
from tests.support.proves import proves
from tests.support.vectors import vectors


@proves("L-07")
@pytest.mark.parametrize("vector", vectors("addresses"))
def test_an_address_is_let_through_or_blocked_for_a_reason(vector: dict[str, Any]) -> None:
    # Our own tables, so that every version of Python gives this answer
    switches = {name: vector.get(name, False) for name in ("allow_loopback", "nat64")}
    assert blocked_reason(vector["address"], **switches) == vector["reason"]


def test_the_table_is_large_and_every_case_is_its_own() -> None:
    cases = [param.values[0] for param in vectors("addresses")]
    inputs = {(case["address"], case.get("allow_loopback"), case.get("nat64")) for case in cases}
    assert len(inputs) == len(cases) >= 150


@proves("C-95", "L-04")
@pytest.mark.parametrize(
    "number", [0x7F000001, 0x0A000001, 0xA9FEA9FE, 0xC0A80001, 0x00000000, 0xE0000001, 0xAC100001, 0x64400001]
)
@pytest.mark.parametrize(
    "carrier",
    [
        0xFFFF << 32,  # IPv4-mapped
        0,  # IPv4-compatible
        0x0064FF9B << 96,  # NAT64
        (0x2A001450 << 96) | (0x5EFE << 32),  # ISATAP
        (0x2A001450 << 96) | (0x02005EFE << 32),  # ISATAP of a global address
    ],
)
def test_no_ipv6_form_carries_a_special_ipv4_address_through(number: int, carrier: int) -> None:
    text = str(ip_address((carrier | number) or (1 << 127)))
    assert blocked_reason(text) == "special-use"
    assert blocked_reason(text, nat64=True) == "special-use"


@proves("C-95")
@pytest.mark.parametrize("number", [0x7F000001, 0x0A000001, 0xC0A80101])
def test_6to4_is_refused_whatever_it_carries(number: int) -> None:
    assert blocked_reason(str(ip_address((0x2002 << 112) | (number << 80)))) == "special-use"


@proves("L-03")
@pytest.mark.parametrize("name", ["127.1", "0x7f000001", "2130706433", "0177.0.0.1", "0"])
def test_what_the_systems_resolver_makes_of_a_number_is_blocked(name: str) -> None:
    # The answer is judged, not the spelling
    (answer, *_) = socket.getaddrinfo(name, 443, type=socket.SOCK_STREAM)
    assert blocked_reason(str(answer[4][0])) == "special-use"

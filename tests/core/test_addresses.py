"""Which addresses may be connected to. The table is ``tests/vectors/addresses.json``."""

import socket
from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from flask_cimd.core.addresses import blocked_reason, is_address, is_never_private, network_of, private_reason
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


INSIDE = [
    ip_network(network)
    for network in ("10.1.0.0/16", "100.64.0.0/10", "192.0.0.0/24", "fd00::/8", "2002::/16", "64:ff9b::/96")
]


@pytest.mark.parametrize(
    "address", ["10.1.0.0", "10.1.255.255", "100.64.0.1", "192.0.0.1", "fd00::1", "fdff::1", "::ffff:10.1.2.3"]
)
def test_a_private_host_may_have_the_addresses_of_its_networks(address: str) -> None:
    assert private_reason(address, INSIDE) is None


@pytest.mark.parametrize(
    "address", ["10.0.255.255", "10.2.0.0", "192.168.1.1", "8.8.8.8", "2a00:1450::1", "fc00::1", "::ffff:10.2.0.1"]
)
def test_a_private_host_may_have_no_address_outside_them(address: str) -> None:
    # a public address too: the operator said where the host is
    assert private_reason(address, INSIDE) == "outside-networks"


NEVER = [
    "0.0.0.0", "0.1.2.3", "127.0.0.1", "127.8.8.8", "169.254.169.254", "224.0.0.1", "240.0.0.1", "255.255.255.255",
    "100.100.100.200", "192.0.0.192", "::", "::1", "fe80::1", "ff02::1", "fd00:ec2::254", "fd00:ec2:1::1",
    "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "64:ff9b::127.0.0.1", "64:ff9b::169.254.169.254",
    "64:ff9b:1::7f00:1", "2002:7f00:1::", "2002:a9fe:a9fe::1", "fd00::5efe:127.0.0.1", "2001:0:7f00:1::",
]  # fmt: skip


@pytest.mark.parametrize("address", NEVER)
def test_no_network_makes_a_private_host_of_this_computer_or_of_a_clouds_metadata(address: str) -> None:
    everything = [ip_network("0.0.0.0/1"), ip_network("128.0.0.0/1"), ip_network("::/1"), ip_network("8000::/1")]
    assert private_reason(address, everything) == "special-use"


@pytest.mark.parametrize("address", ["fd00::1%eth0", "10.1", "0x0a010001", "localhost", ""])
def test_what_is_no_address_is_no_private_one(address: str) -> None:
    assert private_reason(address, INSIDE) in {"not-an-address", "scoped"}


@pytest.mark.parametrize(
    ("network", "never"),
    [
        ("0.0.0.0/0", True), ("::/0", True), ("127.0.0.0/8", True), ("127.0.0.1/32", True), ("169.254.0.0/17", True),
        ("fe80::/64", True), ("fd00:ec2::/48", True), ("100.100.100.200/32", True), ("192.0.0.192/32", True),
        ("224.0.0.0/8", True), ("10.0.0.0/8", False), ("fd00::/8", False), ("100.64.0.0/10", False),
        ("0.0.0.0/1", False),
    ],
)  # fmt: skip
def test_a_network_without_a_usable_address_is_refused(network: str, never: bool) -> None:
    assert is_never_private(ip_network(network)) is never


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("192.0.2.1:50123", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("[::ffff:192.0.2.1]:80", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("[2001:db8:1:2::1]:50123", "2001:db8:1:2::/64"),
        ("[2001:db8:1:2::1]", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        (" 192.0.2.1 ", "192.0.2.1"),
        ("unix", "unix"),
        ("", ""),
        (None, ""),
    ],
)
def test_a_sender_is_counted_as_a_network(address: str | None, network: str) -> None:
    assert network_of(address) == network


def test_a_larger_ipv6_network_can_be_counted() -> None:
    assert network_of("2001:db8:1:2::1", ipv6_prefix=48) == "2001:db8:1::/48"
    assert network_of("192.0.2.1", ipv6_prefix=48) == "192.0.2.1"
    assert network_of("192.0.2.1", ipv4_prefix=24) == "192.0.2.0/24"
    assert network_of("::ffff:192.0.2.1", ipv4_prefix=24) == "192.0.2.0/24"


@pytest.mark.parametrize(
    "network",
    ["::1/128", "::/128", "127.0.0.0/8", "fe80::/64", "fd00:ec2::254/128", "100.100.100.200/32", "0.0.0.0/0", "::/0"],
)
def test_no_private_host_lies_in_a_network_that_is_never_private(network: str) -> None:
    assert is_never_private(ip_network(network))


@pytest.mark.parametrize(
    ("host", "expected"), [("::1", True), ("fe80::1%eth0", False), ("192.0.2.1", True), ("a", False)]
)
def test_an_address_with_a_zone_is_none(host: str, expected: bool) -> None:
    assert is_address(host) is expected

"""Decide which addresses may be connected to, by tables of this project: ``ipaddress`` differs between Python versions.

The tables are those of RFC 6890 with its later additions, plus multicast and every form of IPv6 address that
carries an IPv4 address inside (CIMD §9.6).
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Network = IPv4Network | IPv6Network
_Address = IPv4Address | IPv6Address

_SPECIAL_V4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
        "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24",
        "203.0.113.0/24", "224.0.0.0/3",
    )
)  # fmt: skip
#: The only IPv6 space that is handed out for the public internet (RFC 4291 §2.4).
_GLOBAL_V6 = IPv6Network("2000::/3")
#: The special parts of it: Teredo and other assignments, documentation, 6to4.
_SPECIAL_V6 = tuple(
    IPv6Network(network) for network in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
)  # fmt: skip
_NAT64 = IPv6Network("64:ff9b::/96")
#: For translators of one network (RFC 8215).
_LOCAL_NAT64 = IPv6Network("64:ff9b:1::/48")
_6TO4 = IPv6Network("2002::/16")
_IPV4_COMPATIBLE = IPv6Network("::/96")
#: Refused even inside the networks of a private host: this computer, its links, multicast and reserved space, and the
#: addresses at which clouds hand out a machine's credentials.
_NEVER = tuple(
    ip_network(network)
    for network in (
        "0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3", "100.100.100.200/32", "192.0.0.192/32",
        "::/128", "::1/128", "fe80::/10", "ff00::/8", "fd00:ec2::/32",
    )
)  # fmt: skip
_LOOPBACK = frozenset({"127.0.0.1", "::1"})
#: Interface identifiers of ISATAP (RFC 5214 §6.1), which contain an IPv4 address in their last 32 bits.
_ISATAP = frozenset({0x00005EFE, 0x02005EFE})


def is_address(host: str) -> bool:
    """Return whether a host is an IP address in its standard form, without a zone: there is nothing to look up."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return "%" not in host


def blocked_reason(address: str, *, allow_loopback: bool = False, nat64: bool = False) -> str | None:
    """Return why an address must not be connected to, or ``None`` if it may.

    Args:
        address: as a name look-up returns it.
        allow_loopback: development: let ``127.0.0.1`` and ``::1`` through, no other special address.
        nat64: on an IPv6-only network, judge the IPv4 address inside ``64:ff9b::/96``.
    """
    if "%" in address:
        return "scoped"
    if allow_loopback and address in _LOOPBACK:
        return None
    try:
        return _blocked_v6(IPv6Address(address), nat64=nat64) if ":" in address else _blocked_v4(IPv4Address(address))
    except ValueError:
        return "not-an-address"


def private_reason(address: str, networks: Sequence[Network]) -> str | None:
    """Return why an address of a private host must not be connected to, or ``None`` if it may.

    Args:
        address: as a name look-up returns it.
        networks: where the operator says that the host's addresses lie.
    """
    try:
        found = ip_address(address)
    except ValueError:
        return "not-an-address"
    if "%" in address:
        return "scoped"
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    found = mapped or found
    if any(inner in network for inner in (found, *_carried(found)) for network in _NEVER):
        return "special-use"
    return None if any(found in network for network in networks) else "outside-networks"


def network_of(address: str | None, *, ipv4_prefix: int = 32, ipv6_prefix: int = 64) -> str:
    """Return the network that a sender is counted as.

    Args:
        address: as a server or a proxy passes it; a port after it, in brackets or not, is dropped. Text that is no
            address is returned as it is, and ``None`` as an empty text.
        ipv4_prefix: bits of an IPv4 network; with 32, the address is returned without a prefix.
        ipv6_prefix: bits of an IPv6 network; one customer has at least a /64, many have a /48.
    """
    text = (address or "").strip()
    host = text[1:].partition("]")[0] if text.startswith("[") else text
    if host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        found = ip_address(host.partition("%")[0])
    except ValueError:
        return text
    found = (found.ipv4_mapped or found) if isinstance(found, IPv6Address) else found
    prefix = ipv4_prefix if isinstance(found, IPv4Address) else ipv6_prefix
    return str(found) if prefix == found.max_prefixlen else str(ip_network((found.packed, prefix), strict=False))


def is_never_private(network: Network) -> bool:
    """Return whether no address of a network may ever be a private host's, or the network is all of the internet."""
    if network.prefixlen == 0:
        return True
    return any(network.version == never.version and network.subnet_of(never) for never in _NEVER)  # type: ignore[arg-type]  # both networks have one version


def _carried(address: _Address) -> tuple[IPv4Address, ...]:
    """Return the IPv4 addresses that an IPv6 address leads to."""
    if isinstance(address, IPv4Address):
        return ()
    last = IPv4Address(int(address) & 0xFFFFFFFF)
    carriers = (_NAT64, _LOCAL_NAT64, _IPV4_COMPATIBLE)
    if any(address in carrier for carrier in carriers) or (int(address) >> 32) & 0xFFFFFFFF in _ISATAP:
        return (last,)
    if address in _6TO4:
        return (IPv4Address((int(address) >> 80) & 0xFFFFFFFF),)
    return tuple(address.teredo or ())


def _blocked_v4(address: IPv4Address) -> str | None:
    return "special-use" if any(address in network for network in _SPECIAL_V4) else None


def _blocked_v6(address: IPv6Address, *, nat64: bool) -> str | None:
    if address.ipv4_mapped is not None:
        return _blocked_v4(address.ipv4_mapped)
    if nat64 and address in _NAT64:
        return _blocked_v4(IPv4Address(int(address) & 0xFFFFFFFF))
    if address not in _GLOBAL_V6 or any(address in network for network in _SPECIAL_V6):
        return "special-use"
    if (int(address) >> 32) & 0xFFFFFFFF in _ISATAP:
        return _blocked_v4(IPv4Address(int(address) & 0xFFFFFFFF))
    return None

"""One value for an http or https URL, and the rules that every host name and port obeys."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

#: The names of this computer that may stand in a URL, without the brackets of an IPv6 literal.
LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
_DEFAULT_PORTS = {"https": 443, "http": 80}
_MAX_HOST = 253  # characters, RFC 1035 §2.3.4
_LABEL = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")

HostProblem = Literal["ip-address", "bad-host", "local-host"]


@dataclass(frozen=True, slots=True)
class WebURL:
    """An http or https URL, taken apart once.

    `parse` reads what the HTTP client would read. Parsers of their own (client identifiers, redirect URIs) are
    stricter and build the value from what they read.

    Attributes:
        scheme: ``https`` or ``http``.
        host: without brackets; lower case from `parse`.
        port: as written, or ``None``.
        path: as written; empty if there is none.
        query: as written, without ``?``; ``None`` if there is none.
    """

    scheme: str
    host: str
    port: int | None = None
    path: str = ""
    query: str | None = None

    @classmethod
    def parse(cls, text: str) -> WebURL | None:
        """Return the URL without its fragment, or ``None``.

        ``None`` means another scheme, no host, user information, or a port that is no number up to 65535.
        """
        try:
            parts = urlsplit(text)
            port = parts.port
        except ValueError:
            return None
        if parts.scheme not in _DEFAULT_PORTS or not parts.hostname or "@" in parts.netloc:
            return None
        return cls(parts.scheme, parts.hostname, port, parts.path, parts.query or None)

    @property
    def effective_port(self) -> int:
        """The port to connect to: the one written, else 443 for https and 80 for http."""
        return self.port or _DEFAULT_PORTS[self.scheme]

    @property
    def authority(self) -> str:
        """Lower-case host, in brackets if it is an IPv6 address, and the port unless it is the scheme's default."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        shown = "" if self.port in (None, _DEFAULT_PORTS[self.scheme]) else f":{self.port}"
        return host.lower() + shown

    @property
    def origin(self) -> str:
        """Scheme and authority, without a slash at the end; two URLs have one origin if these strings are equal."""
        return f"{self.scheme}://{self.authority}"

    @property
    def canonical(self) -> str:
        """The URL as IndieAuth §3.4 compares it: lower-case host, path ``/`` for none, no default port."""
        query = f"?{self.query}" if self.query else ""
        return f"{self.origin}{self.path or '/'}{query}"

    @property
    def is_loopback(self) -> bool:
        """``True`` if the host names this computer."""
        return self.host.lower() in LOOPBACK_HOSTS

    def is_same_origin(self, other: WebURL) -> bool:
        """Return whether scheme, host and effective port are equal (RFC 6454 §5)."""
        return self.origin == other.origin


def in_lower_case(url: str) -> str:
    """Return a URL with scheme and host in lower case, the rest as written (RFC 3986 §6.2.2.1).

    Clients compare issuers as strings: a server whose own address is written otherwise is another server to them.
    """
    scheme, mark, rest = url.partition("://")
    end = next((number for number, character in enumerate(rest) if character in "/?#"), len(rest))
    return scheme.lower() + mark + rest[:end].lower() + rest[end:] if mark else url


def default_port(scheme: str) -> int:
    """Return the port of ``https`` or ``http``."""
    return _DEFAULT_PORTS[scheme]


def host_problem(host: str) -> HostProblem | None:
    """Say why a host is not a public name, or ``None`` if it is one; its addresses are checked at the connection."""
    labels = host.lower().split(".")
    # "2130706433", "0x7f.1" and "0177.0.0.1" are names here and addresses to some resolvers.
    if ":" in host or labels[-1].isdigit() or labels[-1].startswith("0x"):
        return "ip-address"
    if len(host) > _MAX_HOST or not all(_LABEL.fullmatch(label) for label in labels):
        return "bad-host"
    return "local-host" if len(labels) == 1 or labels[-1] == "localhost" else None


def is_same_site(host: str, other: str) -> bool:
    """Return whether two hosts are equal or one is a subdomain of the other; no list of public suffixes is used."""
    one, two = f".{host.lower()}", f".{other.lower()}"
    return one.endswith(two) or two.endswith(one)


def is_ipv6(literal: str) -> bool:
    """Return whether the text between brackets is an IPv6 address without a zone."""
    try:
        ipaddress.IPv6Address(literal)
    except ValueError:
        return False
    return "%" not in literal

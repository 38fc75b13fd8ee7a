"""Vets the addresses of one fetch, enforces its deadline, and opens its sockets.

The guard vets every address of a name and connects to one of these addresses, without a second look-up (CIMD §8.6).
"""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urldefrag

from urllib3.exceptions import LocationParseError
from urllib3.util import Url, parse_url

from ..core.addresses import Network, blocked_reason, is_address, private_reason
from ..core.sentences import sentence
from ..core.urls import LOOPBACK_HOSTS, WebURL, default_port
from ..errors import AddressBlockedError, ConfigurationError, DeadlineExceededError, FetchError, Phase
from .deadline import Deadline
from .happy_eyeballs import Target, connect_first
from .look_up import SHARED, LookUps, Resolve, look_up


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchSettings:
    """Settings of the fetches of one app.

    Attributes:
        timeout: total deadline for look-up, connect, TLS, head and body, in seconds.
        connect_timeout: timeout of one connection attempt, in seconds.
        allowed_ports: allowed ports; ``None`` means any.
        allow_loopback: let the loopback names resolve to loopback addresses, for development.
        development_hosts: loopback address and port by host name; the fetcher connects to it without a look-up.
        private_hosts: by lower-case host name, the networks that must contain its addresses, which may be private.
            Applies only to documents of that host and to their links to the same host.
        proxy: URL of a proxy that makes the connections; the proxy must check addresses itself.
        ca_bundle: file of trusted certificates; ``None`` means certifi.
        allow_http: also fetch plain http, which an attacker on the network path can forge.
        resolve: returns the addresses for a name and a port; ``None`` means the system's resolver.
    """

    timeout: float = 5.0
    connect_timeout: float = 2.0
    allowed_ports: tuple[int, ...] | None = None
    allow_loopback: bool = False
    development_hosts: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    private_hosts: Mapping[str, tuple[Network, ...]] = field(default_factory=dict)
    proxy: str | None = None
    ca_bundle: str | None = None
    user_agent: str = "flask-cimd"
    nat64: bool = False
    allow_http: bool = False
    resolve: Resolve | None = None

    def __post_init__(self) -> None:
        """Refuse a proxy that is not an http or https proxy.

        Raises:
            ConfigurationError: the proxy's URL is not an http or https URL.
        """
        if self.proxy is not None and proxy_url(self.proxy) is None:
            raise ConfigurationError("CIMD_PROXY must be the http or https URL of a proxy")


@dataclass(slots=True, kw_only=True)
class FetchLog:
    """Observations of one fetch; after a failure, those of the steps before it.

    Attributes:
        addresses: every address of the name, in the resolver's order.
        address: the address of the connection.
        tls: TLS version of the connection.
        certificate_ends: end of the certificate's validity, as text from the certificate.
        headers: header fields of the response, with lower-case names.
        size: number of body bytes read.
    """

    addresses: tuple[str, ...] = ()
    address: str | None = None
    tls: str | None = None
    certificate_ends: str | None = None
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    size: int = 0


def proxy_url(text: str) -> Url | None:
    """Return the URL of a proxy with its port; a URL without a scheme means http."""
    try:
        found = parse_url(text if "://" in text else f"http://{text}")
    except LocationParseError:
        return None
    if found.scheme not in ("http", "https") or not found.host:
        return None
    return found._replace(port=found.port or default_port(found.scheme))


def _request_target(url: str) -> str:
    """Return the path and query unchanged (RFC 9112 §3.2.1)."""
    _, _, rest = urldefrag(url).url.partition("://")
    start = min((rest.find(mark) for mark in "/?" if mark in rest), default=len(rest))
    return rest[start:] if rest[start:].startswith("/") else f"/{rest[start:]}"


class Guard:
    """Vets the addresses and enforces the deadline of one fetch.

    Args:
        settings: settings of the fetch.
        deadline: total deadline in seconds.
        log: receives the observations of the fetch.
        document_host: lower-case host of the document that causes the fetch; only its entry of ``private_hosts``
            applies.
        look_ups: runs the name look-ups.

    Attributes:
        phase: current step of the fetch.
        target: request target of the next request: the path and query unchanged, or the URL for a proxy.
    """

    def __init__(
        self,
        settings: FetchSettings,
        deadline: float,
        *,
        log: FetchLog | None = None,
        document_host: str | None = None,
        look_ups: LookUps = SHARED,
    ) -> None:
        self.settings = settings
        self.log = log or FetchLog()
        self.phase: Phase = "resolve"
        self.target = "/"
        self._document_host = document_host
        self._look_ups = look_ups
        self._deadline = Deadline(deadline)

    def __enter__(self) -> Guard:
        self._deadline.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._deadline.__exit__()

    @property
    def is_late(self) -> bool:
        """``True`` if the deadline shut the connection down: a truncated response can still look complete."""
        return self._deadline.has_passed

    def remaining(self) -> float:
        """Return the seconds until the deadline.

        Raises:
            DeadlineExceededError: the deadline has passed.
        """
        left = self._deadline.seconds_left()
        if not left:
            raise self.too_late()
        return left

    def too_late(self) -> DeadlineExceededError:
        """Return the error of a fetch after its deadline."""
        return DeadlineExceededError("deadline", hint="the fetch took too long", phase=self.phase)

    def aim(self, url: str) -> WebURL:
        """Check the URL of the next request, set `target`, and return the parsed URL.

        Raises:
            FetchError: slug ``userinfo`` if the URL contains a user name or password; or ``malformed-url``.
            AddressBlockedError: slug ``port-blocked``; checked here, because a proxy would connect to any port.
        """
        parsed = WebURL.parse(url)
        if parsed is None or parsed.port == 0:
            if "@" in re.split("[/?#]", url.partition("://")[2], maxsplit=1)[0]:
                raise FetchError("userinfo", hint="no user name or password in the URL", phase="resolve")
            raise FetchError("malformed-url", hint="not an http or https URL with a host", phase="resolve")
        if self.settings.allowed_ports is not None and parsed.effective_port not in self.settings.allowed_ports:
            raise AddressBlockedError("port-blocked", hint="the port is not allowed", phase="resolve")
        # RFC 9112 §3.2.2: a request to a proxy that does not tunnel contains the whole URL.
        forwarded = self.settings.proxy is not None and parsed.scheme == "http"
        self.target = urldefrag(url).url if forwarded else _request_target(url)
        return parsed

    def connect(self, host: str, port: int) -> socket.socket:
        """Resolve a name, vet every address, and connect to the first address that accepts.

        Raises:
            FetchError: the name does not resolve, an address is blocked, or no address accepts; often a subclass.
        """
        targets = self._targets(host.strip("[]").lower(), port)
        self.phase = "connect"
        found = connect_first(
            targets, attempt_timeout=self.settings.connect_timeout, seconds_left=self._deadline.seconds_left
        )
        if found is None:
            self.remaining()
            raise FetchError("connection-failed", hint="no address of the host accepts connections", phase="connect")
        connected, self.log.address = found
        try:
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._deadline.watch(connected)
            connected.settimeout(self.remaining())
        except BaseException:
            connected.close()
            raise
        return connected

    def resume(self, connected: socket.socket, host: str) -> bool:
        """Watch a connection of an earlier request; return ``False`` if the current rules refuse its address.

        Args:
            connected: the open socket.
            host: the host name of the connection; it is not looked up again.
        """
        host = host.strip("[]").lower()
        try:
            address, port = connected.getpeername()[:2]
        except OSError:  # the connection has ended
            return False
        if host in self.settings.development_hosts:
            is_allowed = self.settings.development_hosts[host] == (address, port)
        else:
            is_allowed = self.settings.proxy is None and not self._blocks(host, address)
        if is_allowed:
            self.log.addresses, self.log.address, self.phase = (address,), address, "response"
            self._deadline.watch(connected)
            connected.settimeout(self.remaining())
        return is_allowed

    def _targets(self, host: str, port: int) -> list[Target]:
        if self.settings.proxy is not None:
            return [(address, port) for address in self._resolve(host, port)]
        if host in self.settings.development_hosts:
            return [self.settings.development_hosts[host]]
        addresses = self._resolve(host, port)
        # One blocked address refuses the host: DNS rebinding uses mixed answers.
        if any(self._blocks(host, address) for address in addresses):
            raise AddressBlockedError("address-blocked", hint=self._blocked_hint(host), phase="resolve")
        return [(address, port) for address in addresses]

    def _blocks(self, host: str, address: str) -> bool:
        if self._is_private(host):
            return private_reason(address, self.settings.private_hosts[host]) is not None
        loopback = self.settings.allow_loopback and host in LOOPBACK_HOSTS
        return blocked_reason(address, allow_loopback=loopback, nat64=self.settings.nat64) is not None

    def _is_private(self, host: str) -> bool:
        return host == self._document_host and host in self.settings.private_hosts

    def _blocked_hint(self, host: str) -> str:
        if self._is_private(host):
            return sentence("an address of the host is outside its networks in CIMD_PRIVATE_HOSTS")
        return sentence("the host has a special-use address")

    def _resolve(self, host: str, port: int) -> list[str]:
        if self.settings.resolve is None and is_address(host):
            return self._noted([host])
        resolve = self.settings.resolve or look_up
        try:
            addresses = self._look_ups.run(resolve, host, port, self.remaining())
        except TimeoutError as exc:
            raise DeadlineExceededError("deadline", hint="the name look-up took too long", phase="resolve") from exc
        except (OSError, UnicodeError) as exc:
            raise FetchError("name-not-found", hint="the host name does not resolve", phase="resolve") from exc
        if not addresses:
            raise FetchError("name-not-found", hint="the host name has no address", phase="resolve")
        return self._noted(addresses)

    def _noted(self, addresses: list[str]) -> list[str]:
        self.log.addresses = tuple(addresses)
        return addresses

"""Decides where one fetch may connect to and until when, and opens its sockets.

Every address of a name is vetted, and a vetted address is what is connected to: there is no second look-up (CIMD
§8.6).
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
        timeout: seconds for everything: look-up, connect, TLS, head and body.
        connect_timeout: seconds for one connection attempt.
        allowed_ports: ``None`` = any.
        allow_loopback: development: the loopback names may resolve to loopback addresses.
        development_hosts: name to loopback address and port; connected to without a look-up.
        private_hosts: lower-case name to the networks that its addresses must lie in, private ones included. Holds
            only for documents of that host and for what they link to on the same host.
        proxy: URL of a proxy that makes the connections and must check addresses itself.
        ca_bundle: file of trusted certificates; ``None`` = certifi.
        allow_http: fetch plain http too, which anybody on the path can forge.
        resolve: name and port to addresses; ``None`` = the system's resolver.
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
        """Refuse a proxy of another kind, which would be asked as if it were an http proxy.

        Raises:
            ConfigurationError: the proxy's URL is unusable.
        """
        if self.proxy is not None and proxy_url(self.proxy) is None:
            raise ConfigurationError("CIMD_PROXY must be the http or https URL of a proxy")


@dataclass(slots=True, kw_only=True)
class FetchLog:
    """Observations of one fetch, filled step by step; a failed fetch leaves those up to its failure.

    Attributes:
        addresses: every address of the name, in the resolver's order.
        address: the one that was connected to.
        tls: protocol version of the connection.
        certificate_ends: end of the certificate's validity, as the certificate says it.
        headers: header fields of the response, with lower-case names.
        size: bytes of the body that were read.
    """

    addresses: tuple[str, ...] = ()
    address: str | None = None
    tls: str | None = None
    certificate_ends: str | None = None
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    size: int = 0


def proxy_url(text: str) -> Url | None:
    """Return the URL of a proxy with its port; http is the scheme of one without."""
    try:
        found = parse_url(text if "://" in text else f"http://{text}")
    except LocationParseError:
        return None
    if found.scheme not in ("http", "https") or not found.host:
        return None
    return found._replace(port=found.port or default_port(found.scheme))


def _request_target(url: str) -> str:
    """Return path and query character by character (RFC 9112 §3.2.1)."""
    _, _, rest = urldefrag(url).url.partition("://")
    start = min((rest.find(mark) for mark in "/?" if mark in rest), default=len(rest))
    return rest[start:] if rest[start:].startswith("/") else f"/{rest[start:]}"


class Guard:
    """Decides where one fetch may connect to, and until when.

    Args:
        settings: how fetches are made.
        deadline: seconds for the whole fetch.
        log: filled with what the fetch saw.
        document_host: lower-case host of the document on whose behalf the fetch is made; an entry of
            ``private_hosts`` holds for this host alone.
        look_ups: runs the name look-ups.

    Attributes:
        phase: how far the fetch came.
        target: what the next request asks for: path and query as they are written, or the URL for a proxy.
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
        """``True`` if the deadline cut the connection: a truncated response can still look complete."""
        return self._deadline.has_passed

    def remaining(self) -> float:
        """Return the seconds left.

        Raises:
            DeadlineExceededError: there are none.
        """
        left = self._deadline.seconds_left()
        if not left:
            raise self.too_late()
        return left

    def too_late(self) -> DeadlineExceededError:
        """Return the error of a fetch whose time is up."""
        return DeadlineExceededError("deadline", hint="the fetch took too long", phase=self.phase)

    def aim(self, url: str) -> WebURL:
        """Take the URL of the next request.

        Raises:
            FetchError: slug ``userinfo``, the URL holds a user name or password; or ``malformed-url``.
            AddressBlockedError: slug ``port-blocked``; checked here, since a proxy would connect to any port.
        """
        parsed = WebURL.parse(url)
        if parsed is None or parsed.port == 0:
            if "@" in re.split("[/?#]", url.partition("://")[2], maxsplit=1)[0]:
                raise FetchError("userinfo", hint="no user name or password in the URL", phase="resolve")
            raise FetchError("malformed-url", hint="not an http or https URL with a host", phase="resolve")
        if self.settings.allowed_ports is not None and parsed.effective_port not in self.settings.allowed_ports:
            raise AddressBlockedError("port-blocked", hint="the port is not allowed", phase="resolve")
        # RFC 9112 §3.2.2: a proxy that does not tunnel is asked for the whole URL.
        forwarded = self.settings.proxy is not None and parsed.scheme == "http"
        self.target = urldefrag(url).url if forwarded else _request_target(url)
        return parsed

    def connect(self, host: str, port: int) -> socket.socket:
        """Resolve a name, vet every address, and connect to the one that answers first.

        Raises:
            FetchError: or a child.
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
        """Watch a connection that an earlier request opened; ``False`` if the rules refuse its address today.

        Args:
            host: the name that it was opened for; nothing is looked up.
        """
        host = host.strip("[]").lower()
        try:
            address, port = connected.getpeername()[:2]
        except OSError:  # it has ended
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
        # One bad address refuses the host: a mixed answer is how a name is made to rebind.
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

"""Connects to vetted addresses under one total deadline.

urllib3's connection is subclassed at the one place where it opens a socket, so name, SNI, ``Host`` and certificate
check stay those of the URL while the address is one that was vetted. There is no second look-up (CIMD §8.6).
"""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urldefrag

import certifi
from urllib3.connection import HTTPConnection, HTTPSConnection, ProxyConfig
from urllib3.util import Url, make_headers, parse_url

from ..core.addresses import Network, blocked_reason, private_reason
from ..core.urls import LOOPBACK_HOSTS, WebURL, default_port
from ..errors import AddressBlockedError, DeadlineExceededError, FetchError, Phase
from .deadline import Deadline
from .happy_eyeballs import Target, connect_first
from .look_up import SHARED, LookUps, Resolve, look_up
from .response import BoundedResponse


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchSettings:
    """How fetches are made.

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


@dataclass(slots=True, kw_only=True)
class FetchLog:
    """What one fetch saw; filled step by step, so that a failed fetch still tells how far it came.

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


def new_tls_context(ca_bundle: str | None) -> ssl.SSLContext:
    """Return a context for connections that trust these certificates; keep it, since loading them costs 25 ms."""
    context = ssl.create_default_context(cafile=ca_bundle or certifi.where())
    # RFC 9110 §4.3.4: the reference identity is matched against subjectAltName alone, never against a common name.
    context.hostname_checks_common_name = False
    return context


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
        """Whether the deadline cut the connection: a response that was cut can still look complete."""
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
            return "an address of the host is outside its networks in CIMD_PRIVATE_HOSTS"
        return "the host has a special-use address"

    def _resolve(self, host: str, port: int) -> list[str]:
        resolve = self.settings.resolve or look_up
        try:
            addresses = self._look_ups.run(resolve, host, port, self.remaining())
        except TimeoutError as exc:
            raise DeadlineExceededError("deadline", hint="the name look-up took too long", phase="resolve") from exc
        except (OSError, UnicodeError) as exc:
            raise FetchError("name-not-found", hint="the host name does not resolve", phase="resolve") from exc
        if not addresses:
            raise FetchError("name-not-found", hint="the host name has no address", phase="resolve")
        self.log.addresses = tuple(addresses)
        return addresses


class _Guarded:
    """What both connections do differently from urllib3's.

    Attributes:
        guard: set before the connection is used.
    """

    guard: Guard
    response_class: Any = BoundedResponse
    port: int
    _dns_host: str
    _tunnel_host: str | None

    def _new_conn(self) -> socket.socket:
        return self.guard.connect(self._dns_host, self.port)

    def putrequest(self, method: str, url: str, *args: Any, **kwargs: Any) -> None:  # noqa: ARG002  urllib3 calls it so
        """Ask for the path as it is written: urllib3 folds its escapes, and would fetch another URL than is shown."""
        super().putrequest(method, self.guard.target, *args, **kwargs)  # type: ignore[misc]  # the sibling's

    def connect(self) -> None:
        """Connect; the request comes next."""
        super().connect()  # type: ignore[misc]  # the sibling's
        self.guard.phase = "response"


class GuardedConnection(_Guarded, HTTPConnection):
    """A connection over plain http whose socket a `Guard` opens."""


class GuardedTLSConnection(_Guarded, HTTPSConnection):
    """A connection over TLS whose socket a `Guard` opens."""

    def _new_conn(self) -> socket.socket:
        connected = super()._new_conn()
        if self._tunnel_host is None:
            self.guard.phase = "tls"
        return connected

    def _tunnel(self) -> None:
        super()._tunnel()
        self.guard.phase = "tls"

    def connect(self) -> None:
        """Connect and note what TLS agreed on; the request comes next."""
        super().connect()
        if isinstance(self.sock, ssl.SSLSocket):
            certificate = self.sock.getpeercert() or {}
            self.guard.log.tls = self.sock.version()
            self.guard.log.certificate_ends = str(certificate.get("notAfter", "")) or None


def open_connection(guard: Guard, url: str, context: ssl.SSLContext) -> GuardedConnection | GuardedTLSConnection:
    """Return a connection for a GET of this URL, directly or through the proxy of the settings; not connected yet.

    Raises:
        FetchError: the URL may not be fetched.
    """
    aimed, proxy = guard.aim(url), _proxy(guard.settings.proxy)
    at_host, at_port = (proxy.host or "", proxy.port) if proxy else (aimed.host, aimed.effective_port)
    more: dict[str, Any] = {"timeout": guard.remaining(), "proxy": proxy}
    if proxy is not None:
        more["proxy_config"] = ProxyConfig(context, False, None, None)
    connection = (
        GuardedTLSConnection(at_host, at_port, ssl_context=context, cert_reqs="CERT_REQUIRED", **more)
        if "https" in (aimed.scheme, proxy.scheme if proxy else "")
        else GuardedConnection(at_host, at_port, **more)
    )
    connection.guard = guard
    if proxy is not None and aimed.scheme == "https":
        connection.set_tunnel(aimed.host, aimed.effective_port, headers=proxy_headers(guard.settings.proxy), scheme=proxy.scheme or "http")
    return connection


def _proxy(url: str | None) -> Url | None:
    if url is None:
        return None
    found = parse_url(url if "://" in url else f"http://{url}")
    return found if found.port else found._replace(port=default_port(found.scheme or "http"))


def proxy_headers(url: str | None) -> dict[str, str]:
    """Return the header fields that sign this server in at its proxy."""
    proxy = _proxy(url)
    if proxy is None or not proxy.auth:
        return {}
    return dict(make_headers(proxy_basic_auth=unquote(proxy.auth)))

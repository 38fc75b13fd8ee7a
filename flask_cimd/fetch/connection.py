"""A connection that goes only where it may and ends when it must.

urllib3's connection is subclassed at the one place where it opens a socket, so name, SNI, ``Host`` and certificate
check stay those of the URL while the address is one that was vetted. There is no second look-up (CIMD §8.6).
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from threading import Lock, Thread, Timer
from typing import Any
from urllib.parse import urldefrag

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from ..core.addresses import blocked_reason
from ..core.urls import LOOPBACK_HOSTS, WebURL, default_port
from ..errors import AddressBlockedError, DeadlineExceededError, FetchError, Phase, TooManyFetchesError
from .limits import LOOK_UPS

Resolve = Callable[[str, int], list[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchSettings:
    """How fetches are made.

    Attributes:
        timeout: seconds for everything: look-up, connect, TLS, headers and body.
        connect_timeout: seconds for one connection attempt.
        allowed_ports: ``None`` = any.
        allow_loopback: development: the loopback names may resolve to loopback addresses.
        development_hosts: name to loopback address and port; connected to without a look-up.
        proxy: URL of a proxy that makes the connections and must check addresses itself.
        ca_bundle: file of trusted certificates; ``None`` = certifi.
        allow_http: fetch plain http too, which anybody on the way can forge.
        resolve: name and port to addresses; replaced in tests of names that change their address.
    """

    timeout: float = 5.0
    connect_timeout: float = 2.0
    allowed_ports: tuple[int, ...] | None = None
    allow_loopback: bool = False
    development_hosts: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    proxy: str | None = None
    ca_bundle: str | None = None
    user_agent: str = "flask-cimd"
    nat64: bool = False
    allow_http: bool = False
    resolve: Resolve | None = None


@dataclass(slots=True, kw_only=True)
class FetchLog:
    """What one fetch saw on its way: filled as it goes, so that a failed one still tells how far it came.

    Attributes:
        addresses: every address of the name, in the resolver's order.
        address: the one that was connected to.
        tls: protocol version of the connection.
        certificate_ends: end of the certificate's validity, as the certificate says it.
        headers: of the answer, with lower-case names.
        size: bytes of the body that were read.
    """

    addresses: tuple[str, ...] = ()
    address: str | None = None
    tls: str | None = None
    certificate_ends: str | None = None
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    size: int = 0


def look_up(host: str, port: int) -> list[str]:
    """Return every address of a name, in the resolver's order."""
    answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(answer[4][0]) for answer in answers))


def _request_target(url: str) -> str:
    """Return path and query character by character (RFC 9112 §3.2.1)."""
    _, _, rest = urldefrag(url).url.partition("://")
    start = min((rest.find(mark) for mark in "/?" if mark in rest), default=len(rest))
    return rest[start:] if rest[start:].startswith("/") else f"/{rest[start:]}"


class Trip:
    """One fetch under way: its deadline, its phase, what it asks for and the socket to cut when time is up."""

    def __init__(self, settings: FetchSettings, deadline: float, log: FetchLog | None = None) -> None:
        self.settings = settings
        self.log = log or FetchLog()
        self.phase: Phase = "resolve"
        self.target = "/"
        self.fired = False
        self._ends_at = time.monotonic() + deadline
        self._lock = Lock()
        self._socket: socket.socket | None = None
        self._timer = Timer(deadline, self._cut)
        self._timer.daemon = True

    def __enter__(self) -> Trip:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        with self._lock:
            if self._socket is not None:
                self._socket.close()
                self._socket = None

    def _cut(self) -> None:
        # A timeout on the socket starts anew with every byte; cutting the connection is the only total deadline.
        with self._lock:
            self.fired = True
            if self._socket is not None:
                with contextlib.suppress(OSError):
                    self._socket.shutdown(socket.SHUT_RDWR)

    def remaining(self) -> float:
        """Return the seconds left, or raise `DeadlineExceededError`."""
        left = self._ends_at - time.monotonic()
        if left <= 0 or self.fired:
            raise DeadlineExceededError("deadline", hint="the fetch took too long", phase=self.phase)
        return left

    def aim(self, url: str) -> None:
        """Say what is asked for next; a port that is not allowed is refused, since a proxy would connect to any."""
        parsed, allowed = WebURL.parse(url), self.settings.allowed_ports
        if allowed is not None and (parsed is None or parsed.effective_port not in allowed):
            raise AddressBlockedError("port-blocked", hint="the port is not allowed", phase="resolve")
        self.target = _request_target(url)

    def connect(self, host: str, port: int) -> socket.socket:
        """Resolve, vet every answer, and connect to the first vetted address that answers."""
        targets = self._targets(host.strip("[]").lower(), port)
        self.phase = "connect"
        for address, target_port in targets:
            timeout = min(self.settings.connect_timeout, self.remaining())
            try:
                connected = socket.create_connection((address, target_port), timeout=timeout)
            except OSError:
                continue
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.log.address = address
            self._watch(connected)
            connected.settimeout(self.remaining())
            self.phase = "tls"
            return connected
        self.remaining()
        raise FetchError("connection-failed", hint="no address of the host accepts connections", phase="connect")

    def _targets(self, host: str, port: int) -> list[tuple[str, int]]:
        if self.settings.proxy is not None:
            return [(address, port) for address in self._resolve(host, port)]
        if host in self.settings.development_hosts:
            return [self.settings.development_hosts[host]]
        addresses = self._resolve(host, port)
        loopback = self.settings.allow_loopback and host in LOOPBACK_HOSTS
        # One bad address refuses the host: a mixed answer is how a name is made to rebind.
        for address in addresses:
            if blocked_reason(address, allow_loopback=loopback, nat64=self.settings.nat64):
                raise AddressBlockedError("address-blocked", hint="the host has a special-use address", phase="resolve")
        return [(address, port) for address in addresses]

    def _resolve(self, host: str, port: int) -> list[str]:
        answer: Future[list[str]] = Future()
        if not LOOK_UPS.acquire(blocking=False):
            raise TooManyFetchesError("too-many-look-ups", hint="too many name look-ups are hanging", phase="resolve")
        Thread(target=self._resolve_into, args=(answer, host, port), daemon=True).start()
        try:
            addresses = answer.result(timeout=self.remaining())
        except TimeoutError as exc:
            raise DeadlineExceededError("deadline", hint="the name look-up took too long", phase="resolve") from exc
        except (OSError, UnicodeError) as exc:
            raise FetchError("name-not-found", hint="the host name does not resolve", phase="resolve") from exc
        if not addresses:
            raise FetchError("name-not-found", hint="the host name has no address", phase="resolve")
        self.log.addresses = tuple(addresses)
        return addresses

    def _resolve_into(self, answer: Future[list[str]], host: str, port: int) -> None:
        try:
            answer.set_result((self.settings.resolve or look_up)(host, port))
        except BaseException as exc:  # noqa: BLE001  belongs to the one who waits for it
            answer.set_exception(exc)
        finally:
            LOOK_UPS.release()

    def _watch(self, connected: socket.socket) -> None:
        """Keep a duplicate: TLS wrapping detaches the original, and a detached socket cannot be cut."""
        with self._lock:
            if self._socket is not None:  # of the hop before
                self._socket.close()
            self._socket = connected.dup()
        if self.fired:
            self._cut()


class _Lines:
    """Reads lines of a stream and remembers the last one."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream
        self.last = b"\n"

    def readline(self, limit: int = -1) -> bytes:
        self.last = self.stream.readline(limit)
        return self.last

    def close(self) -> None:
        self.stream.close()


class _FinalResponse(http.client.HTTPResponse):
    """Closes two gaps of the standard library.

    It skips 100 alone and takes 103 as final (RFC 9110 §15.2), and it takes the end of the stream for the end of
    the headers: cut there, an answer would lose its ``Link`` or ``Cache-Control`` and still look complete.
    """

    def begin(self) -> None:
        lines = _Lines(self.fp)
        self.fp = lines  # type: ignore[assignment]  # http.client reads heads by readline alone
        try:
            super().begin()
        finally:
            if self.fp is lines:  # type: ignore[comparison-overlap]
                self.fp = lines.stream
        if lines.last not in (b"\r\n", b"\n"):
            raise http.client.IncompleteRead(b"")

    def _read_status(self) -> tuple[int, int, str]:
        while True:
            version, status, reason = super()._read_status()  # type: ignore[misc]  # private in typeshed
            if not 100 <= status < 200 or status == 101:
                return version, status, reason
            http.client.parse_headers(self.fp)


class _Connection(HTTPSConnection):
    trip: Trip
    response_class = _FinalResponse

    def _new_conn(self) -> socket.socket:
        return self.trip.connect(self._dns_host, self.port or default_port("https"))

    def putrequest(self, method: str, url: str, *args: Any, **kwargs: Any) -> None:  # noqa: ARG002  urllib3 calls it so
        """Ask for the path as it is written: urllib3 folds its escapes, and would fetch another URL than is shown."""
        super().putrequest(method, self.trip.target, *args, **kwargs)

    def connect(self) -> None:
        super().connect()
        self.trip.phase = "response"
        if isinstance(self.sock, ssl.SSLSocket):
            certificate = self.sock.getpeercert() or {}
            self.trip.log.tls = self.sock.version()
            self.trip.log.certificate_ends = str(certificate.get("notAfter", "")) or None


class _TripPool(HTTPConnectionPool):
    """Tells each of its connections on which trip it is."""

    def __init__(self, *args: Any, trip: Trip, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._trip = trip

    def _new_conn(self) -> Any:
        connection: Any = super()._new_conn()
        connection.trip = self._trip
        return connection


class _Pool(_TripPool, HTTPSConnectionPool):
    ConnectionCls = _Connection


class _PlainConnection(HTTPConnection):
    trip: Trip
    response_class = _FinalResponse

    def _new_conn(self) -> socket.socket:
        return self.trip.connect(self._dns_host, self.port or 80)

    def connect(self) -> None:
        super().connect()
        self.trip.phase = "response"


class _PlainPool(_TripPool):
    ConnectionCls = _PlainConnection


class GuardedAdapter(HTTPAdapter):
    """Mounts guarded connections into a requests session, for one fetch."""

    def __init__(self, trip: Trip, context: ssl.SSLContext) -> None:
        self._trip = trip
        self._context = context
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Create the pool manager with our connections and our TLS context."""
        super().init_poolmanager(*args, ssl_context=self._context, **kwargs)
        self._guard(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        """Return the manager for the proxy, under the same deadline."""
        manager: Any = super().proxy_manager_for(proxy, ssl_context=self._context, **kwargs)
        self._guard(manager)
        return manager

    def _guard(self, manager: Any) -> None:
        manager.pool_classes_by_scheme = {
            "https": partial(_Pool, trip=self._trip),
            "http": partial(_PlainPool, trip=self._trip),
        }

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:  # noqa: ARG002  requests calls it so
        """Leave the trust anchors to the context: requests would add certifi's to those of the operator."""
        conn.cert_reqs = "CERT_REQUIRED"

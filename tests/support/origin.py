"""Real origins on loopback: a well-behaved TLS server, and sockets that behave as badly as a test wants."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from ipaddress import ip_network
from types import TracebackType
from typing import Any, Self

import trustme

from flask_cimd.core.addresses import blocked_reason, private_reason

from .requirements import need

Behaviour = Callable[[socket.socket, bytes], None]


def read_head(connection: socket.socket) -> bytes:
    """Return one request head, or what came before the peer went away."""
    head = b""
    while b"\r\n\r\n" not in head:
        chunk = connection.recv(4096)
        if not chunk:
            break
        head += chunk
    return head


class SocketOrigin:
    """Accepts connections on a free loopback port and hands each request to a behaviour.

    Attributes:
        requests: raw head of every request, in order.
        connections: how many TCP connections were accepted.
        stopping: set when the server ends; slow behaviours wait on it instead of sleeping.
    """

    def __init__(
        self,
        behave: Behaviour,
        context: ssl.SSLContext | None = None,
        family: int = socket.AF_INET,
        address: str | None = None,
    ) -> None:
        self._behave = behave
        self._context = context
        self._listener = socket.socket(family, socket.SOCK_STREAM)
        self._listener.bind((address or ("::1" if family == socket.AF_INET6 else "127.0.0.1"), 0))
        self._listener.listen(256)
        self.port: int = self._listener.getsockname()[1]
        self.requests: list[bytes] = []
        self.connections = 0
        self.stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._open: set[socket.socket] = set()

    def __enter__(self) -> Self:
        self._spawn(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stopping.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in tuple(self._open):  # a client may keep them open
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)

    def _spawn(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self.stopping.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._spawn(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            stack.callback(connection.close)
            connection.settimeout(20)
            # A duplicate, since TLS takes the socket itself over.
            copy = stack.enter_context(connection.dup())
            self._open.add(copy)
            stack.callback(self._open.discard, copy)
            if self._context is not None:
                connection = stack.enter_context(self._context.wrap_socket(connection, server_side=True))
            head = read_head(connection)
            if head:
                self.requests.append(head)
                self._behave(connection, head)
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_WR)


def own_private_address() -> str:
    """Return an address of this computer that is neither public nor loopback, or skip the test."""
    for family, far in ((socket.AF_INET, "10.255.255.255"), (socket.AF_INET6, "fd99::1")):
        with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((far, 9))
            address = str(probe.getsockname()[0])
            if blocked_reason(address) and private_reason(address, [ip_network(address)]) is None:
                return address
    need(False, "this computer has no private address")
    raise AssertionError


def server_context(ca: trustme.CA, *names: str) -> ssl.SSLContext:
    """Return a TLS server context with a certificate for these names."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert(*names).configure_cert(context)
    return context


class TLSOrigin(SocketOrigin):
    """A well-behaved https origin called ``localhost`` with fixed answers by path."""

    #: Header field that announces the end of the connection.
    CLOSES: tuple[str, ...] = ("Connection: close",)

    def __init__(self, ca: trustme.CA, *names: str, address: str | None = None) -> None:
        names = names or ("localhost", "127.0.0.1", "::1")
        family = socket.AF_INET6 if address and ":" in address else socket.AF_INET
        super().__init__(self._answer, server_context(ca, *names), family, address)
        self._answers: dict[str, tuple[int, Mapping[str, str], bytes]] = {}

    def url(self, path: str = "/") -> str:
        """Return the absolute URL of a path."""
        return f"https://localhost:{self.port}{path}"

    def serve(self, path: str, body: bytes, *, status: int = 200, headers: Mapping[str, str] | None = None) -> str:
        """Answer this path from now on, and return its URL."""
        self._answers[path] = (status, dict(headers or {}), body)
        return self.url(path)

    def forget(self, path: str) -> None:
        """Answer 404 from now on."""
        self._answers.pop(path, None)

    def count(self, path: str) -> int:
        """Return how often a path was asked for."""
        return sum(head.split(b" ", 2)[1].decode() == path for head in self.requests)

    def _answer(self, connection: socket.socket, head: bytes) -> None:
        path = head.split(b" ", 2)[1].decode("latin-1")
        status, headers, body = self._answers.get(path, (404, {"Content-Type": "text/plain"}, b"not here"))
        lines = [f"HTTP/1.1 {status} Status", f"Content-Length: {len(body)}", *self.CLOSES]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        connection.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)


def publish_document(
    origin: TLSOrigin, path: str = "/client.json", *, headers: Mapping[str, str] | None = None, **members: Any
) -> str:
    """Serve a client's JSON document and return its ``client_id``; a member that is ``None`` is left out."""
    url = origin.url(path)
    usual = {"client_id": url, "client_name": "App", "redirect_uris": [origin.url("/cb")]}
    document = {name: value for name, value in {**usual, **members}.items() if value is not None}
    headers = {"Content-Type": "application/json", **(headers or {})}
    return origin.serve(path, json.dumps(document).encode(), headers=headers)

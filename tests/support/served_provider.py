"""An app with a provider, served on a real socket, behind a TLS front that adds what proxies add."""

from __future__ import annotations

import contextlib
import logging
import re
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from werkzeug.serving import make_server

_OWN = re.compile(rb"\r\nX-Forwarded-[A-Za-z]+:[^\r]*", re.IGNORECASE)


@contextmanager
def served(app: Any) -> Iterator[int]:
    """Serve a WSGI app on a free loopback port, and yield the port."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()


class TLSProxy:
    """Ends TLS on a free loopback port and passes each request on with headers of its own.

    Attributes:
        headers: what it adds; ``{peer}`` is the visitor's address.
        strips: whether it takes off the ``X-Forwarded-…`` headers of visitors.
        host: the ``Host`` it sends; ``None`` passes the visitor's on.
        backend: port of the server behind it; 0 closes each connection.
    """

    def __init__(self, context: ssl.SSLContext) -> None:
        self.headers: dict[str, str] = {}
        self.strips = True
        self.host: str | None = None
        self.backend = 0
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)

    @property
    def origin(self) -> str:
        """The origin that visitors use."""
        return f"https://localhost:{self.port}"

    def __enter__(self) -> TLSProxy:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)

    def _accept(self) -> None:
        while True:
            try:
                connection, (peer, _) = self._listener.accept()
            except OSError:
                return
            with contextlib.suppress(OSError), connection:
                connection.settimeout(20)
                with self._context.wrap_socket(connection, server_side=True) as secure:
                    self._serve(secure, peer)

    def _serve(self, visitor: ssl.SSLSocket, peer: str) -> None:
        data = b""
        while b"\r\n\r\n" not in data:
            data += visitor.recv(65536)
        head, _, body = data.partition(b"\r\n\r\n")
        found = re.search(rb"\r\ncontent-length: *(\d+)", head, re.IGNORECASE)
        while found and len(body) < int(found[1]):
            body += visitor.recv(65536)
        with socket.create_connection(("127.0.0.1", self.backend), timeout=20) as server:
            server.sendall(self._rewritten(head, peer) + b"\r\n\r\n" + body)
            while chunk := server.recv(65536):
                visitor.sendall(chunk)

    def _rewritten(self, head: bytes, peer: str) -> bytes:
        if self.strips:
            head = _OWN.sub(b"", head)
        if self.host is not None:
            head = re.sub(rb"\r\nHost:[^\r]*", b"\r\nHost: " + self.host.encode(), head, flags=re.IGNORECASE)
        head = re.sub(rb"\r\nConnection:[^\r]*", b"", head, flags=re.IGNORECASE) + b"\r\nConnection: close"
        for name, value in self.headers.items():
            head += f"\r\n{name}: {value.format(peer=peer)}".encode()
        return head


def usual_headers(origin: str) -> dict[str, str]:
    """Return what a proxy that is set up well sends."""
    host = origin.partition("://")[2]
    return {"X-Forwarded-Proto": "https", "X-Forwarded-Host": host, "X-Forwarded-For": "{peer}"}

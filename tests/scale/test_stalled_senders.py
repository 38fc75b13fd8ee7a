"""A hundred senders that stall do not stop the site behind the shipped files of nginx and Caddy."""

from __future__ import annotations

import contextlib
import socket
import ssl
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import trustme

from tests.support.demo import free_ports
from tests.support.proxies import caddy, certify, need_program, nginx, running

HOST, STALLED = "me.example", 100


@contextmanager
def site(folder: Path, port: int) -> Iterator[None]:
    """Run the demo as in production, with one worker."""
    environment = {
        "DEMO_BASE_URL": f"https://{HOST}",
        "DEMO_PORT": str(port),
        "DEMO_DATABASE_URL": f"sqlite:///{folder}/site.db",
        "DEMO_OWNER_PASSWORD": "a password of the test",
        "DEMO_SECRET_KEY": "a key of the test",
        "DEMO_TRUSTED_PROXIES": "1",
        "WEB_CONCURRENCY": "1",
    }
    with running([sys.executable, "-m", "gunicorn", "demo:create_app()"], folder, **environment):
        yield


def connected(port: int, context: ssl.SSLContext) -> ssl.SSLSocket:
    return context.wrap_socket(socket.create_connection(("127.0.0.1", port), timeout=20), server_hostname=HOST)


def status(port: int, context: ssl.SSLContext) -> int:
    """Return the status of the site's health, asked for over a new connection; 0 without an answer."""
    with contextlib.suppress(OSError), connected(port, context) as connection:
        connection.sendall(f"GET /healthz HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode())
        line = connection.recv(4096).split(b"\r\n")[0]
        return int(line.split()[1]) if line else 0
    return 0


def wait_until_well(port: int, context: ssl.SSLContext) -> None:
    ends = time.monotonic() + 90
    while status(port, context) != 200:
        assert time.monotonic() < ends, "the site does not start"
        time.sleep(0.2)  # a server that starts says nothing


@pytest.mark.parametrize("proxy", [nginx, caddy])
def test_the_site_answers_beside_a_hundred_stalled_senders(proxy: object, tmp_path: Path, ca: trustme.CA) -> None:
    need_program(proxy.__name__)  # type: ignore[attr-defined]  # a function
    certify(tmp_path, ca, HOST)
    context = ssl.create_default_context()
    ca.configure_trust(context)
    port, backend = free_ports(), free_ports()
    with ExitStack() as stack:
        stack.enter_context(site(tmp_path, backend))
        stack.enter_context(running(proxy(tmp_path, HOST, port, backend), tmp_path))  # type: ignore[operator]  # a function
        wait_until_well(port, context)
        head = f"POST /token HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 1000\r\n"
        for number in range(STALLED):
            sender = stack.enter_context(connected(port, context))
            # Half of them stall in the head, half in the body.
            sender.sendall(f"{head}\r\ngrant_type=".encode() if number % 2 else head.encode())
        began = time.monotonic()
        assert [status(port, context) for _ in range(20)] == [200] * 20
        assert time.monotonic() - began < 8  # before the proxies give the senders up

"""A hundred senders that stall do not stop the site behind the shipped files of nginx and Caddy."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import trustme

from tests.support.demo import ROOT, free_ports
from tests.support.requirements import need

HOST, STALLED = "me.example", 100
#: Debian keeps nginx where only root looks.
_PATH = f"{os.environ['PATH']}:/usr/sbin"
_CADDY_OPTIONS = "{\n\tadmin off\n\tauto_https disable_redirects"


@contextmanager
def running(command: Sequence[str], folder: Path, **environment: str) -> Iterator[None]:
    given = {"PATH": _PATH, "HOME": str(folder), **environment}
    found = shutil.which(command[0], path=_PATH) or command[0]
    with (folder / "server.log").open("a") as log:
        process = subprocess.Popen([found, *command[1:]], cwd=ROOT, env=given, stdout=log, stderr=log)
        try:
            yield
        finally:
            process.send_signal(signal.SIGQUIT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()
            process.wait(10)


def nginx(folder: Path, port: int, backend: int) -> list[str]:
    """Return the command that runs nginx with the shipped file, at other ports and with a certificate of the test."""
    text = (ROOT / "deploy/nginx.conf").read_text()
    text = text[: text.index("server {\n    listen 80;")]
    text = text.replace("listen 443", f"listen 127.0.0.1:{port}").replace("127.0.0.1:5000", f"127.0.0.1:{backend}")
    text = text.replace(f"/etc/letsencrypt/live/{HOST}/", f"{folder}/")
    paths = "".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"pid {folder}/pid; error_log stderr; daemon off; events {{}} http {{ access_log off; {paths}\n{text}}}"
    )
    return ["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")]


def caddy(folder: Path, port: int, backend: int) -> list[str]:
    """Return the command that runs Caddy with the shipped file, at other ports and with a certificate of the test."""
    text = (ROOT / "deploy/Caddyfile").read_text().replace("\n{\n", f"\n{_CADDY_OPTIONS}\n", 1)
    certificate = f"\ttls {folder}/fullchain.pem {folder}/privkey.pem\n\tbind 127.0.0.1"
    text = text.replace(f"\n{HOST} {{", f"\nhttps://{HOST}:{port} {{\n{certificate}")
    (folder / "Caddyfile").write_text(text.replace("127.0.0.1:5000", f"127.0.0.1:{backend}"))
    return ["caddy", "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]


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
    name = proxy.__name__  # type: ignore[attr-defined]  # a function
    need(shutil.which(name, path=_PATH) is not None, f"{name} is not installed")
    certificate = ca.issue_cert(HOST)
    certificate.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "fullchain.pem"))
    certificate.private_key_pem.write_to_path(str(tmp_path / "privkey.pem"))
    context = ssl.create_default_context()
    ca.configure_trust(context)
    port, backend = free_ports(), free_ports()
    with ExitStack() as stack:
        stack.enter_context(site(tmp_path, backend))
        stack.enter_context(running(proxy(tmp_path, port, backend), tmp_path))  # type: ignore[operator]  # a function
        wait_until_well(port, context)
        head = f"POST /token HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 1000\r\n"
        for number in range(STALLED):
            sender = stack.enter_context(connected(port, context))
            # Half of them stall in the head, half in the body.
            sender.sendall(f"{head}\r\ngrant_type=".encode() if number % 2 else head.encode())
        began = time.monotonic()
        assert [status(port, context) for _ in range(20)] == [200] * 20
        assert time.monotonic() - began < 8  # before the proxies give the senders up

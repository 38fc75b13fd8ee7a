"""The programs of ``examples/`` as people run them: one command each, at a free port of this computer."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import requests
from requests.adapters import HTTPAdapter
from urllib3 import Retry
from urllib3.exceptions import InsecureRequestWarning

from .browser import Browser
from .demo import ROOT, free_ports, inherited_environment

EXAMPLES = ROOT / "examples"
#: Rounds of about two seconds that a program may take to listen.
_MOST_ROUNDS = 45


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningExample:
    """An example that runs as a process, and its person, whose password is ``secret``.

    Attributes:
        environment: what programs beside it need to know; ``CIMD_CA_BUNDLE`` names the trusted certificates.
    """

    base_url: str
    environment: Mapping[str, str] = field(default_factory=dict)

    def browser(self) -> Browser:
        """Return a fresh browser."""
        return Browser(self.base_url)

    def owner(self) -> Browser:
        """Return a fresh browser, logged in."""
        browser = self.browser()
        answer = browser.post("/login?next=/authorize/none", {"password": "secret"})
        assert answer.headers["Location"] == "/authorize/none", answer.text
        return browser


@contextmanager
def running_minimal(folder: Path, ca_bundle: Path, **config: str) -> Iterator[RunningExample]:
    """Run ``examples/minimal.py`` at a free port until the block ends; keywords are settings of its app."""
    port = free_ports()
    given = {
        "ISSUER": f"http://127.0.0.1:{port}",
        "SQLALCHEMY_DATABASE_URI": f"sqlite:///{folder}/minimal.db",
        "CIMD_CA_BUNDLE": str(ca_bundle),
        **config,
    }
    arguments = ", ".join(f"{name}={value!r}" for name, value in given.items())
    with running_flask(f"minimal.py:create_app({arguments})", port, folder) as base_url:
        yield RunningExample(base_url=base_url, environment=given)


@contextmanager
def running_mcp_server(folder: Path, ca_bundle: Path) -> Iterator[tuple[RunningExample, str]]:
    """Run ``examples/mcp_server`` until the block ends, and yield its provider and the address of its tools."""
    ports = free_ports(), free_ports()
    given = {
        "ISSUER": f"http://127.0.0.1:{ports[0]}",
        "MCP_URL": f"http://127.0.0.1:{ports[1]}/mcp",
        "SQLALCHEMY_DATABASE_URI": f"sqlite:///{folder}/mcp.db",
        "CIMD_CA_BUNDLE": str(ca_bundle),
    }
    with running([sys.executable, EXAMPLES / "mcp_server"], given["MCP_URL"], folder, **given):
        yield RunningExample(base_url=given["ISSUER"], environment=given), given["MCP_URL"]


@contextmanager
def running_flask(app: str, port: int, folder: Path, *options: str, **environment: str) -> Iterator[str]:
    """Run ``flask --app APP run`` until the block ends, and yield its address.

    Args:
        app: file below ``examples``, and a factory with its arguments if it has one: ``minimal.py:create_app()``.
        port: on 127.0.0.1.
        folder: for the log.
        options: of ``flask run``; with ``--cert`` it speaks TLS.
        environment: further variables.
    """
    command = [sys.executable, "-m", "flask", "--app", f"{EXAMPLES}/{app}", "run", "--port", str(port), *options]
    address = f"{'https' if '--cert' in options else 'http'}://127.0.0.1:{port}"
    with running(command, f"{address}/", folder, **environment):
        yield address


@contextmanager
def running(command: Sequence[str | Path], address: str, folder: Path, **environment: str) -> Iterator[None]:
    """Run a server until the block ends; the block begins when ``address`` answers."""
    log = folder / "example.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            command, cwd=folder, env=inherited_environment() | environment, stdout=output, stderr=output
        )
        try:
            _wait_until_it_answers(process, address, log)
            yield
        finally:
            process.terminate()
            process.wait(20)


def _wait_until_it_answers(process: subprocess.Popen[bytes], address: str, log: Path) -> None:
    """Repeat the connection until the listening socket is there, or the program has ended."""
    with requests.Session() as session, warnings.catch_warnings():
        warnings.simplefilter("ignore", InsecureRequestWarning)
        session.trust_env = False
        session.verify = False  # only whether it answers counts here
        session.mount(address, HTTPAdapter(max_retries=Retry(total=10, backoff_factor=0.1, backoff_max=0.2)))
        for _ in range(_MOST_ROUNDS):
            with contextlib.suppress(requests.ConnectionError):
                session.get(address, timeout=30, allow_redirects=False)
                return
            if process.poll() is not None:
                break
    raise AssertionError(f"the program does not start: {log.read_text()[-4000:]}")


@contextmanager
def minimal_under_gunicorn(folder: Path, *options: str, **config: object) -> Iterator[int]:
    """Run ``examples/minimal.py`` behind gunicorn until the block ends, and yield its port.

    Args:
        folder: for the log.
        options: of gunicorn.
        config: settings of the app.
    """
    port = free_ports()
    arguments = ", ".join(f"{name}={value!r}" for name, value in config.items())
    command = [sys.executable, "-m", "gunicorn", "-c", "/dev/null", "-k", "gthread", "--threads", "4", *options]
    command += ["--bind", f"127.0.0.1:{port}", "--chdir", str(EXAMPLES), f"minimal:create_app({arguments})"]
    with running(command, f"http://127.0.0.1:{port}/", folder):
        yield port

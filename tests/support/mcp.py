"""The demo's MCP endpoint for tests: a process of its own beside a running demo, let in by the command line."""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import requests

from .demo import ROOT, RunningDemo, free_ports, inherited_environment, running_demo
from .requirements import need
from .tls_front import tls_front


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningNotes:
    """A site and its MCP endpoint, each a process."""

    demo: RunningDemo
    url: str

    def call(self, secret: str | None, method: str = "tools/list", **params: Any) -> requests.Response:
        """Send one JSON-RPC message, as a client does that keeps no session."""
        message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        return self.post(secret, json.dumps(message).encode())

    def post(self, secret: str | None, body: bytes, query: str = "") -> requests.Response:
        """Send any body."""
        headers = {
            "Accept": "application/json, text/event-stream",
            "Content-Type": "application/json",
            "MCP-Protocol-Version": "2025-11-25",
        }
        if secret is not None:
            headers["Authorization"] = f"Bearer {secret}"
        with requests.Session() as session:
            session.trust_env = False
            session.verify = self.demo.environment.get("CIMD_CA_BUNDLE", True)
            return session.post(self.url + query, data=body, headers=headers, timeout=30)

    def tool(self, secret: str | None, name: str, **arguments: Any) -> requests.Response:
        """Call a tool."""
        return self.call(secret, "tools/call", name=name, arguments=arguments)


@contextmanager
def running_notes(folder: Path, **environment: str) -> Iterator[RunningNotes]:
    """Run a demo and its MCP endpoint at free ports until the block ends."""
    url = f"http://127.0.0.1:{free_ports()}/mcp"
    with _running(folder, url, environment) as running:
        yield running


@contextmanager
def running_tls_notes(folder: Path, context: ssl.SSLContext, **environment: str) -> Iterator[RunningNotes]:
    """Run the same with https addresses on ``localhost``, behind proxies that end TLS."""
    site, outside, inside, notes = (free_ports() for _ in range(4))
    given = {"DEMO_PORT": str(inside), "DEMO_BASE_URL": f"https://localhost:{outside}", "DEMO_MCP_PORT": str(notes)}
    with (
        tls_front(context, outside, inside),
        tls_front(context, site, notes),
        _running(folder, f"https://localhost:{site}/mcp", {**given, **environment}) as running,
    ):
        yield running


@contextmanager
def _running(folder: Path, url: str, environment: Mapping[str, str]) -> Iterator[RunningNotes]:
    need(find_spec("mcp"), "the extra mcp is not installed")
    with running_demo(folder, DEMO_MCP_URL=url, **environment) as demo:
        server_id, secret = let_in(demo, "Notes", url)
        given = {**demo.environment, "DEMO_MCP_ID": server_id, "DEMO_MCP_SECRET": secret}
        with _endpoint(inherited_environment() | given):
            yield RunningNotes(demo=demo, url=url)


def let_in(demo: RunningDemo, name: str, url: str) -> tuple[str, str]:
    """Let a resource server in by the command line, and return its id and secret."""
    done = subprocess.run(
        [sys.executable, "-m", "flask", "--app", "demo", "resource-server", "add", name, url],
        cwd=ROOT,
        env=inherited_environment() | demo.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    printed = dict(line.split("=", 1) for line in done.stdout.split())
    return printed["id"], printed["secret"]


@contextmanager
def _endpoint(environment: Mapping[str, str]) -> Iterator[None]:
    command = [sys.executable, "-m", "flask_cimd_site.site.mcp"]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline(), "the MCP endpoint does not start"
            yield
        finally:
            process.kill()

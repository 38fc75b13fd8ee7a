"""The MCP endpoint as a second process next to the site, for ``python -m demo``."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec

from flask import Flask

from flask_cimd_site.provider import resource_servers
from flask_cimd_site.services import services

#: Port of the endpoint minus port of the site: above those of the sample apps, below that of their documents.
PORT_OFFSET = 8


def is_installed() -> bool:
    """Return whether the extra ``mcp`` is installed."""
    return find_spec("mcp") is not None


def usual_url(port: int) -> str:
    """Return the URL of the endpoint in development, for a site on this port."""
    return f"http://127.0.0.1:{port + PORT_OFFSET}/mcp"


@contextmanager
def running_mcp(app: Flask, environment: Mapping[str, str]) -> Iterator[None]:
    """Run the endpoint during the block, with introspection credentials that are removed afterwards."""
    with app.app_context():
        url = services().configuration.mcp_url or ""
        server, secret = resource_servers.let_in("Your notes", url)
    given = {**environment, "DEMO_MCP_URL": url, "DEMO_MCP_ID": server.id, "DEMO_MCP_SECRET": secret}
    process = subprocess.Popen([sys.executable, "-m", "flask_cimd_site.site.mcp"], env=given, stdout=subprocess.PIPE)
    try:
        with process:
            if process.stdout is None or not process.stdout.readline():
                raise OSError(f"the MCP endpoint did not start at {url}")
            try:
                yield
            finally:  # Ctrl-C arrives here as an exception; the outer block waits for the process
                process.terminate()
    finally:
        process.kill()
        with app.app_context():
            resource_servers.turn_away(server.id)

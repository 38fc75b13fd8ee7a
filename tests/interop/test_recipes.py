"""The recipes of ``docs/recipes`` do what they say, in an environment of their own."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
import trustme
from urllib3 import Retry

from tests.support.demo import ROOT, RunningDemo, free_ports, running_demo
from tests.support.mcp import let_in
from tests.support.origin import TLSOrigin, publish_document
from tests.support.person import Person
from tests.support.proves import proves
from tests.support.python_env import python_env, running_python

RECIPE = ROOT / "docs" / "recipes" / "fastmcp.md"
CLIENT = Path(__file__).parent / "mcp_python" / "sdk_client.py"


@pytest.fixture
def demo(tmp_path: Path, ca_bundle: Path) -> Iterator[RunningDemo]:
    with running_demo(tmp_path, CIMD_CA_BUNDLE=str(ca_bundle)) as running:
        yield running


@contextmanager
def _recipe(demo: RunningDemo, folder: Path, url: str, port: int) -> Iterator[None]:
    """Run the recipe's server until the block ends."""
    code = re.findall(r"```python\n(.*?)```", RECIPE.read_text(), re.DOTALL)
    script = folder / "server.py"
    script.write_text("\n".join(code))
    server_id, secret = let_in(demo, "Team tools", url)
    given = {
        "ISSUER": demo.base_url,
        "MCP_URL": url,
        "RESOURCE_SERVER_ID": server_id,
        "RESOURCE_SERVER_SECRET": secret,
        "PORT": str(port),
    }
    command = [python_env("fastmcp"), script]
    with subprocess.Popen(command, cwd=folder, env={**os.environ, **given}) as process:
        try:
            session = requests.Session()
            session.mount(
                "http://",
                requests.adapters.HTTPAdapter(max_retries=Retry(total=60, backoff_factor=0.05, backoff_max=1)),
            )
            assert session.get(url, timeout=10).status_code == 401
            yield
        finally:
            process.kill()


@proves("M-01", "M-04", "M-10", "M-22")
def test_existing_fastmcp_server_lets_in_whom_the_site_knows(demo: RunningDemo, ca: trustme.CA, tmp_path: Path) -> None:
    port = free_ports()
    url = f"http://127.0.0.1:{port}/mcp"
    redirect_uri = f"http://localhost:{free_ports()}/callback"
    trusted = {"SSL_CERT_FILE": demo.environment["CIMD_CA_BUNDLE"]}
    with _recipe(demo, tmp_path, url, port), TLSOrigin(ca) as origin:
        client_id = publish_document(
            origin, redirect_uris=["http://localhost/callback"], grant_types=["authorization_code", "refresh_token"]
        )
        python = python_env("mcp-2")
        with running_python(python, CLIENT, url, client_id, redirect_uri, environment=trusted) as program:
            person = Person(demo.owner(), program)
            person.connect()
            assert (person.asked[0]["resource"], person.asked[0]["scope"]) == (url, "profile")
            assert person.do(call="add", arguments={"first": 20, "second": 22})["text"] == ["42"]
            held = person.do(tokens=True)
            foreign = demo.owner().tokens(client_id, redirect_uri, scope="profile")["access_token"]
            for secret, is_refused in ((held["access_token"], False), (foreign, True)):
                answer = requests.get(url, headers={"Authorization": f"Bearer {secret}"}, timeout=10)
                assert (answer.status_code == 401) is is_refused

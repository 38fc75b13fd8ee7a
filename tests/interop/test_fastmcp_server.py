"""Our client at a FastMCP server with a provider of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import requests
import trustme
from requests.adapters import HTTPAdapter
from urllib3 import Retry

from tests.interop.client_half import client_app
from tests.support.demo import free_ports
from tests.support.python_env import python_env, running_python
from tests.support.walker import Walker

SERVER = Path(__file__).parent / "mcp_python" / "fastmcp_server.py"
HEADERS = {"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2025-06-18"}


def refused_call(url: str) -> requests.Response:
    """Call without a token, as soon as the server answers."""
    with requests.Session() as http:
        http.trust_env = False
        http.mount("http://", HTTPAdapter(max_retries=Retry(total=60, backoff_factor=0.1, backoff_max=0.5)))
        return http.post(url, json=message("tools/list"), headers=HEADERS, timeout=10)


def message(method: str, **parameters: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}


def test_our_client_signs_in_calls_and_refreshes(ca: trustme.CA, ca_bundle: Path, tmp_path: Path) -> None:
    python = python_env("fastmcp")
    trust = {"SSL_CERT_FILE": str(ca_bundle)}
    with (
        running_python(python, SERVER, str(free_ports()), environment=trust) as program,
        client_app(ca, ca_bundle, tmp_path, scope="read") as client,
    ):
        url = program.receive()["url"]
        challenge = refused_call(url).headers["WWW-Authenticate"]
        server = client.discover(url, challenge=challenge)
        assert (server.found_by, server.resource) == ("resource", url)
        assert client.discover(url).issuer == server.issuer
        session = client.session(server, scope="read")
        started, remembered = session.begin()
        token = session.finish(remembered, Walker(str(ca_bundle), {}).walk(started, client.members["redirect_uris"][0]))
        call = message("tools/call", name="greet", arguments={"name": "you"})
        answer = session.post(url, json=call, headers=HEADERS).json()
        assert answer["result"]["content"][0]["text"] == "Hello you"
        again = client.session(server, token=token)
        assert again.refresh_token()["access_token"] != token["access_token"]
        assert again.post(url, json=call, headers=HEADERS).status_code == 200
        # The MCP SDK behind it demands a client_secret here, which no client with a URL has.
        refused = again.revoke_token()
        assert (refused.status_code, "client_secret" in refused.json()["error_description"]) == (400, True)

"""``examples/mcp_server``: MCP clients of PyPI and npm sign in, refresh and step up at its provider (RFC 9728)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.interop.test_mcp_node import run_conformance_suite
from tests.interop.test_mcp_python import SCRIPTS
from tests.support.browser import publish_client
from tests.support.demo import free_ports
from tests.support.examples import RunningExample, running_mcp_server
from tests.support.node import running_node
from tests.support.origin import TLSOrigin
from tests.support.person import Person
from tests.support.python_env import python_env, running_python


@pytest.fixture(scope="module")
def example(ca_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningExample, str]]:
    with running_mcp_server(tmp_path_factory.mktemp("mcp"), ca_bundle) as running:
        yield running


@pytest.fixture
def redirect_uri() -> str:
    return f"http://localhost:{free_ports()}/callback"


def test_a_stranger_is_told_where_to_sign_in(example: tuple[RunningExample, str]) -> None:
    provider, url = example
    answer = requests.post(url, json={}, timeout=10)
    document = url.replace("/mcp", "/.well-known/oauth-protected-resource/mcp")
    assert answer.status_code == 401
    assert f'resource_metadata="{document}"' in answer.headers["WWW-Authenticate"]
    assert requests.get(document, timeout=10).json()["authorization_servers"] == [provider.base_url]


def test_the_official_client_of_pypi_signs_in_calls_refreshes_and_steps_up(
    example: tuple[RunningExample, str], origin: TLSOrigin, redirect_uri: str
) -> None:
    provider, url = example
    client_id = publish_client(origin, redirect_uris=["http://localhost/callback"])
    trust = {"SSL_CERT_FILE": provider.environment["CIMD_CA_BUNDLE"]}
    arguments = (url, client_id, redirect_uri)
    python = python_env("mcp-2")
    with running_python(python, SCRIPTS / "sdk_client.py", *arguments, environment=trust) as program:
        person = Person(provider.owner(), program)
        person.connect()
        assert (person.asked[0]["resource"], person.asked[0]["scope"]) == (url, "notes:read")
        assert person.do(call="list_notes")["text"] == []
        first = person.do(tokens=True)
        person.do(expire=True)
        person.do(call="list_notes")
        assert person.do(tokens=True)["access_token"] != first["access_token"]
        assert len(person.asked) == 1, "a refresh asks nobody"
        assert person.do(call="write_note", arguments={"text": "Hello"})["text"] == ["Hello"]
        assert set(person.asked[1]["scope"].split()) == {"notes:read", "notes:write"}
        assert person.do(call="list_notes")["text"] == ["Hello"]
        bearer = {"Authorization": f"Bearer {person.do(tokens=True)['access_token']}"}
        for body in (b"{", b"[]", b'{"method": "tools/call", "method": "ping"}'):
            assert requests.post(url, body, headers=bearer, timeout=10).status_code == 400


@pytest.mark.parametrize("script", ["oauth4webapi.mjs", "openid_client.mjs"])
def test_a_strict_client_of_npm_finds_nothing_wrong(
    example: tuple[RunningExample, str], origin: TLSOrigin, redirect_uri: str, script: str
) -> None:
    provider, url = example
    client_id = publish_client(origin, redirect_uris=["http://localhost/callback"])
    trust = {"NODE_EXTRA_CA_CERTS": provider.environment["CIMD_CA_BUNDLE"]}
    arguments = (url, client_id, redirect_uri, provider.base_url)
    with running_node("mcp_node", script, *arguments, environment=trust) as program:
        found = Person(provider.owner(), program).wait()
    assert (found["status"], found["scope"], found["rotated"]) == (200, "notes:read", True)


def test_the_conformance_suite_for_authorization_servers_passes(
    example: tuple[RunningExample, str], origin: TLSOrigin
) -> None:
    provider, url = example
    client_id = publish_client(origin, redirect_uris=["http://localhost/callback", "http://127.0.0.1/callback"])
    output = run_conformance_suite(provider, url, client_id)
    assert "Total: 3 passed, 0 failed" in output
    assert "FAILURE" not in output
    assert "WARNING" not in output

"""OAuth clients as npm and PyPI have them, with their defaults, at the demo and at ``examples/minimal.py``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from tests.support.browser import REDIRECT
from tests.support.demo import RunningDemo, free_ports
from tests.support.examples import RunningExample, running_minimal
from tests.support.mcp import RunningNotes
from tests.support.node import running_node
from tests.support.origin import TLSOrigin, publish_document
from tests.support.person import Person
from tests.support.proves import proves
from tests.support.python_env import python_env, running_python

SCRIPT = Path(__file__).parent / "stock_python" / "clients.py"
NODE = ["openid-client", "passport-oauth2", "simple-oauth2", "oidc-client-ts", "@openid/appauth", "@auth/core"]
PYTHON = ["httpx-oauth", "requests-oauthlib"]


@pytest.fixture(scope="module")
def app_id(ca: trustme.CA) -> Iterator[str]:
    """Publish a document with the redirect URIs of all these clients."""
    with TLSOrigin(ca) as origin:
        yield publish_document(
            origin,
            redirect_uris=[REDIRECT, "http://127.0.0.1:7777/auth/callback/site", "http://localhost/oauth/callback"],
            grant_types=["authorization_code", "refresh_token"],
        )


@pytest.fixture(scope="module")
def minimal(ca_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningExample]:
    with running_minimal(tmp_path_factory.mktemp("minimal"), ca_bundle) as running:
        yield running


@pytest.fixture(params=["demo", "minimal"])
def server(request: pytest.FixtureRequest) -> RunningDemo | RunningExample:
    """Return a running provider: the whole site, or the thirty lines."""
    found: RunningDemo | RunningExample = request.getfixturevalue(
        {"demo": "running_site", "minimal": "minimal"}[request.param]
    )
    return found


@proves("O-04", "O-52")
@pytest.mark.parametrize("name", NODE)
def test_a_client_from_npm_signs_in_and_learns_who_it_is(
    server: RunningDemo | RunningExample, app_id: str, name: str
) -> None:
    with running_node("stock_node", "clients.mjs", name, server.base_url, app_id, REDIRECT) as program:
        found = Person(server.owner(), program).wait()
    assert "failed" not in found, found
    assert found["sub"] == server.base_url + "/"
    assert found["renewed"] is not False
    assert found.get("ended") in (None, "invalid_token")


@pytest.fixture(scope="session")
def python() -> Path:
    return python_env("stock")


@proves("O-63")
@pytest.mark.parametrize("name", PYTHON)
def test_a_client_from_pypi_signs_in_and_refreshes(
    server: RunningDemo | RunningExample, app_id: str, python: Path, name: str
) -> None:
    # OAuthlib refuses a token with less than the scope that it asked for; the example knows no e-mail address.
    scope = ["profile"] if isinstance(server, RunningExample) else ["profile", "email"]
    with running_python(python, SCRIPT, name, server.base_url, app_id, REDIRECT, *scope) as program:
        found = Person(server.owner(), program).wait()
    assert found == {"sub": server.base_url + "/", "renewed": True}


@proves("M-22", "M-46")
def test_mcp_remote_bridges_a_desktop_app_to_the_notes(notes: RunningNotes, app_id: str, tmp_path: Path) -> None:
    trusted = {"NODE_EXTRA_CA_CERTS": notes.demo.environment["CIMD_CA_BUNDLE"]}
    arguments = (notes.url, app_id, str(free_ports()), str(tmp_path))
    with running_node("stock_node", "mcp_remote.mjs", *arguments, environment=trusted) as program:
        person = Person(notes.demo.owner(), program, follows=True)
        person.connect()
        assert person.asked[0]["client_id"] == app_id
        assert person.asked[0]["resource"] == notes.url
        assert person.do(call="list_notes")["error"] is None

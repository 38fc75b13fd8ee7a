"""The owner's command for other people's resource servers, and what consent says about them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import requests

from tests.support.browser import REDIRECT, Browser, SignIn, Site, publish_client, soup
from tests.support.origin import TLSOrigin
from tests.support.proves import proves

NOTES = "https://notes.example/api"
MCP = "https://notes.example/mcp"
MakeSite = Callable[..., Site]


@pytest.fixture
def place(make_site: MakeSite) -> Site:
    """Return a site that offers its notes to MCP clients."""
    return make_site(DEMO_MCP_URL=MCP)


@pytest.fixture
def client_id(origin: TLSOrigin) -> str:
    return publish_client(origin)


def ask(browser: Browser, token: str, *, auth: Any = None) -> requests.Response:
    return browser.post("/introspect", {"token": token}, auth=auth)


def test_an_added_resource_server_introspects_the_tokens_for_its_url(origin: Any, any_site: Site) -> None:
    credentials = add_resource_server(any_site, NOTES)
    owner, client_id = any_site.owner(), publish_client(origin)
    token = owner.tokens(client_id, REDIRECT, scope="profile", resource=NOTES)["access_token"]
    assert ask(any_site.browser(), token, auth=credentials).json()["aud"] == NOTES


def add_resource_server(site: Site, resource: str, name: str = "Notes") -> tuple[str, str]:
    result = site.app.test_cli_runner().invoke(args=["resource-server", "add", name, resource])
    assert result.exit_code == 0, result.output
    first, second = result.output.splitlines()
    assert first.startswith("id=")
    assert second.startswith("secret=")
    assert not first.removeprefix("id=").startswith(("https:", "http:"))
    return first.removeprefix("id="), second.removeprefix("secret=")


def test_a_removed_resource_server_is_a_stranger_and_its_url_no_target(origin: Any, site: Site) -> None:
    credentials = add_resource_server(site, NOTES)
    runner = site.app.test_cli_runner()
    assert NOTES in runner.invoke(args=["resource-server", "list"]).output
    assert runner.invoke(args=["resource-server", "remove", credentials[0]]).exit_code == 0
    assert runner.invoke(args=["resource-server", "remove", credentials[0]]).exit_code == 2
    assert ask(site.browser(), "t", auth=credentials).status_code == 401
    sign_in, _ = site.owner().code(publish_client(origin))
    answer = site.owner().get("/authorize", params={**sign_in.parameters, "resource": NOTES})
    assert "error=invalid_target" in answer.headers["Location"]


@pytest.mark.parametrize("url", ["notes", "http://notes.example/", "https://notes.example/#x", "ftp://notes.example/"])
def test_only_a_protected_url_can_be_a_resource(site: Site, url: str) -> None:
    result = site.app.test_cli_runner().invoke(args=["resource-server", "add", "Notes", url])
    assert result.exit_code == 2
    assert "RESOURCE_URL" in result.output


@proves("M-83")
def test_consent_says_for_which_place_access_is_asked(place: Site, client_id: str) -> None:
    page = place.owner().authorize(SignIn.begin(client_id, resource=MCP, scope="notes:write"))
    text = soup(page).get_text(" ", strip=True)
    assert f"It asks for access to Your notes only, at {MCP} ." in text
    assert "Write, change and delete your notes" in text


@proves("M-03", "M-04")
def test_endpoint_of_another_process_on_this_host_is_described_here(make_site: MakeSite) -> None:
    site = make_site(DEMO_MCP_URL="http://127.0.0.1:5000/mcp")
    found = site.browser().get("/.well-known/oauth-protected-resource/mcp").json()
    assert found["resource"] == "http://127.0.0.1:5000/mcp"
    assert found["scopes_supported"] == ["notes:read", "notes:write"]
    assert "dpop_signing_alg_values_supported" not in found

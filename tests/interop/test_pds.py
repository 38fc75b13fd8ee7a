"""Our client at the reference server of the AT Protocol: @atproto/pds from npm, with a directory of did:plc."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
import requests

from flask_cimd.fetch.fetcher import FetchSettings
from flask_cimd.publish import PublishedClient, SessionEndedError
from tests.support.chromium import chromium
from tests.support.demo import free_ports
from tests.support.node import running_node

REDIRECT = "http://127.0.0.1:7779/callback"
HANDLE = "alice.test"


@pytest.fixture(scope="module")
def pds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Run the server with one account."""
    port = free_ports((0, 1))
    arguments = (str(port), str(port + 1), str(tmp_path_factory.mktemp("pds")))
    with running_node("pds_node", "server.mjs", *arguments, patience=300) as server:
        yield server.receive()


@pytest.fixture
def client(pds: dict[str, str]) -> PublishedClient:
    """Return the developers' client, about which nothing is published."""
    parameters = {"redirect_uri": REDIRECT, "scope": "atproto"}

    def resolve(handle: str) -> list[str]:
        url = f"{pds['origin']}/xrpc/com.atproto.identity.resolveHandle"
        answer = requests.get(url, params={"handle": handle}, timeout=10)
        return [answer.json()["did"]] if answer.ok else []

    return PublishedClient(
        client_id=f"http://localhost?{urlencode(parameters)}",
        members={"redirect_uris": [REDIRECT]},
        fetch=FetchSettings(allow_loopback=True),
        plc_directory=pds["directory"],
        resolve_handle=resolve,
    )


def approve(url: str) -> str:
    """Sign in and approve on the server's own pages, and return where the browser is sent."""
    with chromium() as browser:
        page = browser.new_page()
        page.goto(url)
        page.get_by_role("button", name="Sign in").first.wait_for(timeout=30000)
        if not page.locator("input[name=password]").count():  # it does not know yet whose account it is
            page.get_by_role("button", name="Sign in").first.click()
        page.locator("input[name=password]").wait_for(timeout=30000)
        username = page.locator("input[name=username]")
        if username.is_editable():
            username.fill(HANDLE)
        page.locator("input[name=password]").fill("correct horse")
        page.get_by_role("button", name="Sign in").last.click()
        allow = page.get_by_role("button", name="Authorize")
        allow.wait_for(timeout=30000)
        # Nothing listens there: the request alone counts.
        with page.expect_request(lambda request: request.url.startswith(REDIRECT), timeout=30000) as sent:
            allow.click()
        return str(sent.value.url)


@pytest.mark.parametrize("entered", ["did", HANDLE, "server"])
def test_our_client_signs_in_calls_refreshes_and_revokes(
    pds: dict[str, str], client: PublishedClient, entered: str
) -> None:
    server = client.discover({"did": pds["did"], "server": pds["origin"]}.get(entered, entered))
    assert server.issuer == pds["origin"]
    session: Any = client.session(server, scope="atproto", dpop=True)
    url, remembered = session.begin()
    assert "request_uri=" in url
    token = session.finish(remembered, approve(url))
    assert (token["sub"], token["token_type"]) == (pds["did"], "DPoP")
    assert token["handle"] == HANDLE
    who = f"{pds['origin']}/xrpc/com.atproto.server.getSession"
    assert session.get(who).json()["did"] == pds["did"]
    again: Any = client.session(server, token=token)
    renewed = again.refresh_token()
    assert renewed["refresh_token"] != token["refresh_token"]
    assert again.get(who).json()["handle"] == HANDLE
    again.revoke_token()
    with pytest.raises(SessionEndedError):
        again.refresh_token()

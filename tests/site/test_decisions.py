"""Decisions on the site's consent page: whose they are, and for how long they are awaited."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.support.browser import SignIn, Site, publish_client, soup, warnings_on
from tests.support.origin import TLSOrigin
from tests.support.proves import proves

MCP = "https://notes.example/mcp"


@proves("C-117", "O-18")
def test_a_decision_belongs_to_the_session_that_was_asked(origin: Any, site: Site) -> None:
    asked, other = site.owner(), site.owner()
    page = asked.authorize(SignIn.begin(publish_client(origin)))
    own = other.authorize(SignIn.begin(publish_client(origin)))
    transaction = own.text.split('name="transaction" value="')[1].split('"')[0]
    assert asked.press(page, "Approve", transaction=transaction).status_code == 400
    assert other.press(own, "Approve").status_code == 303


def test_a_decision_waits_for_ten_minutes(origin: Any, site: Site) -> None:
    owner = site.owner()
    page = owner.authorize(SignIn.begin(publish_client(origin)))
    site.clock.forward(minutes=10)
    answer = owner.press(page, "Approve")
    assert answer.status_code == 400
    assert "Location" not in answer.headers


@proves("M-80", "M-81", "M-82")
def test_consent_names_the_host_of_the_redirect_and_warns_of_loopback(make_site: Callable[..., Site], ca: Any) -> None:
    host, web = "claude.example.com", "https://claude.example.com/callback"
    with TLSOrigin(ca, host) as origin:
        for path, redirect in (("/cli.json", "http://localhost/callback"), ("/web.json", web)):
            document = {"client_id": f"https://{host}{path}", "client_name": "An app", "redirect_uris": [redirect]}
            origin.serve(path, json.dumps(document).encode(), headers={"Content-Type": "application/json"})
        owner = make_site(CIMD_DEVELOPMENT_HOSTS=f"{host}=127.0.0.1:{origin.port}", DEMO_MCP_URL=MCP).owner()
        asked = SignIn.begin(f"https://{host}/cli.json", "http://localhost:51234/callback", resource=MCP)
        page = owner.authorize(asked)
        text = soup(page).get_text(" ", strip=True)
        assert "localhost:51234" in text
        assert host in text
        assert "loopback-redirect" in warnings_on(page)
        assert warnings_on(owner.authorize(SignIn.begin(f"https://{host}/web.json", web, resource=MCP))) == []


@proves("O-64")
def test_a_withdrawn_consent_ends_the_tokens(origin: Any, site: Site) -> None:
    owner, client_id = site.owner(), publish_client(origin)
    tokens = owner.tokens(client_id)
    assert owner.press(owner.get("/apps"), "Revoke access").status_code == 303
    refused = owner.refresh(client_id, tokens["refresh_token"])
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert owner.get("/userinfo", headers=bearer).status_code == 401


@proves("O-18")
def test_a_decision_counts_once(origin: Any, any_site: Site) -> None:
    # The second press of a button gets the answer to the first one.
    owner = any_site.owner()
    page = owner.authorize(SignIn.begin(publish_client(origin)))
    first = owner.press(page, "Approve").headers["Location"]
    assert owner.press(page, "Approve").headers["Location"] == first
    assert owner.press(page, "Deny").headers["Location"] == first

"""The error page: strangers see a sentence, the owner sees what to mend, where to look, and the way back."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from tests.support.browser import REDIRECT, SignIn, Site, publish_client, soup
from tests.support.origin import TLSOrigin


def ask(browser: Any, client_id: str, redirect_uri: str = REDIRECT) -> requests.Response:
    answer: requests.Response = browser.get("/authorize", params=SignIn.begin(client_id, redirect_uri).parameters)
    return answer


def links(page: requests.Response) -> dict[str, str]:
    return {link.get_text(strip=True): str(link["href"]) for link in soup(page).select("main a")}


def test_the_owner_sees_pointer_and_sentence_of_every_broken_rule(site: Site, origin: TLSOrigin) -> None:
    client_id = publish_client(origin, client_name=["<i>x</i>"], grant_types="all")
    page = ask(site.owner(), client_id)
    assert page.status_code == 400
    told = [entry.get_text(" ", strip=True) for entry in soup(page).select(".reasons li")]
    assert told == ["/grant_types : must be an array of strings", "/client_name : must be a string"]
    assert "<i>x" not in page.text
    assert links(page)["Check this app"].startswith("/explain?client_id=https")


def test_the_link_fills_the_form_in_and_fetches_nothing(site: Site, origin: TLSOrigin) -> None:
    owner, client_id = site.owner(), publish_client(origin, client_name=["x"])
    page = ask(owner, client_id)
    asked = len(origin.requests)
    form = owner.get(links(page)["Check this app"])
    assert [field["value"] for field in soup(form).select("#client_id")] == [client_id]
    assert len(origin.requests) == asked
    assert "This site refuses the app" in owner.press(form, "Check").text


def test_a_status_and_a_bot_protection_are_told(site: Site, origin: TLSOrigin) -> None:
    client_id = origin.serve("/client.json", b"no", status=403, headers={"Server": "cloudflare"})
    (first, *_) = soup(ask(site.owner(), client_id)).select(".reasons li")
    assert first.get_text(strip=True).startswith("Status 403 instead of 200; probably a bot protection (Cloudflare)")


@pytest.mark.parametrize("subject", ["localhost", "client"])
def test_after_a_denial_the_rule_is_one_click_away(site: Site, origin: TLSOrigin, subject: str) -> None:
    owner, client_id = site.owner(), publish_client(origin)
    rule = client_id if subject == "client" else subject
    owner.press(owner.get("/clients"), "Add rule", subject="other.example", decision="deny")
    owner.press(owner.get("/clients"), "Add rule", subject=rule, decision="deny")
    page = ask(owner, client_id)
    assert page.status_code == 400
    target = links(page)["See the rule"]
    assert target.endswith("#rule")
    marked = [entry["data-rule"] for entry in soup(owner.get(target)).select(".rules li.about")]
    assert marked == [rule]


def test_a_stranger_sees_none_of_it(site: Site, origin: TLSOrigin) -> None:
    stranger = site.browser()
    page = stranger.get("/authorize", params={"client_id": "https://app.example/%", "redirect_uri": REDIRECT})
    assert (page.status_code, "<code>bad-percent-encoding</code>" in page.text) == (400, True)
    for client_id in ("https://app.example/%", "https://127.0.0.1/x"):
        page = stranger.post("/par", SignIn.begin(client_id, REDIRECT).parameters)
        assert ".reasons" not in page.text
        assert "/explain" not in page.text


def test_a_page_that_cannot_be_answered_any_more_leads_back_to_the_app(site: Site, origin: TLSOrigin) -> None:
    owner, client_id = site.owner(), publish_client(origin)
    page = ask(owner, client_id)
    site.clock.forward(minutes=11)
    ended = owner.press(page, "Approve")
    assert ended.status_code == 400
    found = links(ended)
    (told,) = [entry.get_text(strip=True) for entry in soup(ended).select(".reasons li")]
    assert told.endswith("start again in the app.")
    (back,) = [text for text in found if text.startswith("Back to")]
    assert found[back] == origin.url("/")
    assert back == f"Back to {origin.url('/').split('/')[2]}"


@pytest.mark.parametrize(
    "client_id",
    [
        "javascript:alert(1)",
        "https://evil.example\\@x/",
        "http://app.example/",
        "data:text/html,x",
        "registered-1",
        "//x",
    ],
)
def test_the_way_back_is_an_https_site_or_none(site: Site, client_id: str) -> None:
    owner = site.owner()
    token = soup(owner.get("/explain")).select_one("[name=csrf_token]")
    form = {
        "transaction": "x",
        "client_id": client_id,
        "decision": "approve",
        "csrf_token": token["value"] if token else "",
    }
    page = owner.post("/consent", form)
    assert page.status_code == 400
    assert not [text for text in links(page) if text.startswith("Back to")]

"""The owner's dry run of a client URL."""

from __future__ import annotations

import requests

from tests.support.browser import Site, publish_client, soup
from tests.support.origin import TLSOrigin
from tests.support.proves import proves


def entered(page: requests.Response) -> str:
    (field,) = soup(page).select("#client_id")
    return str(field["value"])


def test_following_a_link_fetches_nothing(site: Site, origin: TLSOrigin) -> None:
    client_id = publish_client(origin)
    page = site.owner().get("/explain", params={"client_id": client_id})
    assert entered(page) == client_id
    assert origin.requests == []


def test_a_fetch_needs_the_form_of_this_site(site: Site, origin: TLSOrigin) -> None:
    client_id = publish_client(origin)
    assert site.owner().post("/explain", {"client_id": client_id}).status_code == 400  # without the CSRF token
    assert origin.requests == []


def test_the_form_is_filled_in_with_text_alone(site: Site) -> None:
    page = site.owner().get("/explain", params={"client_id": '"><script>alert(1)</script>'})
    assert "<script>" not in page.text
    assert len(entered(site.owner().get("/explain?client_id=" + "a" * 5000))) == 2048


def test_the_owner_sees_each_step_and_the_verdict(site: Site, origin: TLSOrigin) -> None:
    owner = site.owner()
    page = owner.press(owner.get("/explain"), "Check", client_id=publish_client(origin, client_name="Notebook"))
    assert "This app can sign you in" in page.text
    titles = dict.fromkeys(step.get_text() for step in soup(page).select(".way .steps strong"))
    assert list(titles) == [
        "Address", "Rules of this site", "DNS", "Connection", "TLS", "Header", "Response", "Cache", "client_id",
        "client_name", "grant_types", "redirect_uris/0", "Proof of identity",
    ]  # fmt: skip
    assert origin.count("/client.json") == 1


@proves("C-116")
def test_remote_text_is_escaped(site: Site, origin: TLSOrigin) -> None:
    owner = site.owner()
    client_id = publish_client(origin, **{"<script>alert(1)</script>": 1, "client_name": "<b>bold</b>"})
    page = owner.press(owner.get("/explain"), "Check", client_id=client_id)
    assert "<script>" not in page.text
    assert "<b>bold" not in page.text


@proves("L-39")
def test_nonsense_is_told_as_a_step(site: Site) -> None:
    owner = site.owner()
    page = owner.press(owner.get("/explain"), "Check", client_id="http://127.0.0.1:33418 https://vscode.dev/redirect")
    assert "This site refuses the app" in page.text

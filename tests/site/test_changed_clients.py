"""A client that changed since the owner approved it: asked again, with what changed in words."""

from __future__ import annotations

from typing import Any

from tests.support.browser import REDIRECT, Browser, SignIn, Site, publish_client, soup
from tests.support.keys import KeyHolder
from tests.support.proves import proves


def changes_on(owner: Browser, client_id: str) -> list[str]:
    page = owner.authorize(SignIn.begin(client_id, scope="profile"))
    assert page.status_code == 200, page.text
    return [tag.get_text(strip=True) for tag in soup(page).select("[data-change]")]


@proves("C-105")
def test_the_consent_page_says_what_changed(origin: Any, site: Site) -> None:
    owner = site.owner()
    client_id = publish_client(origin)
    assert changes_on(owner, client_id) == []  # nothing was approved yet
    owner.tokens(client_id)
    assert changes_on(owner, client_id) == []
    publish_client(origin, client_name="<b>Bank</b>", redirect_uris=[REDIRECT, "https://new.example/cb"])
    site.clock.forward(days=1)
    assert changes_on(owner, client_id) == [
        "It can now also send you to new.example.",
        "It called itself App and now calls itself <b>Bank</b>.",
    ]
    owner.tokens(client_id)
    assert changes_on(owner, client_id) == []


@proves("C-15", "C-107")
def test_a_new_url_is_a_new_client(origin: Any, site: Site) -> None:
    owner = site.owner()
    owner.tokens(publish_client(origin, "/v1.json"))
    assert changes_on(owner, publish_client(origin, "/v2.json", client_name="Other")) == []


@proves("C-105", "C-106")
def test_a_change_ends_nothing_that_was_approved(origin: Any, site: Site) -> None:
    owner = site.owner()
    holder = KeyHolder(origin.url("/client.json"), site.clock)
    publish_client(origin, token_endpoint_auth_method="private_key_jwt", jwks=holder.jwks)
    answer = owner.redeem(*owner.code(holder.client_id), **holder.proof()).json()
    new = KeyHolder(holder.client_id, site.clock, kid="two", number=1)
    publish_client(origin, token_endpoint_auth_method="private_key_jwt", jwks=new.jwks)
    site.clock.forward(days=1)
    assert changes_on(owner, holder.client_id) == ["It uses different keys."]
    assert owner.refresh(holder.client_id, answer["refresh_token"], **new.proof()).status_code == 200

"""One sign-in from the authorization request to a token, as an app sees it."""

from __future__ import annotations

from typing import Any

from tests.support.browser import REDIRECT, SignIn, publish_client
from tests.support.provider_app import ProviderSite


def test_an_approved_request_ends_in_a_code_with_state_and_issuer(origin: Any, site: ProviderSite) -> None:
    # The issuer is named in every answer, and nothing else travels along.
    owner = site.owner()
    sign_in = SignIn.begin(publish_client(origin), state='it\'s & "quoted" é')
    page = owner.authorize(sign_in)
    answer = owner.press(page, "Approve")
    assert answer.status_code == 303
    assert answer.headers["Location"].startswith(REDIRECT + "?code=")
    parameters = owner.approve(owner.authorize(sign_in))
    assert parameters.keys() == {"code", "state", "iss"}
    assert parameters["state"] == 'it\'s & "quoted" é'
    assert parameters["iss"] == site.base_url


def test_a_code_becomes_a_token_that_tells_who_the_owner_is(origin: Any, site: ProviderSite) -> None:
    owner = site.owner()
    client_id = publish_client(origin)
    tokens = owner.tokens(client_id)
    assert tokens["token_type"] == "Bearer"
    assert tokens["scope"] == "profile"
    assert tokens["me"] == site.base_url + "/"
    answer = owner.get("/userinfo", headers={"Authorization": f"Bearer {tokens['access_token']}"})
    assert answer.json() == {"scope": ["profile"], "url": site.base_url + "/"}

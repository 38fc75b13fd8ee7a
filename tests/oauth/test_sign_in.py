"""One sign-in from the authorization request to a token, as an app sees it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.demo import REDIRECT, RunningDemo, SignIn, Site, publish_client


def test_an_approved_request_ends_in_a_code_with_state_and_issuer(origin: Any, any_site: Site) -> None:
    # The issuer is named in every answer, and nothing else travels along.
    owner = any_site.owner()
    sign_in = SignIn.begin(publish_client(origin), state='it\'s & "quoted" é')
    page = owner.authorize(sign_in)
    answer = owner.press(page, "Approve")
    assert answer.status_code == 303
    assert answer.headers["Location"].startswith(REDIRECT + "?code=")
    parameters = owner.approve(owner.authorize(sign_in))
    assert parameters.keys() == {"code", "state", "iss"}
    assert parameters["state"] == 'it\'s & "quoted" é'
    assert parameters["iss"] == any_site.base_url


def test_a_code_becomes_a_token_that_tells_who_the_owner_is(origin: Any, any_site: Site) -> None:
    owner = any_site.owner()
    client_id = publish_client(origin)
    tokens = owner.tokens(client_id)
    assert tokens["token_type"] == "Bearer"
    assert tokens["scope"] == "profile"
    assert tokens["me"] == any_site.base_url + "/"
    answer = owner.get("/userinfo", headers={"Authorization": f"Bearer {tokens['access_token']}"})
    me = any_site.base_url + "/"
    assert answer.json() == {"sub": me, "name": "The owner", "url": me}


@pytest.mark.slow
def test_a_running_demo_signs_its_owner_in(origin: Any, running_site: RunningDemo) -> None:
    owner = running_site.owner()
    assert owner.tokens(publish_client(origin))["me"] == running_site.base_url + "/"
    denied = owner.deny(owner.authorize(SignIn.begin(publish_client(origin))))
    assert denied["error"] == "access_denied"
    assert running_site.process.poll() is None

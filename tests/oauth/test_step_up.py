"""Step-up (RFC 9470): an app or a resource may want a login that is not long ago."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import requests
from flask import Flask

from flask_cimd.oauth import ResourceProtector, stored_access
from tests.oauth.test_introspection import add_resource_server, ask
from tests.support.demo import REDIRECT, Browser, SignIn, Site, publish_client, redirect_parameters
from tests.support.proves import proves

NOTES = "https://notes.example/api"


def is_asked_for_the_password(answer: requests.Response) -> bool:
    return answer.status_code == 303 and answer.headers["Location"].startswith("/login?")


def log_in_again(owner: Browser, site: Site, answer: requests.Response) -> requests.Response:
    """Follow to the login, log in, and follow back."""
    assert is_asked_for_the_password(answer)
    form = owner.get(answer.headers["Location"])
    assert form.status_code == 200
    assert ("enter the password again" in form.text) is ("again=1" in form.url)
    resumed = owner.get(owner.press(form, "Log in", password=site.password).headers["Location"])
    return owner.get(resumed.headers["Location"])


def auth_time(site: Site, token: str) -> int:
    found: int = ask(site.browser(), token, bearer=token).json()["auth_time"]
    return found


@proves("O-75")
@pytest.mark.parametrize(
    "demand", [{"max_age": "0"}, {"prompt": "login"}, {"prompt": "login consent", "max_age": "9999"}]
)
def test_a_fresh_login_is_made_once_and_told(origin: Any, any_site: Site, demand: dict[str, str]) -> None:
    # max_age=0 forces a login, so auth_time is newer.
    owner, client_id = any_site.owner(), publish_client(origin)
    before = auth_time(any_site, owner.tokens(client_id)["access_token"])
    any_site.clock.forward(seconds=5)
    # Browsers write some characters of a query in another way when they come back.
    sign_in = SignIn.begin(client_id, scope="profile", state='it\'s & "quoted" é|{}', **demand)
    consent = log_in_again(owner, any_site, owner.authorize(sign_in))
    tokens = owner.redeem(sign_in, owner.approve(consent)["code"]).json()
    assert auth_time(any_site, tokens["access_token"]) == before + 5
    assert is_asked_for_the_password(owner.authorize(sign_in))  # the next request is another one


@proves("O-75")
def test_who_is_not_logged_in_logs_in_once(origin: Any, site: Site) -> None:
    # No loop
    browser, sign_in = site.browser(), SignIn.begin(publish_client(origin), scope="profile", max_age="0")
    assert "code" in browser.approve(log_in_again(browser, site, browser.authorize(sign_in)))


@proves("O-75")
def test_only_a_login_that_is_too_old_is_made_again(origin: Any, site: Site) -> None:
    owner = site.owner()
    sign_in = SignIn.begin(publish_client(origin), scope="profile", max_age="300")
    site.clock.forward(seconds=299)
    assert owner.authorize(sign_in).status_code == 200
    site.clock.forward(seconds=1)
    assert log_in_again(owner, site, owner.authorize(sign_in)).status_code == 200


@proves("O-75")
def test_a_wrong_password_or_a_login_for_another_page_is_no_fresh_login(origin: Any, site: Site) -> None:
    owner, client_id = site.owner(), publish_client(origin)
    one, other = (SignIn.begin(client_id, scope="profile", max_age="0") for _ in range(2))
    site.clock.forward(seconds=1)
    form = owner.get(owner.authorize(one).headers["Location"])
    assert owner.press(form, "Log in", password="wrong").status_code == 403
    assert is_asked_for_the_password(owner.authorize(one))
    owner.press(form, "Log in", password=site.password)
    site.clock.forward(seconds=1)
    assert is_asked_for_the_password(owner.authorize(other))
    assert is_asked_for_the_password(owner.authorize(other))
    assert owner.authorize(one).status_code == 200
    assert is_asked_for_the_password(owner.authorize(one))


@proves("O-75")
def test_a_login_that_nobody_came_back_from_does_not_count_later(origin: Any, site: Site) -> None:
    owner = site.owner()
    sign_in = SignIn.begin(publish_client(origin), scope="profile", max_age="0")
    owner.press(owner.get(owner.authorize(sign_in).headers["Location"]), "Log in", password=site.password)
    site.clock.forward(minutes=10)
    assert is_asked_for_the_password(owner.authorize(sign_in))


@proves("O-75")
def test_a_pushed_request_is_held_to_it_too(origin: Any, site: Site) -> None:
    owner, sign_in = site.owner(), SignIn.begin(publish_client(origin), scope="profile", max_age="0")
    pushed = site.browser().post("/par", sign_in.parameters).json()
    asked = {"client_id": sign_in.client_id, "request_uri": pushed["request_uri"]}
    assert log_in_again(owner, site, owner.get("/authorize", params=asked)).status_code == 200


@proves("O-75")
@pytest.mark.parametrize("max_age", ["-1", "1.5", "soon", "٣", "9" * 10, " 1"])
def test_what_is_no_number_of_seconds_is_refused(origin: Any, site: Site, max_age: str) -> None:
    answer = site.owner().authorize(SignIn.begin(publish_client(origin), max_age=max_age))
    assert redirect_parameters(answer)["error"] == "invalid_request"


@proves("O-75")
def test_classes_of_authentication_are_neither_advertised_nor_understood(origin: Any, site: Site) -> None:
    # acr_values are wishes (OpenID Connect Core §3.1.2.1)
    assert "acr_values_supported" not in site.browser().get("/.well-known/oauth-authorization-server").json()
    token = site.owner().tokens(publish_client(origin), acr_values="phr")["access_token"]
    assert "acr" not in ask(site.browser(), token, bearer=token).json()


@proves("O-75")
def test_a_refresh_is_no_login(origin: Any, site: Site) -> None:
    owner, client_id = site.owner(), publish_client(origin)
    tokens = owner.tokens(client_id)
    before = auth_time(site, tokens["access_token"])
    site.clock.forward(days=1)
    fresh = owner.refresh(client_id, tokens["refresh_token"]).json()
    assert auth_time(site, fresh["access_token"]) == before


@proves("O-75")
def test_a_resource_asks_for_a_newer_login(origin: Any, site: Site) -> None:
    add_resource_server(site, NOTES)
    server = site.app.extensions["demo"].server
    protect = ResourceProtector(
        lambda secret: stored_access(server, secret), audience=NOTES, max_age=timedelta(minutes=5), clock=site.clock
    )

    @site.app.get("/strict", endpoint="strict")
    @protect("profile")
    def strict() -> str:
        return "let in"

    owner, client_id = site.owner(), publish_client(origin)
    sign_in, code = owner.code(client_id, REDIRECT, resource=NOTES)
    bearer = {"Authorization": f"Bearer {owner.redeem(sign_in, code).json()['access_token']}"}
    site.clock.forward(minutes=5)
    assert site.browser().get("/strict", headers=bearer).text == "let in"
    site.clock.forward(seconds=1)
    refused = site.browser().get("/strict", headers=bearer)
    assert refused.status_code == 401
    challenge = refused.headers["WWW-Authenticate"]
    assert challenge.startswith('Bearer error="insufficient_user_authentication"')
    assert 'max_age="300"' in challenge
    again = SignIn.begin(client_id, scope="profile", resource=NOTES, max_age="300")
    consent = log_in_again(owner, site, owner.authorize(again))
    token = owner.redeem(again, owner.approve(consent)["code"]).json()["access_token"]
    assert site.browser().get("/strict", headers={"Authorization": f"Bearer {token}"}).text == "let in"


@proves("O-75")
def test_a_token_of_an_unknown_login_is_too_old() -> None:
    from tests.oauth.test_protect import NOTES as AUDIENCE
    from tests.oauth.test_protect import TOKENS

    app = Flask("strict")
    protect = ResourceProtector(TOKENS.get, audience=AUDIENCE, max_age=timedelta(days=9999))
    app.get("/")(protect("read")(lambda: "let in"))
    answer = app.test_client().get("/", headers={"Authorization": "Bearer reader"})
    assert (answer.status_code, answer.json["error"]) == (401, "insufficient_user_authentication")

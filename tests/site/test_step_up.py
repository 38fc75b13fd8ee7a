"""Step-up (RFC 9470) at the site: the owner enters the password again where an app wants a fresh log-in."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from tests.support.browser import Browser, SignIn, Site, publish_client
from tests.support.proves import proves


def auth_time(site: Site, token: str) -> int:
    answer = site.browser().post("/introspect", {"token": token}, headers={"Authorization": f"Bearer {token}"})
    found: int = answer.json()["auth_time"]
    return found


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

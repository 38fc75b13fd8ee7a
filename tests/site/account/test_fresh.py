"""The check before dangerous actions."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from flask import url_for

from flask_cimd_site.account.fresh import fresh_owner_only
from tests.site.test_access import csrf_token
from tests.support.browser import Browser, Site


@pytest.fixture
def danger(make_site: Callable[..., Site]) -> Site:
    """Return a site with a dangerous page and a dangerous button."""
    site = make_site()

    @fresh_owner_only
    def act() -> str:
        return f"done at {url_for('home.show')}"

    site.app._got_first_request = False
    site.app.add_url_rule("/danger", "danger", act, methods=["GET", "POST"])
    return site


def press(browser: Browser) -> requests.Response:
    """Press the dangerous button, with a CSRF token that holds."""
    token = csrf_token(browser.get("/profile"))
    return browser.post("/danger", {"csrf_token": token}, headers={"Referer": f"{browser.base_url}/profile?x"})


def way_back(answer: requests.Response) -> str:
    """Return where the check leads to."""
    assert (answer.status_code, urlsplit(answer.headers["Location"]).path) == (303, "/account/check")
    return parse_qs(urlsplit(answer.headers["Location"]).query)["next"][0]


def test_who_is_not_logged_in_is_sent_to_the_login(danger: Site) -> None:
    assert danger.browser().get("/danger").headers["Location"] == "/login?next=/danger"


@pytest.mark.parametrize(("seconds", "fresh"), [(599, True), (600, False)])
def test_a_login_is_fresh_for_ten_minutes(danger: Site, seconds: int, fresh: bool) -> None:
    owner = danger.owner()
    danger.clock.forward(seconds=seconds)
    answer = owner.get("/danger")
    assert (answer.text == "done at /") is fresh
    assert (answer.status_code == 303) is not fresh


def test_the_password_makes_it_fresh_and_leads_back(danger: Site) -> None:
    owner = danger.owner()
    danger.clock.forward(minutes=11)
    answer = owner.get("/danger?of=today")
    assert way_back(answer) == "/danger?of=today"
    form = owner.get(answer.headers["Location"])
    assert owner.press(form, "Continue", password="wrong").status_code == 403
    assert owner.get("/danger").status_code == 303
    done = owner.press(form, "Continue", password=danger.password)
    assert (done.status_code, done.headers["Location"]) == (303, "/danger?of=today")
    assert owner.get("/danger").status_code == 200


def test_a_button_leads_back_to_its_page(danger: Site) -> None:
    owner = danger.owner()
    assert press(owner).text == "done at /"
    danger.clock.forward(minutes=11)
    assert way_back(press(owner)) == "/profile"


def test_after_the_check_the_owner_is_told_to_press_the_button_again(danger: Site) -> None:
    owner = danger.owner()
    danger.clock.forward(minutes=11)
    asked = owner.get(press(owner).headers["Location"])
    back = owner.press(asked, "Continue", password=danger.password)
    assert back.headers["Location"] == "/profile"
    assert "press the button once more" in owner.get("/profile").text
    danger.clock.forward(minutes=11)
    asked = owner.get(owner.get("/danger").headers["Location"])  # a page needs no second press
    owner.press(asked, "Continue", password=danger.password)
    assert "once more" not in owner.get("/profile").text


def test_a_button_of_an_unknown_page_leads_home(danger: Site) -> None:
    owner = danger.owner()
    danger.clock.forward(minutes=11)
    token = csrf_token(owner.get("/profile"))
    elsewhere = {"Referer": "http://evil.example/profile"}
    assert way_back(owner.post("/danger", {"csrf_token": token}, headers=elsewhere)) == "/"

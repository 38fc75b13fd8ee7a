"""Passkeys: what is accepted, and which rule refuses everything else."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import requests

from tests.site.account.authenticator import PRESENT, Authenticator
from tests.support.browser import Browser, Site, soup

ORIGIN = "http://localhost:5000"


@pytest.fixture
def site(make_site: Callable[..., Site]) -> Site:
    """Return a site whose origin has a host name."""
    return make_site(DEMO_BASE_URL=ORIGIN)


def options_on(page: requests.Response) -> dict[str, Any]:
    """Return what the page would pass to the browser."""
    form = soup(page).select_one("form[data-options]")
    assert form is not None, page.text
    found: dict[str, Any] = json.loads(str(form["data-options"]))
    return found


def add(owner: Browser, key: Authenticator, name: str = "My phone") -> requests.Response:
    """Add a passkey on its page."""
    page = owner.get("/account/passkeys/new")
    return owner.press(page, "Create the passkey", credential=key.create(options_on(page)), name=name)


def log_in(browser: Browser, key: Authenticator) -> requests.Response:
    """Log in by a passkey."""
    page = browser.get("/login")
    return browser.press(page, "Use a passkey", credential=key.get(options_on(page)))


def slug(answer: requests.Response) -> str:
    """Return the slug of the rule that refused."""
    refused = soup(answer).select_one("[data-slug]")
    assert refused is not None, answer.text
    assert answer.status_code == 403
    return str(refused["data-slug"])


@pytest.fixture
def key(site: Site) -> Authenticator:
    """Return a passkey of the owner."""
    made = Authenticator(ORIGIN, "localhost")
    assert add(site.owner(), made).headers["Location"] == "/account"
    return made


def test_a_passkey_logs_in(site: Site, key: Authenticator) -> None:
    browser = site.browser()
    assert log_in(browser, key).status_code == 303
    page = browser.get("/account")
    assert (page.status_code, "My phone" in page.text, "Last used" in page.text) == (200, True, True)


def test_the_options_name_no_passkey_and_the_configured_host(site: Site, key: Authenticator) -> None:
    options = options_on(site.browser().get("/login", headers={"X-Forwarded-Host": "evil.example"}))
    assert (options["rpId"], options.get("allowCredentials") or []) == ("localhost", [])
    assert options["userVerification"] == "required"


def test_scripts_are_allowed_on_pages_with_passkeys_alone(site: Site, key: Authenticator) -> None:
    policies = [site.browser().get(path).headers["Content-Security-Policy"] for path in ("/login", "/login/recovery")]
    assert ["script-src 'self'" in policy for policy in policies] == [True, False]


@pytest.mark.parametrize(
    ("lie", "expected"),
    [
        ({"origin": "https://evil.example"}, "passkey-origin"),
        ({"rp_id": "evil.example"}, "passkey-invalid"),
        ({"flags": PRESENT}, "passkey-invalid"),
        ({"count": 0}, "passkey-cloned"),
        ({"credential_id": b"x" * 32}, "passkey-unknown"),
    ],
)
def test_a_false_answer_is_refused(site: Site, key: Authenticator, lie: dict[str, Any], expected: str) -> None:
    key.count = 5
    assert log_in(site.browser(), key).status_code == 303
    for member, value in lie.items():
        setattr(key, member, value)
    browser = site.browser()
    assert slug(log_in(browser, key)) == expected
    assert browser.get("/account").status_code == 303


def test_an_answer_to_another_challenge_is_refused(site: Site, key: Authenticator) -> None:
    other, browser = site.browser().get("/login"), site.browser()
    page = browser.get("/login")
    assert slug(browser.press(page, "Use a passkey", credential=key.get(options_on(other)))) == "passkey-challenge"


def test_an_answer_is_good_once_even_with_a_copied_cookie(site: Site, key: Authenticator) -> None:
    browser, copy = site.browser(), site.browser()
    page = browser.get("/login")
    copy.session.cookies.update(browser.session.cookies)
    answer = key.get(options_on(page))
    assert browser.press(page, "Use a passkey", credential=answer).status_code == 303
    assert slug(copy.press(page, "Use a passkey", credential=answer)) == "challenge-used"


@pytest.mark.parametrize(("seconds", "status"), [(899, 303), (900, 403)])
def test_a_challenge_waits_fifteen_minutes(site: Site, key: Authenticator, seconds: int, status: int) -> None:
    browser = site.browser()
    page = browser.get("/login")
    site.clock.forward(seconds=seconds)
    answer = browser.press(page, "Use a passkey", credential=key.get(options_on(page)))
    assert answer.status_code == status
    assert status == 303 or slug(answer) == "challenge-expired"


@pytest.mark.parametrize("answer", ["", "{}", "[]", "null", "x" * 40_000, '{"id": 1, "rawId": "é"}', "\x00"])
def test_what_is_no_answer_is_refused(site: Site, key: Authenticator, answer: str) -> None:
    browser = site.browser()
    assert slug(browser.press(browser.get("/login"), "Use a passkey", credential=answer)) == "passkey-invalid"


def test_a_new_passkey_of_another_origin_is_refused(site: Site) -> None:
    assert slug(add(site.owner(), Authenticator("https://evil.example", "localhost"))) == "passkey-origin"


def test_a_passkey_is_renamed_harmlessly_and_removed(site: Site, key: Authenticator) -> None:
    owner = site.owner()
    owner.press(owner.get("/account"), "Rename", name="<b>\u202ekey" + "x" * 10_000)
    page = owner.get("/account")
    assert "<b>" not in page.text
    assert "\u202e" not in page.text
    assert owner.press(page, "Remove").status_code == 303
    assert "passkeys" in owner.get("/account").text
    assert soup(site.browser().get("/login")).select("[data-options]") == []


def test_a_passkey_makes_a_session_fresh(site: Site, key: Authenticator) -> None:
    owner = site.owner()
    site.clock.forward(minutes=11)
    form = owner.get(owner.get("/account/password").headers["Location"])
    done = owner.press(form, "Use a passkey", credential=key.get(options_on(form)))
    assert (done.status_code, done.headers["Location"]) == (303, "/account/password")
    assert owner.get("/account/password").status_code == 200

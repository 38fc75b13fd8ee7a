"""The first run: a site without an owner is set up by whoever has the secret of the terminal."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import requests

from tests.site.account.authenticator import Authenticator
from tests.site.account.test_passkeys import ORIGIN, log_in, options_on
from tests.site.posting import png
from tests.support.browser import Browser, Site, soup

PASSWORD = "a new and long password"


def make(make_site: Callable[..., Site], capsys: pytest.CaptureFixture[str]) -> tuple[Site, str]:
    """Return a site without an owner, and the secret that it printed."""
    site = make_site(DEMO_BASE_URL=ORIGIN, DEMO_FIRST_RUN="1")
    printed = capsys.readouterr().out
    assert f"{ORIGIN}/first-run" in printed
    return site, next(line.strip() for line in printed.splitlines() if line.startswith("    "))


def send(browser: Browser, button: str = "Finish with the password", **fields: str) -> requests.Response:
    """Send the form."""
    return browser.press(browser.get("/first-run"), button, **fields)


def test_the_secret_makes_an_owner_with_a_password(
    make_site: Callable[..., Site], capsys: pytest.CaptureFixture[str]
) -> None:
    site, secret = make(make_site, capsys)
    browser = site.browser()
    assert browser.get("/login").headers["Location"] == "/first-run"
    done = send(browser, secret=secret, name="Ada", new_password=PASSWORD)
    assert done.headers["Location"] == "/first-run/next"
    assert "Connect a page elsewhere" in browser.get("/first-run/next").text
    assert "Ada" in site.browser().get("/").text
    site.browser().log_in(PASSWORD)
    assert site.browser().get("/first-run").headers["Location"] == "/login"


def test_the_secret_makes_an_owner_with_a_passkey_and_a_photo(
    make_site: Callable[..., Site], capsys: pytest.CaptureFixture[str]
) -> None:
    site, secret = make(make_site, capsys)
    browser, key = site.browser(), Authenticator(ORIGIN, "localhost")
    page = browser.get("/first-run")
    form = {
        "csrf_token": str(soup(page).select_one("[name=csrf_token]")["value"]),
        "secret": secret,
        "name": "Ada",
        "credential": key.create(options_on(page)),
    }
    done = browser.request("POST", "/first-run", data=form, files={"photo": ("me.png", png())})
    assert done.headers.get("Location") == "/first-run/next", done.text
    assert soup(site.browser().get("/")).select(".avatar")
    assert log_in(site.browser(), key).status_code == 303


@pytest.mark.parametrize(
    ("fields", "slug"),
    [
        ({"secret": "wrong"}, "wrong-set-up"),
        ({"name": " \u202e"}, "no-name"),
        ({"new_password": "eleven char"}, "password-length"),
        ({"credential": "{}"}, "passkey-invalid"),
    ],
)
def test_what_is_wrong_uses_nothing_up(
    make_site: Callable[..., Site], capsys: pytest.CaptureFixture[str], fields: dict[str, str], slug: str
) -> None:
    site, secret = make(make_site, capsys)
    good = {"secret": secret, "name": "Ada", "new_password": PASSWORD}
    refused = send(site.browser(), **{**good, **fields})
    assert (refused.status_code, f'data-slug="{slug}"' in refused.text) == (403, True)
    assert send(site.browser(), **good).status_code == 303


def test_a_lying_photo_is_refused(make_site: Callable[..., Site], capsys: pytest.CaptureFixture[str]) -> None:
    site, secret = make(make_site, capsys)
    browser = site.browser()
    token = str(soup(browser.get("/first-run")).select_one("[name=csrf_token]")["value"])
    form = {"csrf_token": token, "secret": secret, "name": "Ada", "new_password": PASSWORD}
    refused = browser.request("POST", "/first-run", data=form, files={"photo": ("me.png", b"<svg>")})
    assert (refused.status_code, 'data-slug="photo"' in refused.text) == (403, True)


def test_the_secret_ends_after_an_hour_and_is_printed_once_for_all_workers(
    make_site: Callable[..., Site], capsys: pytest.CaptureFixture[str]
) -> None:
    site, secret = make(make_site, capsys)
    make_site(site.app.config["SQLALCHEMY_DATABASE_URI"], DEMO_BASE_URL=ORIGIN, DEMO_FIRST_RUN="1")
    assert "secret" not in capsys.readouterr().out
    site.clock.forward(hours=1)
    assert 'data-slug="wrong-set-up"' in send(site.browser(), secret=secret, name="Ada", new_password=PASSWORD).text
    assert "enter this secret" in capsys.readouterr().out  # the page asks for a new one


def test_the_form_needs_a_csrf_token(make_site: Callable[..., Site], capsys: pytest.CaptureFixture[str]) -> None:
    site, secret = make(make_site, capsys)
    form = {"secret": secret, "name": "Ada", "new_password": PASSWORD}
    assert site.browser().post("/first-run", form).status_code == 400

"""The limit on guesses: strangers are slowed, the owner's own browser is not."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter

from tests.support.browser import Browser, Site, soup
from tests.support.databases import private_schema
from tests.support.gunicorn import running_gunicorn


def guess(browser: Browser, password: str = "wrong") -> requests.Response:
    """Try a password."""
    return browser.press(browser.get("/login"), "Log in", password=password)


def test_the_owners_browser_gets_in_while_strangers_are_stopped(make_site: Callable[..., Site]) -> None:
    site = make_site(DEMO_LOGIN_LIMIT="1 per hour")
    owner = site.owner()
    owner.press(owner.get("/"), "Log out")
    assert [guess(site.browser(peer=f"198.51.100.{n}")).status_code for n in range(21)] == [403] * 20 + [429]
    assert guess(site.browser(peer="203.0.113.9"), site.password).status_code == 429
    assert guess(owner, site.password).status_code == 303


def test_a_known_browser_has_a_limit_of_its_own(make_site: Callable[..., Site]) -> None:
    site = make_site(DEMO_LOGIN_LIMIT="2 per hour")
    owner = site.owner()
    owner.press(owner.get("/"), "Log out")
    assert [guess(owner).status_code for _ in range(3)] == [403, 403, 429]
    assert guess(site.browser(), site.password).status_code == 303


def test_end_everything_forgets_the_browsers(make_site: Callable[..., Site]) -> None:
    site = make_site(DEMO_LOGIN_LIMIT="1 per hour")
    owner = site.owner()
    owner.press(owner.get("/account"), "End everything")
    assert guess(site.browser()).status_code == 403
    assert guess(owner, site.password).status_code == 429


def test_the_page_says_when_the_next_try_is(make_site: Callable[..., Site]) -> None:
    site = make_site(DEMO_LOGIN_LIMIT="1 per 15 minutes")
    guess(site.browser())
    site.clock.forward(minutes=5)
    refused = guess(site.browser(), site.password)
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "600")
    assert "Too many attempts. Try again in 10 minutes." in refused.text
    site.clock.forward(minutes=10)
    assert guess(site.browser(), site.password).status_code == 303


def test_a_failure_is_a_line_that_fail2ban_reads(
    make_site: Callable[..., Site], caplog: pytest.LogCaptureFixture
) -> None:
    site = make_site(DEMO_LOGIN_LIMIT="1 per hour")
    guess(site.browser(peer="192.0.2.7"))
    guess(site.browser(peer="192.0.2.7"))
    found = [re.search(r"login (?:failed|refused) from (\S+): ([a-z-]+)$", r.getMessage()) for r in caplog.records]
    assert [m.groups() for m in found if m] == [("192.0.2.7", "wrong-password"), ("192.0.2.7", "too-many-attempts")]


class _From(HTTPAdapter):
    """Sends from one of this computer's many loopback addresses."""

    def __init__(self, address: str) -> None:
        self._address = address
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, source_address=(self._address, 0), **kwargs)


def _stranger(base_url: str, number: int) -> tuple[Browser, str]:
    """Return the browser of a stranger at an address of their own, with a CSRF token that holds."""
    browser = Browser(base_url, _From(f"127.0.1.{number + 1}"))
    browser.session.headers["Connection"] = "close"  # gunicorn closes idle ones by itself
    field = soup(browser.get("/login")).select_one("main input[name=csrf_token]")
    assert field is not None
    return browser, str(field["value"])


@pytest.mark.slow
def test_a_thousand_guesses_from_200_addresses_over_four_workers(postgres_url: str, tmp_path: Path) -> None:
    url = private_schema(postgres_url)
    with (
        running_gunicorn(tmp_path, database_url=url, DEMO_LOGIN_LIMIT="3 per hour") as owner,
        ThreadPoolExecutor(64) as pool,
    ):
        owner.session.headers["Connection"] = "close"
        owner.press(owner.get("/"), "Log out")
        strangers = list(pool.map(lambda number: _stranger(owner.base_url, number), range(200)))

        def send(number: int) -> int:
            browser, token = strangers[number % 200]
            return browser.post("/login", {"csrf_token": token, "password": "wrong"}).status_code

        sent = [pool.submit(send, number) for number in range(1000)]
        assert guess(owner, "let-me-in").status_code == 303  # at the first try, meanwhile
        statuses = Counter(future.result() for future in sent)
    assert statuses == {403: 60, 429: 940}


@pytest.mark.slow
def test_64_parallel_guesses_over_four_workers_are_judged_up_to_the_limit(postgres_url: str, tmp_path: Path) -> None:
    with running_gunicorn(tmp_path, database_url=private_schema(postgres_url), DEMO_LOGIN_LIMIT="5 per hour") as owner:
        browser, token = _stranger(owner.base_url, 0)
        cookies, together = browser.session.cookies.get_dict(), Barrier(64)

        def send(_: int) -> int:
            one = Browser(owner.base_url, _From("127.0.1.1"))
            one.session.cookies.update(cookies)
            together.wait(30)
            return one.post("/login", {"csrf_token": token, "password": "wrong"}).status_code

        with ThreadPoolExecutor(64) as pool:
            assert Counter(pool.map(send, range(64))) == {403: 5, 429: 59}

"""Attacks on the owner's account: guessed passwords, one after the other and many at once."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import requests

from tests.support.browser import PASSWORD, Browser

from .target import Outcome, Target

#: The limit on guesses with which the demo is attacked: guesses that one network may make in the time of the attack.
LIMIT = 10
_WRONG, _TOO_MANY, _IN = 403, 429, 303


def _guess(browser: Browser, password: str) -> requests.Response:
    return browser.press(browser.get("/login"), "Log in", password=password)


def passwords(target: Target) -> Iterator[Outcome]:
    """Guess the password; the owner must get in meanwhile, in a browser that the site knows."""
    if target.name != "demo":
        return  # the example has no limit: its log-in is the app's own
    number = 24 if target.is_short else 120
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda n: _guess(target.stranger(), f"guess {n}").status_code, range(number)))
    for status in statuses:
        yield "a guessed password", status in (_WRONG, _TOO_MANY)
    yield "no more guesses are judged than the limit says", statuses.count(_WRONG) <= LIMIT
    yield "the right password past the limit", _guess(target.stranger(), PASSWORD).status_code == _TOO_MANY
    owner = target.forged()
    for cookie in [one for one in owner.session.cookies if "session" in one.name]:
        owner.session.cookies.clear(cookie.domain, cookie.path, cookie.name)  # logged out, in the browser of before
    yield "the owner's browser gets in", _guess(owner, PASSWORD).status_code == _IN


ATTACKS = (passwords,)

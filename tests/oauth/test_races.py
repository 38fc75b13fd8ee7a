"""What may be used once is used once, however many ask at the same time (D10, RFC 9700 §4.14.2)."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from flask_cimd.oauth.server.storage import REPETITIONS
from tests.support.browser import Browser, SignIn, publish_client
from tests.support.proves import proves
from tests.support.provider_app import ProviderSite
from tests.support.together import AT_ONCE, together


def alive(site: ProviderSite) -> int:
    """Count the tokens that are neither spent nor revoked with their grant."""
    found = [site.storage.find_token(digest) for digest in site.storage._tokens]
    return sum(token.is_alive(grant, site.clock()) for grant, token in filter(None, found))


@proves("O-16")
@pytest.mark.parametrize("path", ["/token", "/authorize"])
def test_one_of_fifty_redeems_a_code(origin: Any, site: ProviderSite, path: str) -> None:
    sign_in, code = site.owner().code(publish_client(origin))
    answers = together(site, lambda browser: browser.redeem(sign_in, code, path))
    assert Counter(answer.status_code for answer in answers) == {200: 1, 400: AT_ONCE - 1}
    assert {a.json()["error"] for a in answers if a.status_code == 400} == {"invalid_grant"}


@proves("O-15")
def test_a_code_redeemed_by_many_leaves_no_token_alive(origin: Any, site: ProviderSite) -> None:
    # The losers prove that the code was known to somebody else.
    sign_in, code = site.owner().code(publish_client(origin))
    together(site, lambda browser: browser.redeem(sign_in, code))
    assert alive(site) == 0


@proves("O-65")
def test_of_many_that_refresh_at_once_nine_get_a_pair_and_none_is_signed_out(origin: Any, site: ProviderSite) -> None:
    client_id = publish_client(origin)
    token = site.owner().tokens(client_id)["refresh_token"]
    answers = together(site, lambda browser: browser.refresh(client_id, token))
    pairs = [answer.json() for answer in answers if answer.status_code == 200]
    assert Counter(answer.status_code for answer in answers) == {200: 1 + REPETITIONS, 400: AT_ONCE - 1 - REPETITIONS}
    assert {a.json()["error"] for a in answers if a.status_code == 400} == {"invalid_grant"}
    assert alive(site) == 2 * len(pairs) + 1  # and the access token of the code
    browser = site.browser()
    assert browser.refresh(client_id, pairs[0]["refresh_token"]).status_code == 200
    assert alive(site) == 4  # the new pair, and the access tokens of its two predecessors; no sibling
    assert browser.refresh(client_id, pairs[1]["refresh_token"]).status_code == 400
    assert alive(site) == 0


@proves("O-18")
def test_one_of_fifty_decides(origin: Any, site: ProviderSite) -> None:
    owner = site.owner()
    page = owner.authorize(SignIn.begin(publish_client(origin)))
    cookies = owner.session.cookies

    def press(browser: Browser) -> int:
        browser.session.cookies.update(cookies)
        return browser.press(page, "Approve").status_code

    assert Counter(together(site, press)) == {303: 1, 400: AT_ONCE - 1}

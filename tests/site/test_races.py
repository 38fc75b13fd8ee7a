"""What may be used once is used once, however many ask at the same time (D10, RFC 9700 §4.14.2)."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from flask_cimd_site.models import db, provider
from tests.support.browser import Browser, SignIn, Site, publish_client
from tests.support.proves import proves
from tests.support.together import AT_ONCE, together


def alive(site: Site) -> int:
    """Count the tokens that are neither spent nor revoked with their grant."""
    with site.app.app_context():
        rows = db.session.query(provider.Token).all()
        living = {grant.id for grant in db.session.query(provider.Grant) if grant.revoked_at is None}
        return sum(not (row.spent or row.revoked) and row.grant_id in living for row in rows)


@proves("O-16")
@pytest.mark.parametrize("path", ["/token", "/authorize"])
def test_one_of_fifty_redeems_a_code(origin: Any, any_site: Site, path: str) -> None:
    sign_in, code = any_site.owner().code(publish_client(origin))
    answers = together(any_site, lambda browser: browser.redeem(sign_in, code, path))
    assert Counter(answer.status_code for answer in answers) == {200: 1, 400: AT_ONCE - 1}
    assert {a.json()["error"] for a in answers if a.status_code == 400} == {"invalid_grant"}


@proves("O-15")
def test_a_code_redeemed_by_many_leaves_no_token_alive(origin: Any, any_site: Site) -> None:
    # The losers prove that the code was known to somebody else.
    sign_in, code = any_site.owner().code(publish_client(origin))
    together(any_site, lambda browser: browser.redeem(sign_in, code))
    assert alive(any_site) == 0


@proves("O-65")
def test_nine_of_fifty_refresh_at_once_and_no_more(origin: Any, any_site: Site) -> None:
    # The first rotation and the eight repetitions that its grace allows.
    client_id = publish_client(origin)
    token = any_site.owner().tokens(client_id)["refresh_token"]
    answers = together(any_site, lambda browser: browser.refresh(client_id, token))
    assert Counter(answer.status_code for answer in answers) == {200: 9, 400: AT_ONCE - 9}
    winners = [answer.json()["refresh_token"] for answer in answers if answer.status_code == 200]
    assert any_site.browser().refresh(client_id, winners[0]).status_code == 200  # its siblings end with this
    assert any_site.browser().refresh(client_id, winners[1]).json()["error"] == "invalid_grant"
    assert alive(any_site) == 0


@proves("O-18")
def test_one_of_fifty_decides_and_the_others_get_its_answer(origin: Any, any_site: Site) -> None:
    owner = any_site.owner()
    page = owner.authorize(SignIn.begin(publish_client(origin)))
    cookies = owner.session.cookies

    def press(browser: Browser) -> str:
        browser.session.cookies.update(cookies)
        return browser.press(page, "Approve").headers["Location"]

    assert len(set(together(any_site, press))) == 1
    with any_site.app.app_context():
        assert db.session.query(provider.Grant).count() == 1

"""Sessions of the owner: in the database, bounded in time, and dead when they have been ended."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from flask_cimd_site.account import sessions
from flask_cimd_site.models import db
from tests.support.browser import Browser, Site
from tests.support.statements import recorded


def is_owner(browser: Browser) -> bool:
    """Say whether a page of the owner opens."""
    return browser.get("/notes").status_code == 200


def test_the_database_holds_a_digest_of_what_the_cookie_holds(any_site: Site) -> None:
    owner = any_site.owner()
    with any_site.app.test_request_context(headers={"Cookie": f"site_session={owner.session.cookies['site_session']}"}):
        from flask import session

        secret = session["owner"]
    with any_site.app.app_context(), db.engine.connect() as connection:
        (row,) = connection.execute(text("SELECT * FROM owner_session")).mappings().all()
    assert len(secret) == 43
    assert secret not in map(str, row.values())
    assert len(row["digest"]) == 64


@pytest.mark.parametrize(("seconds", "lives"), [(7 * 86400 - 1, True), (7 * 86400, False)])
def test_a_session_ends_after_seven_days_of_rest(site: Site, seconds: int, lives: bool) -> None:
    owner = site.owner()
    site.clock.forward(seconds=seconds)
    assert is_owner(owner) is lives


@pytest.mark.parametrize(("seconds", "lives"), [(-1, True), (0, False)])
def test_a_session_ends_after_thirty_days_of_use(site: Site, seconds: int, lives: bool) -> None:
    owner = site.owner()
    for _ in range(29):
        site.clock.forward(days=1)
        assert is_owner(owner)
    site.clock.forward(seconds=86400 + seconds)
    assert is_owner(owner) is lives


def test_a_request_costs_one_query_and_a_note_a_minute(site: Site) -> None:
    owner, stranger = site.owner(), site.browser()
    stranger.get("/login")
    with site.app.app_context():
        engine = db.engine

    def about_sessions(browser: Browser) -> list[str]:
        with recorded(engine) as sent:
            browser.get("/")
        return [statement.split()[0] for statement, _ in sent.statements if "owner_session" in statement]

    assert about_sessions(stranger) == []
    assert about_sessions(owner) == ["SELECT"]
    site.clock.forward(seconds=59)
    assert about_sessions(owner) == ["SELECT"]
    site.clock.forward(seconds=1)
    assert about_sessions(owner) == ["SELECT", "UPDATE"]
    assert about_sessions(owner) == ["SELECT"]


def test_a_login_removes_what_has_ended_and_the_session_before_it(site: Site) -> None:
    site.owner()
    site.clock.forward(days=8)
    owner = site.owner()
    owner.press(owner.get("/login?again"), "Log in", password=site.password)
    with site.app.app_context(), db.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM owner_session")).scalar() == 1


def test_every_session_can_be_ended_at_once(site: Site) -> None:
    browsers = [site.owner(), site.owner()]
    with site.app.app_context():
        assert sessions.end_all() == 2
    assert [is_owner(browser) for browser in browsers] == [False, False]

"""The owner's time zone: chosen on the account page, else that of the configuration."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import text

from flask_cimd_site.models import db
from tests.support.browser import Browser, Site, soup

MADRID = "Europe/Madrid"


def shown(browser: Browser) -> str:
    """Return what the account page says about the time zone."""
    return soup(browser.get("/account")).select_one("#zone p").get_text(" ", strip=True)


def test_the_owner_chooses_a_zone(any_site: Site) -> None:
    owner = any_site.owner()
    assert shown(owner).startswith("UTC It is now")
    answer = owner.press(owner.get("/account/zone"), "Save", zone=MADRID)
    assert answer.headers["Location"] == "/account"
    page = owner.get("/account")
    assert "Times are shown in the zone Europe/Madrid." in page.text
    assert shown(owner).startswith(MADRID)
    assert shown(owner).endswith(("CET", "CEST"))
    chosen = soup(owner.get("/account/zone")).select("option[selected]")
    assert [option.get_text() for option in chosen] == [MADRID]


def test_without_a_choice_the_configuration_counts(make_site: Callable[..., Site]) -> None:
    owner = make_site(DEMO_ZONE="Asia/Tokyo").owner()
    assert shown(owner).startswith("Asia/Tokyo")
    assert shown(owner).endswith("JST")


@pytest.mark.parametrize("zone", ["", "Mars/Olympus", "../../etc/passwd", "europe/madrid", "x" * 10_000, "\x00"])
def test_another_word_is_refused(site: Site, zone: str) -> None:
    owner = site.owner()
    answer = owner.press(owner.get("/account/zone"), "Save", zone=zone)
    assert answer.status_code == 400
    assert soup(answer).select_one("#problem").get_text() == "Choose a time zone of the list."
    assert shown(owner).startswith("UTC")


def test_a_zone_that_the_system_does_not_know_any_more_is_passed_over(site: Site) -> None:
    with site.app.app_context(), db.engine.begin() as connection:
        connection.execute(text("UPDATE account SET zone = 'Europe/Atlantis'"))
    assert shown(site.owner()).startswith("UTC")


def test_days_of_the_activity_log_begin_in_it(site: Site) -> None:
    # At noon of the 24th in UTC, the 25th has begun in Auckland.
    owner = site.owner()
    query = "/activity/export.json?kind=login&since=2026-11-25"
    assert owner.get(query).json() == []
    owner.press(owner.get("/account/zone"), "Save", zone="Pacific/Auckland")
    assert len(owner.get(query).json()) == 1

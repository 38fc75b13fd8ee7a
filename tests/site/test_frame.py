"""The frame of the owner's pages: one navigation, messages, notices, times, language, and addresses of static files."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest
from flask import flash

from flask_cimd_site import frame, language
from flask_cimd_site.frame import Notice
from tests.support.browser import Site, soup

PAGES = ["/apps", "/clients", "/explain", "/notes", "/profile", "/setup"]
INSTANT = datetime(2026, 11, 26, 23, 30, tzinfo=UTC)


@pytest.mark.parametrize("path", PAGES)
def test_every_page_of_the_owner_has_the_same_navigation(site: Site, path: str) -> None:
    owner = site.owner()
    page = soup(owner.get(path))
    shown = {link.get_text(): str(link["href"]) for link in page.select("nav.places a")}
    with site.app.test_request_context():
        expected = [str(place.text) for place in frame.PLACES if place.endpoint in site.app.view_functions]
    assert list(shown) == expected
    assert len(shown) >= 4
    assert all(owner.get(address).status_code == 200 for address in shown.values())
    assert page.select_one("header.top form[action='/logout'] button").get_text() == "Log out"


@pytest.mark.parametrize(("path", "current"), [("/apps", "Apps"), ("/clients", "Rules"), ("/explain", "Check an app")])
def test_the_navigation_says_where_the_owner_is(site: Site, path: str, current: str) -> None:
    page = soup(site.owner().get(path))
    assert [link.get_text() for link in page.select("nav.places [aria-current=page]")] == [current]


def test_a_place_without_a_page_is_left_out(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frame, "PLACES", (frame.Place("Here", "home.show"), frame.Place("Nowhere", "nowhere.show")))
    with site.app.test_request_context():
        assert [entry.text for entry in frame.navigation()] == ["Here"]


def test_a_message_is_shown_once(site: Site) -> None:
    @site.app.get("/done")
    def done() -> str:
        flash("The <rule> was removed.")
        return ""

    owner = site.owner()
    owner.get("/done")
    shown = soup(owner.get("/clients")).select("main .done[role=status]")
    assert [tag.get_text() for tag in shown] == ["The <rule> was removed."]
    assert soup(owner.get("/clients")).select(".done") == []


def test_a_notice_stays_on_every_page(site: Site) -> None:
    frame.add_notices(site.app, lambda: [Notice(text="A <new> app.", address="/apps", link="See it")])
    owner = site.owner()
    for path in ("/clients", "/explain"):
        (notice,) = soup(owner.get(path)).select(".top [role=note]")
        assert notice.get_text() == "A <new> app. See it"
        assert notice.a is not None
        assert notice.a["href"] == "/apps"


def test_instants_are_shown_in_the_zone_of_the_owner(make_site: Callable[..., Site]) -> None:
    site = make_site(DEMO_ZONE="Europe/Berlin")
    with site.app.test_request_context():
        expected = '<time datetime="2026-11-26T23:30:00+00:00">27 November 2026, 00:30 CET</time>'
        assert language.moment(INSTANT) == expected
        assert language.day(INSTANT, "dt-updated") == (
            '<time class="dt-updated" datetime="2026-11-26T23:30:00+00:00">27 November 2026</time>'
        )
    with site.app.test_request_context(headers={"Accept-Language": "de-AT,de;q=0.9,en;q=0.5"}):
        assert "27. November 2026, 00:30 CET" in language.moment(INSTANT)


def test_static_files_have_a_version_and_are_kept(site: Site) -> None:
    browser = site.browser()
    page = soup(browser.get("/login"))
    addresses = [str(tag["href"]) for tag in page.select("link[href^='/static/']")]
    assert len(addresses) == 2
    for address in addresses:
        assert urlsplit(address).query.startswith("v=")
        assert browser.get(address).headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert browser.get(urlsplit(address).path).headers["Cache-Control"] == "no-cache"
        assert browser.get(f"{urlsplit(address).path}?v=0").headers["Cache-Control"] == "no-cache"
        assert browser.get(f"{urlsplit(address).path}x?v=0").headers["Cache-Control"] == "no-store"

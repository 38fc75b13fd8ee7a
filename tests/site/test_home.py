"""The owner's home page: an h-card for people, discovery for programs."""

from __future__ import annotations

from typing import Any

import mf2py
import pytest

from flask_cimd.core.links import link_targets
from tests.support.browser import Site, soup
from tests.support.proves import proves

OWNER = {"DEMO_OWNER_NAME": "Ada <b>Lovelace</b>", "DEMO_ME": "https://ada.example/"}


def test_the_profile_is_an_h_card_that_microformats_parsers_read(make_site: Any) -> None:
    page = make_site(**OWNER).browser().get("/")
    (card,) = mf2py.parse(doc=page.text, url=page.url)["items"]
    assert card["type"] == ["h-card"]
    assert card["properties"]["name"] == ["Ada <b>Lovelace</b>"]
    assert card["properties"]["url"] == ["https://ada.example/"]


def test_a_site_that_is_not_the_owners_home_does_not_say_so(make_site: Any, site: Site) -> None:
    assert f"This is the home of {site.base_url}/" in soup(site.browser().get("/")).get_text()
    page = soup(make_site(**OWNER).browser().get("/")).get_text()
    assert "The owner of https://ada.example/ signs in to other apps through this site." in page


@proves("IA-16")
@pytest.mark.parametrize("relation", ["indieauth-metadata", "authorization_endpoint", "token_endpoint"])
def test_discovery_works_by_element_and_by_header(site: Site, relation: str) -> None:
    # And its elders
    page = site.browser().get("/")
    (element,) = soup(page).select(f'link[rel="{relation}"]')
    (header,) = link_targets(page.raw.headers.getlist("link"), relation)
    assert element["href"] == header
    assert header.startswith(site.base_url + "/")
    assert site.browser().request("OPTIONS", header).ok


def test_only_the_owner_sees_the_way_to_the_connected_apps(site: Site) -> None:
    assert "/apps" not in site.browser().get("/").text
    assert "/apps" in site.owner().get("/").text


def test_healthz_says_that_the_database_answers(any_site: Site) -> None:
    answer = any_site.browser().get("/healthz")
    assert (answer.status_code, answer.text) == (200, "ok")


def test_healthz_says_when_it_does_not(make_site: Any, tmp_path: Any) -> None:
    site = make_site(f"sqlite:///{tmp_path}/folder.db")
    with site.app.app_context():
        from flask_cimd_site.models import db

        db.engine.dispose()
    (tmp_path / "folder.db").unlink()
    (tmp_path / "folder.db").mkdir()
    answer = site.browser().get("/healthz")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    assert "sqlite" not in answer.text.lower()

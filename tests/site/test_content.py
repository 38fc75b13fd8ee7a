"""The sanitiser of posts by itself: what is left of markup and of text."""

from __future__ import annotations

from typing import Any

import pytest

from flask_cimd_site.site import content, media
from flask_cimd_site.site.content import _linked, _photo, sanitise
from tests.site.posting import Poster
from tests.support.browser import Site

IMAGES = "https://me.example/media/"


@pytest.mark.parametrize("href", ["/logout", "javascript:alert(1)", "//evil.example/", "data:text/html,x"])
def test_a_link_that_is_no_absolute_web_address_is_dropped(href: str) -> None:
    assert "href" not in sanitise(f'<a href="{href}">x</a>', IMAGES)


def test_a_link_hides_where_it_was_followed() -> None:
    assert 'rel="noopener noreferrer"' in sanitise('<a href="https://a.example/" rel="me">x</a>', IMAGES)


@pytest.mark.parametrize("tag", ["a", "p", "img", "td"])
def test_no_element_keeps_a_class(tag: str) -> None:
    assert "class" not in sanitise(f'<{tag} class="h-card u-url">x</{tag}>', IMAGES)


def test_text_with_a_long_run_of_closing_marks_is_escaped() -> None:
    assert "<script>" not in _linked(")" * 33 + "<script>alert(1)</script>")


#: Each pass moves another link out of another table: three passes differ.
RESTLESS = '<h2><a href="https://x.example/"><table>' * 2


def test_markup_is_sanitised_until_it_is_read_the_same_again() -> None:
    kept = sanitise(RESTLESS, IMAGES)
    assert "<a " in kept
    assert sanitise(str(kept), IMAGES) == kept


def test_markup_that_is_still_read_differently_after_the_last_pass_is_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content, "_MOST_PASSES", 1)
    sanitise.cache_clear()
    try:
        assert sanitise(RESTLESS + "text", IMAGES) == "text"
    finally:
        sanitise.cache_clear()


@pytest.mark.parametrize("value", ["https://evil.example/x.png", {"value": "https://evil.example/x.png", "alt": "x"}])
def test_a_photo_of_another_site_is_not_this_sites(posting_site: Site, value: Any) -> None:
    with posting_site.app.test_request_context():
        assert not _photo(value).is_own
        assert _photo(f"{media.prefix()}{'0123456789abcdef' * 2}.png").is_own


def test_a_photo_of_another_site_is_a_link_and_never_loaded(poster: Poster) -> None:
    page = poster.page(poster.note("Look", photo=["https://evil.example/x.png"])).text
    assert 'href="https://evil.example/x.png"' in page
    assert 'src="https://evil.example' not in page

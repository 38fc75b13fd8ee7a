"""The sanitiser of posts by itself: what is left of markup and of text."""

from __future__ import annotations

import pytest

from demo.site.content import _linked, sanitise

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

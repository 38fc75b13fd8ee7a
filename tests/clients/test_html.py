"""Where a page's links lead: headers first, elements next, and nothing that a visitor may have placed."""

from __future__ import annotations

import pytest

from flask_cimd.clients.html import UnreadablePageError, page_links
from tests.support.proves import proves

URL = "https://me.example/blog/"


def links(html: str | bytes, *headers: str, relation: str = "micropub") -> tuple[str, ...]:
    body = html.encode() if isinstance(html, str) else html
    return page_links(body, url=URL, charset=None, link_headers=headers, relations=[relation])[relation]


@proves("IA-15")
def test_headers_come_before_elements_and_each_target_once() -> None:
    html = '<link rel="micropub" href="https://b.example/"><link rel="micropub" href="https://a.example/">'
    headers = ('<https://a.example/>; rel="micropub"', '<https://c.example/>; rel="me micropub"')
    assert links(html, *headers) == ("https://a.example/", "https://c.example/", "https://b.example/")


@proves("IA-16")
def test_relative_targets_resolve_against_the_page_and_elements_against_its_base() -> None:
    html = '<base href="https://base.example/x/"><link rel="micropub" href="m">'
    assert links(html, "<m>; rel=micropub") == ("https://me.example/blog/m", "https://base.example/x/m")


@pytest.mark.parametrize(
    "html",
    [
        '<a rel="micropub" href="https://evil.example/">x</a>',
        '<area rel="micropub" href="https://evil.example/">',
        '<!-- <link rel="micropub" href="https://evil.example/"> -->',
        '<template><link rel="micropub" href="https://evil.example/"></template>',
        '<textarea><link rel="micropub" href="https://evil.example/"></textarea>',
        '<link rel="micropub" href="">',
        '<link rel="micropub">',
        '<link rel="micropubs" href="https://evil.example/">',
        '<link rel="micropub" href="https://[::1">',
        "",
        "\x00\xff",
    ],
)
def test_other_places_do_not_count(html: str) -> None:
    assert links(html) == ()


@pytest.mark.parametrize("relation", ["MicroPub", "me\n micropub", " micropub "])
def test_a_relation_is_a_list_without_regard_to_case(relation: str) -> None:
    assert links(f'<link rel="{relation}" href="m">') == ("https://me.example/blog/m",)


@pytest.mark.parametrize("href", ["javascript:alert(1)", "data:text/html,x", "//", "ftp://x/"])
def test_a_base_that_is_no_web_address_does_not_count(href: str) -> None:
    assert links(f'<base href="{href}"><link rel="micropub" href="m">')[0].startswith("https://")


@pytest.mark.parametrize(
    "body", [b"<div>" * 60_000, b"<" * 200_000, b"\xff\xfe<\x00l", b"<?xml version='1.0'?><a/>", b"&#xD800;"]
)
def test_any_bytes_are_a_page_or_unreadable(body: bytes) -> None:
    try:
        found = links(body)
    except UnreadablePageError:
        return
    assert found == ()

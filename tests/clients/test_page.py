"""What is read from a legacy client's page: the h-app, its links, and nothing that a hostile page would like to add."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from flask_cimd import ClientMetadata
from flask_cimd.clients.html import parse_page
from flask_cimd.core.identifier import IdentifierRules, parse_identifier
from flask_cimd.core.legacy import canonical_url
from flask_cimd.core.redirects import match_redirect
from flask_cimd.core.rules import DocumentRules
from flask_cimd.errors import DocumentError, RedirectMismatchError
from tests.support.proves import NO_CORPUS, proves

_ROOT = Path(__file__).resolve().parents[2]
VECTORS = json.loads((_ROOT / "tests" / "vectors" / "happ.json").read_text())
CORPUS = _ROOT.parent / "shared" / "corpus" / "happ"
RULES = IdentifierRules(allow_loopback_clients=True, allow_http_clients=True)


def read(
    page: str | bytes, client_id: str = "https://app.example.com/", final_url: str | None = None, **more: Any
) -> ClientMetadata:
    identifier = parse_identifier(client_id, RULES)
    return parse_page(
        page if isinstance(page, bytes) else page.encode(),
        identifier=identifier,
        final_url=final_url or identifier.fetch_url,
        link_headers=more.get("headers", ()),
        charset=more.get("charset"),
        rules=DocumentRules(),
    )


@proves("IA-53", "IA-54", "IA-55")
@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: f"{vector['id']}-{vector['rule']}".replace(" ", "_"))
def test_a_page_says_what_the_reference_says(vector: dict[str, Any]) -> None:
    found = read(
        vector["page"].encode(vector.get("encoding", "utf-8")),
        vector.get("client_id", "https://app.example.com/"),
        vector.get("final_url"),
        headers=vector.get("headers", ()),
        charset=vector.get("charset"),
    )
    assert {
        "name": found.client_name,
        "logo": found.logo_uri,
        "logo_alt": found.logo_alt,
        "redirect_uris": list(found.redirect_uris),
    } == vector["expected"]
    assert found.source == "page"
    assert found.auth_methods == ("none",)
    assert found.publishes_redirects is bool(found.redirect_uris)


def _pages() -> list[Path]:
    return sorted(CORPUS.glob("*.html"))


@pytest.mark.parametrize("page", _pages() or [None], ids=lambda page: page.stem if page else "none")
def test_pages_of_real_clients_come_out_as_expected(page: Path | None) -> None:
    if page is None:
        pytest.skip(NO_CORPUS)
    about = json.loads(page.with_suffix(".json").read_text())
    headers = about.get("notes", {}).get("headers", {})
    links = [value for name, value in headers.items() if name.lower() == "link"]
    found = read(page.read_bytes(), about["client_id"], about["base_url"], headers=links)
    expected = about["expected"]
    assert found.client_name == expected["name"]
    assert found.logo_uri == expected["logo"]
    assert list(found.redirect_uris) == expected["redirect_uris"]


def test_the_client_s_own_address_is_the_only_link_shown() -> None:
    page = '<div class="h-app"><a class="u-url p-name" href="/">App</a><a class="u-url" href="https://evil.example/">x</a></div>'
    assert read(page).client_uri == "https://app.example.com/"


def test_of_fifty_apps_the_first_twenty_are_looked_at() -> None:
    others = "".join(f'<a class="h-app" href="https://other.example/{n}">Other</a>' for n in range(19))
    mine = '<a class="h-app" href="/">Mine</a>'
    assert read(others + mine + others + others).client_name == "Mine"
    assert read(others + others + mine).client_name is None


def test_an_app_of_more_than_four_hundred_nodes_is_not_read() -> None:
    large = f'<div class="h-app"><a class="u-url p-name" href="/">Large</a>{"<b>x</b>" * 250}</div>'
    small = '<a class="h-app" href="/">Small</a>'
    assert read(large).client_name is None
    assert read(large + small).client_name == "Small"
    assert read(f'<div class="h-app">{"<p>" * 30}</div>{small}').client_name == "Small"


@pytest.mark.parametrize(
    "page",
    [
        b"<div>" * 50000,
        b'<div class="h-app">' * 13000,
        b"<" * 262144,
        b"&" * 262144,
        b"<a b='" * 40000,
        b'<div class="h-app ' + b"x " * 120000 + b'">',
        b"<div " + b"".join(b"a%d=1 " % n for n in range(25000)) + b' class="h-app">',
        b'<link rel="redirect_uri" href="/x">' * 7000,
        b"\x00" * 262144,
        b"\xff\xfe" + b"<\x00" * 100000,
    ],
    ids=[
        "nested",
        "nested-apps",
        "less-than",
        "ampersands",
        "attributes",
        "classes",
        "many-attributes",
        "links",
        "nul",
        "utf-16",
    ],
)
def test_a_hostile_page_is_read_or_refused_and_nothing_else(page: bytes) -> None:
    with suppress(DocumentError):
        assert len(read(page).redirect_uris) <= 1


def test_a_page_of_very_many_tags_is_refused_before_it_is_parsed() -> None:
    with pytest.raises(DocumentError) as caught:
        read("<i>" * 30_001)
    assert [problem.rule for problem in caught.value.problems] == ["too-many-tags"]
    assert read("<i></i>" * 15_000).client_name is None


def test_at_most_fifty_redirects_are_kept() -> None:
    page = "".join(f'<link rel="redirect_uri" href="/{n}">' for n in range(80))
    assert len(read(page).redirect_uris) == 50


@proves("IA-56 … IA-62")
@pytest.mark.parametrize(
    ("requested", "allowed"),
    [
        ("https://app.example.com/redirect", True),
        ("https://app.example.com/redirect/", True),
        ("https://app.example.com/any?x=1", True),
        ("https://app.example.com:443/cb", True),
        ("https://APP.example.com/cb", True),
        ("http://app.example.com/cb", False),
        ("https://sub.app.example.com/cb", False),
        ("https://app.example.com:8443/cb", False),
        ("https://other.example/redirect", True),
        ("https://other.example/redirect/", False),
        ("https://other.example/redirect?x=1", False),
        ("myapp://cb", False),
        ("https://app.example.com/cb#x", False),
        ("javascript:alert(1)", False),
        ("/cb", False),
        ("", False),
    ],
)
def test_a_page_client_is_sent_within_its_origin_or_to_what_it_lists(requested: str, allowed: bool) -> None:
    client = read('<link rel="redirect_uri" href="https://other.example/redirect">')
    if allowed:
        assert match_redirect(requested, client) == requested
        return
    with pytest.raises(RedirectMismatchError):
        match_redirect(requested, client)


@proves("IA-08", "IA-09", "IA-11")
@pytest.mark.parametrize(
    ("url", "canonical"),
    [
        ("https://EXAMPLE.com", "https://example.com/"),
        ("https://example.com:443/#x", "https://example.com/"),
        ("http://example.com:80/a?b", "http://example.com/a?b"),
        ("https://example.com/user/", "https://example.com/user/"),
        ("https://example.com/%7Ea", "https://example.com/%7Ea"),
        ("https://example.com:99999/", ""),
        ("https://[::1/", ""),
        ("mailto:a@example.com", ""),
        ("https://a@example.com/", ""),
        ("", ""),
    ],
)
def test_nothing_else_is_folded(url: str, canonical: str) -> None:
    assert canonical_url(url) == canonical


@pytest.mark.parametrize(
    "classes",
    ["p-name h-app u-url", "p-a p-b p-c p-d p-e p-f h-app", "h-app u-a e-b dt-c", "vcard fn org agent h-app", "h-app"],
)
def test_nested_items_cost_no_more_than_their_number(classes: str) -> None:
    # mf2py reads an item once for each property that it is; a page of a thousand bytes would take years
    page = f'<div class="{classes}">'.encode() * 24 + b'<p class="p-name">App</p>'
    client = parse_page(
        page,
        identifier=parse_identifier("https://app.example/", IdentifierRules()),
        final_url="https://app.example/",
        link_headers=(),
        charset=None,
        rules=DocumentRules(),
    )
    assert client.source == "page"


def test_a_base_inside_an_inert_part_of_an_app_does_not_move_its_logo() -> None:
    app = '<div class="h-app">{}<p class="p-name">App</p><img class="u-logo" src="/l.png"></div>'
    assert (
        read(app.format('<svg><base href="https://evil.example/"></svg>')).logo_uri == "https://app.example.com/l.png"
    )
    assert read(app.format('<base href="https://cdn.example/">')).logo_uri == "https://cdn.example/l.png"


@pytest.mark.parametrize("charset", ["nonsense", "utf-7", "ascii", "\x00", ""])
def test_a_page_is_read_whatever_charset_its_server_names(charset: str) -> None:
    assert read('<a class="h-app" href="/">Café</a>', charset=charset).client_name == "Café"


@pytest.mark.parametrize(
    ("encoding", "charset", "declared"),
    [
        ("utf-8", None, ""),
        ("windows-1252", None, ""),
        ("shift_jis", "shift_jis", ""),
        ("shift_jis", None, '<meta charset="shift_jis">'),
        ("utf-16", None, ""),
        ("utf-8", "utf-8", '<meta charset="shift_jis">'),
    ],
)
def test_the_encoding_comes_from_header_mark_or_page_and_is_never_guessed(
    encoding: str, charset: str | None, declared: str
) -> None:
    name = "アプリ" if encoding == "shift_jis" else "Café"
    page = f'{declared}<a class="h-app" href="/">{name}</a>'.encode(encoding)
    assert read(page, charset=charset).client_name == name


def test_markup_that_the_microformats_parser_fails_on_is_no_fault_of_this_server() -> None:
    page = '<div class="h-app"><b class="u-url"><i class="value-title"></i><i class="value">x</i></b></div>'
    with pytest.raises(DocumentError) as caught:
        read(page)
    assert [problem.rule for problem in caught.value.problems] == ["unreadable-page"]


def test_comments_and_processing_instructions_are_no_part_of_a_name() -> None:
    page = '<a class="h-app" href="/">My<!-- not this --> app<?php echo 1 ?></a>'
    assert read(page).client_name == "My app"


@pytest.mark.parametrize("element", ["template", "textarea", "iframe", "noembed", "noframes", "xmp", "svg", "math"])
def test_elements_that_a_browser_keeps_aside_hold_neither_apps_nor_links(element: str) -> None:
    inside = '<link rel="redirect_uri" href="/evil"><a class="h-app" href="/">Evil</a>'
    found = read(f'<{element}><b>{inside}</b></{element}><link rel="redirect_uri" href="/cb">')
    assert (found.client_name, found.redirect_uris) == (None, ("https://app.example.com/cb",))


@pytest.mark.parametrize("allowed", [True, False])
def test_a_logo_on_this_computer_counts_in_development_alone(allowed: bool) -> None:
    # behind a proxy, which looks names up by itself, nothing else would stop it
    body = b'<div class="h-app"><p class="p-name">App</p><img class="u-logo" src="https://localhost:1/logo.png"></div>'
    found = parse_page(
        body,
        identifier=parse_identifier("https://app.example/", IdentifierRules()),
        final_url="https://app.example/",
        link_headers=(),
        charset=None,
        rules=DocumentRules(allow_loopback=allowed),
    )
    assert found.logo_uri == ("https://localhost:1/logo.png" if allowed else None)

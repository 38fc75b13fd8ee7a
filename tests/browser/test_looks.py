"""Every page in every variant, light and dark, on a phone and on a desk: what axe-core says, and how much it weighs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from tests.support.node import node_project
from tests.support.pages import NEEDED_LOOKS, Shown, every_page, looks, needed_looks, shown_site

MOST_BYTES = 60_000
_RUN = """async only => (await axe.run(document, {resultTypes: ['violations'], ...only})).violations.flatMap(
    found => found.nodes.map(node => `${found.id}: ${node.target} ${node.failureSummary}`))"""
#: Buttons, fields and cards without an edge: colours that are forced leave no other sign of them.
_NO_EDGES = """() => [...document.querySelectorAll('button:not(.quiet), .button, select, input, .card')]
    .filter(part => part.offsetParent && !['checkbox', 'radio', 'file', 'hidden'].includes(part.type)
        && parseFloat(getComputedStyle(part).borderTopWidth) === 0)
    .map(part => `no edge: ${part.outerHTML.slice(0, 80)}`)"""
_WEIGHT = """() => [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]
    .reduce((sum, entry) => sum + entry.decodedBodySize, 0)"""


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory, ca: trustme.CA, ca_bundle: Path) -> Iterator[Shown]:
    axe = node_project("axe_node") / "node_modules" / "axe-core" / "axe.min.js"
    with shown_site(tmp_path_factory.mktemp("shown"), ca, ca_bundle) as running:
        for page in (running.owner, running.stranger):
            page.context.add_init_script(path=axe)  # half a megabyte: sent once, not once a page
        yield running


#: What a narrower screen can break; a theme changes colours alone.
_OF_WIDTH = ["color-contrast", "scrollable-region-focusable", "meta-viewport", "link-in-text-block"]
_OF_COLOURS = ["color-contrast"]


def violations(page: Any, *, needed: bool = True) -> dict[str, list[str]]:
    """Return what axe-core finds in each look: everything once, then what the look can change."""
    found = {}
    for look in looks(page):
        if look == "1280-dark":
            continue  # its colours are those of 390-dark, its boxes those of 1280-light
        rules = {"1280-light": None, "390-light": _OF_WIDTH}.get(look, _OF_COLOURS)
        found[look] = page.evaluate(_RUN, {} if rules is None else {"runOnly": rules})
    for look in needed_looks(page) if needed else ():
        found[look] = page.evaluate(_RUN, {"runOnly": _OF_COLOURS})
        found[look] += page.evaluate(_NO_EDGES) if look == "forced-colors" else []
    return {look: lines for look, lines in found.items() if lines}


def test_no_page_keeps_anybody_out_or_is_heavy(shown: Shown) -> None:
    broken: dict[str, Any] = {}
    weights: dict[str, int] = {}
    for name, open_page in every_page(shown):
        page = open_page(shown)
        weights[name] = page.evaluate(_WEIGHT)
        # The variants of the consent page have the same parts.
        if found := violations(page, needed=not name.startswith("consent-") or name == "consent-changed"):
            broken[name] = found
    assert broken == {}
    assert {"home", "clients", "explain", "check-shared", "profile", "consent-changed"} <= weights.keys()
    assert all(0 < weight < MOST_BYTES for weight in weights.values()), weights


def test_axe_sees_a_field_without_a_label(shown: Shown) -> None:
    # The control: with a fault on the page, the check above fails.
    shown.stranger.goto(shown.address("/login"))
    shown.stranger.evaluate("document.querySelector('label[for=password]').remove()")
    assert any("label: #password" in line for found in violations(shown.stranger).values() for line in found)


def test_axe_sees_pale_text_in_every_look(shown: Shown) -> None:
    page = shown.stranger
    page.goto(shown.address("/login"))
    page.evaluate("for (const part of document.querySelectorAll('p, label')) part.style.color = 'GrayText'")
    page.evaluate("for (const part of document.querySelectorAll('p, label')) part.style.opacity = '0.4'")
    page.evaluate("document.querySelector('button').style.border = '0'")
    assert set(violations(page)) == {"390-light", "390-dark", "1280-light", *NEEDED_LOOKS}


def test_a_german_browser_gets_german_pages(shown: Shown) -> None:
    page = shown.owner
    page.context.set_extra_http_headers({"Accept-Language": "de"})
    try:
        page.goto(shown.address("/clients"))
        assert page.locator("html").get_attribute("lang") == "de"
        assert page.get_by_role("heading", level=1).inner_text() == "Regeln für Apps"
        assert page.get_by_role("navigation").get_by_role("link").first.inner_text() == "Notizen"
        assert page.get_by_role("button", name="Abmelden").is_visible()
    finally:
        page.context.set_extra_http_headers({})

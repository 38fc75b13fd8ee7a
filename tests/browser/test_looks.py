"""Every page in every variant, light and dark, on a phone and on a desk: what axe-core says, and how much it weighs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from tests.support.node import node_project
from tests.support.pages import Shown, every_page, looks, shown_site

MOST_BYTES = 60_000
_RUN = """async only => (await axe.run(document, {resultTypes: ['violations'], ...only})).violations.flatMap(
    found => found.nodes.map(node => `${found.id}: ${node.target} ${node.failureSummary}`))"""
_WEIGHT = """() => [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]
    .reduce((sum, entry) => sum + entry.decodedBodySize, 0)"""


@pytest.fixture(scope="module")
def axe() -> str:
    return (node_project("axe_node") / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory, ca: trustme.CA, ca_bundle: Path) -> Iterator[Shown]:
    with shown_site(tmp_path_factory.mktemp("shown"), ca, ca_bundle) as running:
        yield running


def violations(page: Any, axe: str) -> dict[str, list[str]]:
    page.evaluate(axe)
    return {look: found for look in looks(page) if (found := page.evaluate(_RUN, _rules(look)))}


def _rules(look: str) -> dict[str, Any]:
    # A theme changes colours alone.
    return {"runOnly": ["color-contrast"]} if look.endswith("-dark") else {}


def test_no_page_keeps_anybody_out_or_is_heavy(shown: Shown, axe: str) -> None:
    broken: dict[str, Any] = {}
    weights: dict[str, int] = {}
    for name, open_page in every_page(shown):
        page = open_page(shown)
        weights[name] = page.evaluate(_WEIGHT)
        if found := violations(page, axe):
            broken[name] = found
    assert broken == {}
    assert {"home", "clients", "explain", "check-shared", "profile", "consent-changed"} <= weights.keys()
    assert all(0 < weight < MOST_BYTES for weight in weights.values()), weights


def test_axe_sees_a_field_without_a_label(shown: Shown, axe: str) -> None:
    # The control: with a fault on the page, the check above fails.
    shown.stranger.goto(shown.address("/login"))
    shown.stranger.evaluate("document.querySelector('label[for=password]').remove()")
    assert any("label: #password" in line for found in violations(shown.stranger, axe).values() for line in found)


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

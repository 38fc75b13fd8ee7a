"""Every variant of the consent page, rendered by the site: what it shows, warns of and offers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from tests.support.browser import soup, warnings_on
from tests.support.demo import demo_in_process
from tests.support.variants import VARIANTS, Stage, Variant, environment, served_apps


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, ca: trustme.CA, ca_bundle: Path) -> Iterator[Stage]:
    url = f"sqlite:///{tmp_path_factory.mktemp('variants')}/demo.db"
    with served_apps(ca) as apps, demo_in_process(url, ca_bundle, **environment(apps)) as site:
        yield Stage(site, apps)


@pytest.fixture(params=VARIANTS.values(), ids=VARIANTS.keys())
def variant(request: pytest.FixtureRequest) -> Variant:
    found: Variant = request.param
    return found


def test_a_variant_shows_what_is_particular_to_it(stage: Stage, variant: Variant) -> None:
    page = variant.open(stage)
    shown = soup(page)
    assert tuple(warnings_on(page)) == variant.warnings
    assert [tag["data-acquaintance"] for tag in shown.select("[data-acquaintance]")] == [variant.acquaintance]
    assert tuple(box["value"] for box in shown.select("input[name=scope]")) == variant.scopes
    text = shown.get_text(" ", strip=True)
    assert "<" not in text, "an element stands on the page as text"
    for sentence in variant.texts:
        assert sentence in text
    for sentence in variant.absent:
        assert sentence not in text


def test_every_variant_says_something_and_keeps_something_to_itself() -> None:
    assert all(variant.texts and variant.absent for variant in VARIANTS.values())

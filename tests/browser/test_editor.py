"""A person signs in to the sample editor, writes a note, and reads it on their home page; without JavaScript."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.support.demo import RunningDemo


@pytest.fixture
def demo(sample_demo: RunningDemo) -> RunningDemo:
    """Return the site with its sample apps."""
    return sample_demo


@pytest.fixture
def page(open_page: Any) -> Any:
    """Open a phone-wide page without JavaScript."""
    return open_page(java_script_enabled=False, viewport={"width": 375, "height": 800}).page


def test_a_note_written_in_the_editor_stands_on_the_home_page(demo: RunningDemo, page, tmp_path: Path) -> None:
    strangers: list[str] = []
    page.on("request", lambda request: strangers.append(request.url) if not is_here(request.url) else None)
    page.goto(demo.samples["Notebook"])
    page.get_by_role("button", name="Sign in as").click()
    page.get_by_label("Password").fill(demo.password)
    page.get_by_role("button", name="Log in").click()
    assert {box.get_attribute("value") for box in page.locator("input[name=scope]").all()} >= {"create", "profile"}
    page.get_by_role("button", name="Approve").click()

    page.get_by_label("Your words").fill("Written in a browser <3\nhttps://example.org/")
    page.get_by_role("button", name="Publish", exact=True).click()
    page.get_by_role("link", name="On your site").click()
    assert page.locator(".h-entry .e-content").inner_text() == "Written in a browser <3\nhttps://example.org/"
    permalink = page.url

    page.goto(demo.base_url)
    assert page.locator(".h-feed .h-entry a.u-url").first.get_attribute("href") == permalink

    page.goto(demo.samples["Notebook"])
    page.get_by_label("Text").fill("Changed in a browser")
    page.get_by_role("button", name="Save", exact=True).click()
    page.goto(permalink)
    assert "Changed in a browser" in page.locator(".e-content").inner_text()

    page.goto(demo.samples["Notebook"])
    page.get_by_role("button", name="Delete").click()
    assert page.goto(permalink).status == 410
    assert strangers == []


def test_pages_fit_a_phone(demo: RunningDemo, page) -> None:
    page.goto(demo.base_url + "/login")
    page.get_by_label("Password").fill(demo.password)
    page.get_by_role("button", name="Log in").click()
    for path in ("/", "/profile", "/setup", "/drafts"):
        page.goto(demo.base_url + path)
        box = page.locator("main").bounding_box()
        assert box["width"] <= 375
        for wide in page.locator("pre, img, input, textarea").all():
            inner = wide.bounding_box()
            assert inner is None or inner["x"] + inner["width"] <= 375, path


def is_here(url: str) -> bool:
    return urlsplit(url).hostname in ("127.0.0.1", "localhost")

"""A person signs in to the sample editor, writes a note, and reads it on their home page; without JavaScript."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from demo.samples import indieweb
from tests.support.chromium import PHONE, Watch
from tests.support.demo import RunningDemo


def let_in(watch: Watch, demo: RunningDemo) -> Any:
    page = watch.page
    page.goto(demo.samples[indieweb.TITLE])
    page.get_by_role("button", name="Sign in as").click()
    page.get_by_label("Password").fill(demo.password)
    page.get_by_role("button", name="Log in").click()
    assert {box.get_attribute("value") for box in page.locator("input[name=scope]").all()} >= {"create", "profile"}
    page.get_by_role("button", name="Approve").click()
    return page


def test_a_note_written_in_the_editor_stands_on_the_home_page(open_page: Any, sample_demo: RunningDemo) -> None:
    watch = open_page(viewport=PHONE, java_script_enabled=False)
    page = let_in(watch, sample_demo)
    page.get_by_label("New note").fill("Written in a browser <3\nhttps://example.org/")
    page.get_by_role("button", name="Publish", exact=True).click()
    page.get_by_role("link", name="On your site").click()
    assert page.locator(".h-entry .e-content").inner_text() == "Written in a browser <3\nhttps://example.org/"
    permalink = page.url

    page.goto(sample_demo.base_url)
    assert page.locator(".h-feed .h-entry a.u-url").first.get_attribute("href") == permalink

    page.goto(sample_demo.samples[indieweb.TITLE])
    page.get_by_label("Text").fill("Changed in a browser")
    page.get_by_role("button", name="Save", exact=True).click()
    page.goto(permalink)
    assert "Changed in a browser" in page.locator(".e-content").inner_text()

    page.goto(sample_demo.samples[indieweb.TITLE])
    page.get_by_role("button", name="Delete").click()
    assert page.goto(permalink).status == 410
    watch.require_calm(*(urlsplit(url).netloc for url in (sample_demo.base_url, *sample_demo.samples.values())))


def test_the_owners_pages_are_calm_on_every_screen(
    open_page: Any, sample_demo: RunningDemo, screen: dict[str, int], pictures: Any
) -> None:
    watch = open_page(viewport=screen)
    page = watch.page
    page.goto(sample_demo.base_url + "/login")
    page.get_by_label("Password").fill(sample_demo.password)
    page.get_by_role("button", name="Log in").click()
    for path in ("/", "/profile", "/setup", "/notes"):
        page.goto(sample_demo.base_url + path)
        watch.require_calm(urlsplit(sample_demo.base_url).netloc)
        pictures(page, f"owner{path.replace('/', '-')}-{screen['width']}")

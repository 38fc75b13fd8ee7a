"""The sample MCP client on a phone: a long note does not push the page aside."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from tests.support.demo import RunningDemo
from tests.support.requirements import need


def test_a_long_note_stays_within_390_pixels(open_page: Any, sample_demo: RunningDemo) -> None:
    need(find_spec("mcp"), "the extra mcp is not installed")
    page = open_page(viewport={"width": 390, "height": 844}).page
    page.goto(sample_demo.samples["Assistant"])
    page.get_by_role("button", name="Sign in as").click()
    page.get_by_label("Password").fill(sample_demo.password)
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("button", name="Approve").click()
    page.get_by_label("New note").fill("word" * 100)
    page.get_by_role("button", name="Publish").click()
    page.get_by_role("button", name="Approve").click()
    page.locator("#answer").wait_for()
    page.get_by_role("button", name="Read my notes").click()
    assert "word" * 100 in page.locator("#answer").inner_text()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390

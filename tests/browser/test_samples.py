"""Both sample apps from the first click to "You are …", as a person does it in Chromium."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest

from demo.samples import indieweb, legacy
from tests.support.chromium import Watch
from tests.support.demo import RunningDemo

JAVASCRIPT = pytest.mark.parametrize("javascript", [True, False], ids=["script", "no-script"])
SAMPLES = pytest.mark.parametrize("sample", [indieweb.TITLE, legacy.TITLE])


def hosts_of(demo: RunningDemo) -> list[str]:
    return [urlsplit(url).netloc for url in (demo.base_url, *demo.samples.values())]


def go_to_consent(watch: Watch, demo: RunningDemo, sample: str) -> None:
    page = watch.page
    page.goto(demo.samples[sample])
    page.get_by_role("button", name="Sign in as").click()
    page.get_by_label("Password").fill(demo.password)
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("button", name="Approve").wait_for()


@SAMPLES
@JAVASCRIPT
def test_a_person_signs_in_and_sees_who_they_are(
    open_page: Any, sample_demo: RunningDemo, screen: Any, pictures: Any, sample: str, javascript: bool
) -> None:
    # All of it works without JavaScript too.
    watch = open_page(viewport=screen, java_script_enabled=javascript)
    page = watch.page
    go_to_consent(watch, sample_demo, sample)
    assert sample in page.inner_text("main")
    assert page.inner_text("h1").startswith("localhost:")
    watch.require_calm(*hosts_of(sample_demo))
    pictures(page, f"consent-{sample}-{screen['width']}")
    page.get_by_role("button", name="Approve").click()
    assert page.inner_text("#me") == sample_demo.base_url + "/"
    assert page.url.startswith(sample_demo.samples[sample])
    if sample == indieweb.TITLE:
        assert page.inner_text("#name") == "The owner"
    else:
        assert page.inner_text("#issuer") == sample_demo.base_url
    watch.require_calm(*hosts_of(sample_demo))
    pictures(page, f"signed-in-{sample}-{screen['width']}")
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("button", name="Sign in as").wait_for()


@SAMPLES
@JAVASCRIPT
def test_a_person_who_says_no_is_told_that_nobody_was_signed_in(
    open_page: Any, sample_demo: RunningDemo, sample: str, javascript: bool
) -> None:
    watch = open_page(java_script_enabled=javascript)
    go_to_consent(watch, sample_demo, sample)
    watch.page.get_by_role("button", name="Deny").click()
    assert "nobody was signed in" in watch.page.inner_text("[role=alert]")
    assert watch.page.locator("#me").count() == 0
    watch.require_calm(*hosts_of(sample_demo))


def test_what_was_unticked_is_not_told(open_page: Any, sample_demo: RunningDemo) -> None:
    watch = open_page()
    go_to_consent(watch, sample_demo, indieweb.TITLE)
    for box in watch.page.get_by_role("checkbox").all():
        box.uncheck()
    watch.page.get_by_role("button", name="Approve").click()
    watch.page.wait_for_url(sample_demo.samples[indieweb.TITLE] + "/**")
    assert watch.page.locator("#name").count() == 0


def test_the_site_leads_to_its_sample_apps(open_page: Any, sample_demo: RunningDemo) -> None:
    watch = open_page()
    watch.page.goto(sample_demo.base_url)
    for sample in (indieweb.TITLE, legacy.TITLE):
        assert watch.page.get_by_role("link", name=sample).get_attribute("href") == sample_demo.samples[sample]


def test_a_second_app_needs_no_second_login(open_page: Any, sample_demo: RunningDemo) -> None:
    # Cookies do not tell ports apart: site and apps must not overwrite one another's.
    watch = open_page()
    page = watch.page
    go_to_consent(watch, sample_demo, indieweb.TITLE)
    page.get_by_role("button", name="Approve").click()
    page.locator("#me").wait_for()
    page.goto(sample_demo.samples[legacy.TITLE])
    page.get_by_role("button", name="Sign in as").click()
    page.get_by_role("button", name="Approve").click()
    page.locator("#me").wait_for()
    page.goto(sample_demo.samples[indieweb.TITLE])
    assert page.locator("#me").count() == 1

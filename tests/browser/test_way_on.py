"""When a sign-in fails, the owner is led on: what is wrong, the check of the app, the rule, the app's own site."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from tests.support.browser import REDIRECT, SignIn, publish_client
from tests.support.chromium import Watch
from tests.support.demo import RunningDemo

from .test_pages import log_in


@pytest.fixture
def watch(open_page: Any, screen: Any) -> Watch:
    found: Watch = open_page(viewport=screen, ignore_https_errors=True)
    return found


def ask(watch: Watch, site: RunningDemo, client_id: str) -> None:
    watch.page.goto(f"{site.base_url}/authorize?{urlencode(SignIn.begin(client_id, REDIRECT).parameters)}")


def test_from_a_broken_document_to_its_explanation(
    watch: Watch, origin: Any, running_site: RunningDemo, screen: Any, pictures: Any
) -> None:
    client_id = publish_client(origin, client_name=["x"], grant_types="all")
    log_in(watch, running_site)
    ask(watch, running_site, client_id)
    told = watch.page.locator(".reasons li").all_inner_texts()
    assert told == ["/grant_types: must be an array of strings", "/client_name: must be a string"]
    pictures(watch.page, f"way-on-error-{screen['width']}")
    asked = len(origin.requests)
    watch.page.get_by_role("link", name="Check this app").click()
    assert watch.page.get_by_label("The app’s address").input_value() == client_id
    assert len(origin.requests) == asked, "the link fetches nothing"
    watch.page.get_by_role("button", name="Check").click()
    watch.page.get_by_role("heading", name="This site refuses the app").wait_for()
    pictures(watch.page, f"way-on-explain-{screen['width']}")


def test_from_a_denial_to_the_rule(
    watch: Watch, origin: Any, running_site: RunningDemo, screen: Any, pictures: Any
) -> None:
    client_id = publish_client(origin, f"/denied-{screen['width']}.json")
    log_in(watch, running_site)
    watch.page.goto(running_site.base_url + "/clients")
    watch.page.get_by_label("Host, or address of an app").fill(client_id)
    watch.page.get_by_label("Apps that match are").select_option("deny")
    watch.page.get_by_role("button", name="Add rule").click()
    ask(watch, running_site, client_id)
    pictures(watch.page, f"way-on-denied-{screen['width']}")
    watch.page.get_by_role("link", name="See the rule").click()
    assert watch.page.locator(".rules li.about").get_attribute("data-rule") == client_id
    pictures(watch.page, f"way-on-rule-{screen['width']}")
    watch.page.get_by_role("button", name=f"Remove the rule about {client_id}").click()
    watch.page.get_by_role("button", name=f"Remove the rule about {client_id}").wait_for(state="detached")


def test_from_a_page_that_ended_to_the_app(
    watch: Watch, origin: Any, running_site: RunningDemo, screen: Any, pictures: Any
) -> None:
    log_in(watch, running_site)
    ask(watch, running_site, publish_client(origin))
    watch.page.evaluate("document.querySelector('[name=transaction]').value = 'gone'")
    watch.page.get_by_role("button", name="Approve").click()
    back = watch.page.get_by_role("link", name="Back to")
    assert back.get_attribute("href") == origin.url("/")
    assert back.inner_text() == f"Back to {urlsplit(origin.url('/')).netloc}"
    pictures(watch.page, f"way-on-ended-{screen['width']}")

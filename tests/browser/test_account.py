"""The owner's account in Chromium with a virtual authenticator: every flow from the first run to the end of a login."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.support.chromium import Watch
from tests.support.demo import RunningDemo, free_ports, running_demo

PASSWORD = "a new and long password"


@pytest.fixture(scope="module")
def new_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDemo]:
    """Run a site without an owner, at an origin with a host name."""
    port = free_ports((0,))
    given = {"DEMO_PORT": str(port), "DEMO_BASE_URL": f"http://localhost:{port}", "DEMO_FIRST_RUN": "1"}
    with running_demo(tmp_path_factory.mktemp("account"), **given) as demo:
        yield demo


def add_authenticator(watch: Watch) -> None:
    """Give the page a virtual authenticator that keeps passkeys and verifies its user."""
    session = watch.page.context.new_cdp_session(watch.page)
    session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    session.send("WebAuthn.addVirtualAuthenticator", {"options": options})


def test_an_owner_from_the_first_run_to_the_end_of_a_login(
    open_page: Callable[..., Watch], new_site: RunningDemo, pictures: Callable[[Any, str], Path]
) -> None:
    watch = open_page(viewport={"width": 390, "height": 844})
    page, site = watch.page, new_site.base_url

    def picture(name: str) -> None:
        for width in (390, 1280):
            page.set_viewport_size({"width": width, "height": 844})
            pictures(page, f"account-{name}-{width}")
            watch.require_calm(urlsplit(site).netloc)

    def button(name: str) -> Any:
        return page.get_by_role("button", name=name, exact=True)

    add_authenticator(watch)
    secret = next(line.strip() for line in new_site.printed if len(line.strip()) == 43 and " " not in line.strip())
    page.goto(f"{site}/login")
    page.get_by_label("Secret from the terminal").fill(secret)
    page.get_by_label("Your name").fill("Ada")
    picture("first-run")
    button("Create a passkey and finish").click()
    page.get_by_text("Your site is ready").wait_for()
    picture("first-run-next")

    page.goto(f"{site}/account")
    page.get_by_text("First passkey").wait_for()
    page.get_by_text("Change", exact=True).first.click()
    page.get_by_label("Name", exact=True).fill("My phone")
    button("Rename").click()
    page.get_by_text("My phone").wait_for()
    page.get_by_role("link", name="Set a password").click()
    page.get_by_label("New password").fill(PASSWORD)
    button("Save the password").click()
    button("Make new recovery codes").click()
    code = page.locator("#codes code").first.inner_text()
    page.goto(f"{site}/account")
    picture("page")

    button("Log out").click()
    page.goto(f"{site}/login?next=/account")
    picture("login")
    button("Use a passkey").click()
    page.get_by_text("Where you are logged in").wait_for()

    button("Log out").click()
    page.goto(f"{site}/login/recovery")
    page.get_by_label("Recovery code").fill(code)
    button("Use the code").click()
    page.get_by_text("Add a passkey or set a new password now").wait_for()
    page.get_by_text("Change", exact=True).first.click()
    button("Remove the passkey My phone").click()
    page.get_by_text("The passkey was removed").wait_for()
    button("End everything").click()
    page.get_by_role("heading", name="Log in").wait_for()
    page.get_by_label("Password").fill(PASSWORD)
    button("Log in").click()
    page.wait_for_url(f"{site}/")
    watch.require_calm(urlsplit(site).netloc)


def test_the_check_of_a_page_elsewhere_can_be_tried(open_page: Callable[..., Watch], sample_demo: RunningDemo) -> None:
    page = open_page().page
    page.goto(f"{sample_demo.base_url}/login?next=/setup")
    page.get_by_label("Password").fill(sample_demo.password)
    page.get_by_role("button", name="Log in").click()
    port = urlsplit(sample_demo.base_url).port or 0
    page.get_by_text(f"https://localhost:{port + 9}/elsewhere/").wait_for()
    page.get_by_label("Address of your page").fill(f"https://localhost:{port + 9}/elsewhere/")
    page.get_by_role("button", name="Check", exact=True).click()
    page.locator("[data-verdict=holds]").wait_for()

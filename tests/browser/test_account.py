"""The owner's account in Chromium with a virtual authenticator: every flow from the first run to the end of a login."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from sqlalchemy import NullPool, create_engine, text

from tests.support.chromium import Watch
from tests.support.demo import ROOT, RunningDemo, free_ports, running_demo

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


def command(site: RunningDemo, *arguments: str) -> str:
    """Run a command of the owner on the site's database, and return what it prints."""
    line = [sys.executable, "-m", "flask", "--app", "demo", "owner", *arguments]
    done = subprocess.run(line, env={**os.environ, **site.environment}, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def make_logins_old(site: RunningDemo) -> None:
    """Let eleven minutes pass for all logins."""
    engine = create_engine(site.environment["DEMO_DATABASE_URL"], poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(text("UPDATE owner_session SET proved_at = proved_at - 660"))


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

    # A second browser logs in by a link from the terminal: once, and not again.
    link = command(new_site, "recover")
    other = open_page().page
    other.goto(link)
    other.get_by_role("button", name="Log in by this link").click()
    other.get_by_text("Add a passkey or set a new password now").wait_for()
    other.goto(link)
    other.get_by_text("This link was used before").wait_for()

    # Its login is ended from here, and the log tells of it.
    page.goto(f"{site}/account")
    page.locator("#sessions").get_by_role("button", name="End the login").click()
    page.get_by_text("The login was ended.").wait_for()
    other.goto(f"{site}/account")
    other.get_by_role("heading", name="Log in").wait_for()

    # A dangerous button asks who presses it if the login is older than ten minutes.
    make_logins_old(new_site)
    button("Make new recovery codes").click()
    page.get_by_role("heading", name="Confirm that it is you").wait_for()
    page.get_by_label("Password").fill(PASSWORD)
    button("Continue").click()
    page.get_by_text("press the button once more").wait_for()

    # Ten failures stand on every page until they are read.
    for _ in range(10):
        stranger = new_site.browser()
        assert stranger.press(stranger.get("/login"), "Log in", password="wrong").status_code == 403
    page.goto(f"{site}/notes")
    page.get_by_text("Ten attempts to log in failed in a row.").wait_for()
    page.get_by_role("link", name="Look at it").click()
    button("Mark as read").click()
    page.get_by_text("Marked as read.").wait_for()
    page.goto(f"{site}/notes")
    assert page.locator(".top .notice").count() == 0

    button("Log out").click()
    page.get_by_text("You are logged out.").wait_for()
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

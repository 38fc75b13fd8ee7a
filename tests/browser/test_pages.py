"""Every page of the site at desktop and phone width: nothing from elsewhere, nothing wider than the screen."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from tests.support.browser import REDIRECT, SignIn, publish_client
from tests.support.chromium import Watch
from tests.support.demo import RunningDemo

LONG_NAME = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft" * 2


@pytest.fixture
def watch(open_page: Any, screen: Any) -> Watch:
    found: Watch = open_page(viewport=screen, ignore_https_errors=True)
    return found


@pytest.fixture
def check(watch: Watch, running_site: RunningDemo, screen: Any, pictures: Any) -> Any:
    """Return a function that takes the page's picture under a name and checks it."""

    def checked(name: str) -> None:
        pictures(watch.page, f"{name}-{screen['width']}")
        watch.require_calm(urlsplit(running_site.base_url).netloc)

    return checked


def log_in(watch: Watch, site: RunningDemo) -> None:
    watch.page.goto(site.base_url + "/login")
    watch.page.get_by_label("Password").fill(site.password)
    watch.page.get_by_role("button", name="Log in").click()
    watch.page.get_by_role("link", name="Apps", exact=True).wait_for()


def ask(watch: Watch, site: RunningDemo, client_id: str, redirect_uri: str = REDIRECT, **parameters: Any) -> None:
    log_in(watch, site)
    watch.page.goto(request(site, client_id, redirect_uri, **parameters))


def request(site: RunningDemo, client_id: str, redirect_uri: str = REDIRECT, **parameters: Any) -> str:
    sign_in = SignIn.begin(client_id, redirect_uri, **{"scope": "profile email", **parameters})
    return f"{site.base_url}/authorize?{urlencode(sign_in.parameters)}"


def test_home_and_login(watch: Watch, running_site: RunningDemo, check: Any) -> None:
    watch.page.goto(running_site.base_url)
    check("home")
    watch.page.get_by_role("link", name="login").click()
    check("login")
    watch.page.get_by_label("Password").fill("wrong")
    watch.page.get_by_role("button", name="Log in").click()
    assert "Wrong password" in watch.page.inner_text("[role=alert]")
    check("login-failed")
    watch.page.get_by_label("Password").fill(running_site.password)
    watch.page.keyboard.press("Enter")
    watch.page.get_by_role("link", name="Apps", exact=True).wait_for()
    check("home-owner")


def test_consent_for_an_app_at_its_own_host(watch: Watch, origin: Any, running_site: RunningDemo, check: Any) -> None:
    client_id = publish_client(
        origin,
        client_name="Guestbook",
        client_uri=origin.url("/about"),
        policy_uri=origin.url("/privacy"),
        redirect_uris=[origin.url("/cb")],
        grant_types=["authorization_code"],
    )
    ask(watch, running_site, client_id, origin.url("/cb"))
    assert watch.page.locator("[data-warning]").count() == 0
    check("consent-normal")


def test_consent_that_warns_of_another_host(watch: Watch, origin: Any, running_site: RunningDemo, check: Any) -> None:
    elsewhere = "https://collector.elsewhere.example/cb"
    ask(watch, running_site, publish_client(origin, redirect_uris=[elsewhere]), elsewhere)
    assert watch.page.locator("[data-warning=other-redirect-host]").is_visible()
    check("consent-warning")


def test_consent_for_a_program_on_this_computer(
    watch: Watch, origin: Any, running_site: RunningDemo, check: Any
) -> None:
    ask(watch, running_site, publish_client(origin, client_name="Command line tool"))
    assert watch.page.locator("[data-warning=loopback-redirect]").is_visible()
    check("consent-loopback")


def test_enter_in_a_check_box_approves_nothing(open_page: Any, origin: Any, running_site: RunningDemo) -> None:
    page, posted = (watch := open_page(ignore_https_errors=True)).page, []
    page.on("request", lambda sent: posted.append(sent.post_data) if sent.method == "POST" else None)
    client_id = publish_client(origin)
    ask(watch, running_site, client_id)
    posted.clear()
    page.locator("[name=scope][value=email]").press("Enter")
    page.locator("[name=scope][value=email]").uncheck()
    with page.expect_request("**/consent"):
        page.get_by_role("button", name="Approve").click(no_wait_after=True)
    (form,) = posted
    assert ("decision=approve" in form, "scope=profile" in form, "email" in form) == (True, True, False)

    # The control: without the button that does nothing, Chromium presses Approve.
    page.goto(request(running_site, client_id))
    page.evaluate("document.querySelector('[name=stay]').remove()")
    with page.expect_request("**/consent") as sent:
        page.locator("[name=scope][value=email]").press("Enter", no_wait_after=True)
    assert "decision=approve" in sent.value.post_data


def test_consent_for_an_app_that_publishes_nothing(watch: Watch, running_site: RunningDemo, check: Any) -> None:
    ask(watch, running_site, "http://localhost:8080/", "http://localhost:8080/cb", scope=None)
    assert watch.page.locator("[data-warning=loopback-client]").is_visible()
    check("consent-loopback-client")


def test_consent_with_text_that_is_far_too_long(
    watch: Watch, origin: Any, running_site: RunningDemo, check: Any
) -> None:
    redirect_uri = "https://" + ".".join(["very-long-label-of-a-host-name"] * 6) + ".example/" + "x" * 300
    path = "/" + "a" * 400 + ".json"
    client_id = publish_client(origin, path, client_name=LONG_NAME, redirect_uris=[redirect_uri])
    ask(watch, running_site, client_id, redirect_uri)
    check("consent-long")


def test_the_error_page(watch: Watch, origin: Any, running_site: RunningDemo, check: Any) -> None:
    client_id = origin.serve("/broken.json", b"<h1>Nothing</h1>", status=500)
    ask(watch, running_site, client_id)
    assert "Approve" not in watch.page.content()
    check("error")


def test_connected_apps_and_the_button_that_ends_one(
    watch: Watch, origin: Any, running_site: RunningDemo, check: Any
) -> None:
    log_in(watch, running_site)
    watch.page.goto(running_site.base_url + "/apps")
    while watch.page.get_by_role("button", name="Revoke access").count():
        watch.page.get_by_role("button", name="Revoke access").first.click()
    check("apps-none")
    for name in ("Guestbook", LONG_NAME):
        running_site.owner().tokens(publish_client(origin, f"/{len(name)}.json", client_name=name))
    watch.page.reload()
    assert watch.page.get_by_role("button", name="Revoke access").count() == 2
    check("apps")
    watch.page.get_by_role("button", name="Revoke access").first.click()
    watch.page.get_by_role("button", name="Revoke access").first.wait_for()
    assert watch.page.get_by_role("button", name="Revoke access").count() == 1


def test_a_page_that_does_not_exist(watch: Watch, running_site: RunningDemo, check: Any) -> None:
    watch.page.goto(running_site.base_url + "/nothing")
    check("not-found")


def test_the_dark_of_night(open_page: Any, origin: Any, running_site: RunningDemo, pictures: Any) -> None:
    watch = open_page(color_scheme="dark")
    ask(watch, running_site, publish_client(origin))
    pictures(watch.page, "consent-dark")
    ground = watch.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == "rgb(20, 24, 23)"

"""The owner's way in: one form, no script, and a limit for those who guess."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
import requests
from flask.sessions import SecureCookieSessionInterface

from tests.support.browser import Browser, SignIn, Site, publish_client, refusal_on, soup
from tests.support.proves import proves


def attempt(site: Site, password: str, *, peer: str = "127.0.0.1", **headers: str) -> requests.Response:
    browser = site.browser(peer=peer)
    return browser.press(browser.get("/login", headers=headers), "Log in", password=password)


def test_the_form_is_plain_html(site: Site) -> None:
    # Design §5.3: scripts rely on it.
    page = soup(site.browser().get("/login"))
    form = page.select_one("form[method=post]")
    assert form is not None
    assert form.select_one("input[type=password][name=password]") is not None
    assert {i.get("type") for i in form.select("input")} == {"text", "password", "hidden"}
    assert form.select_one("input[type=text]")["name"] == "username"  # prefilled for password managers, and ignored
    assert not page.select("script")


def test_the_password_logs_in_and_log_out_ends_it(site: Site) -> None:
    browser = site.owner()
    assert browser.get("/apps").status_code == 200
    assert browser.press(browser.get("/"), "Log out").status_code == 303
    assert browser.get("/apps").headers["Location"].startswith("/login")


@pytest.mark.parametrize(
    "password", ["", "wrong", "LET-ME-IN", "let-me-in ", "é", "\ud800".encode("utf-8", "surrogatepass"), "x" * 60_000]
)
def test_any_other_password_does_not(site: Site, password: Any) -> None:
    answer = attempt(site, password)
    assert answer.status_code == 403
    assert "Wrong password. Try again." in answer.text


def test_the_password_is_not_taken_from_the_query(site: Site) -> None:
    browser = site.browser()
    browser.get("/login", params={"password": site.password})
    assert browser.get("/apps").status_code == 303


def csrf_token(page: requests.Response) -> str:
    field = soup(page).select_one("main input[name=csrf_token]")
    assert field is not None
    return str(field["value"])


def members_of_the_session(site: Site, browser: Browser) -> dict[str, Any]:
    serializer = SecureCookieSessionInterface().get_signing_serializer(site.app)
    assert serializer is not None
    found: dict[str, Any] = serializer.loads(browser.session.cookies["site_session"])
    return found


def test_a_csrf_token_from_before_the_login_is_worth_nothing_after_it(site: Site) -> None:
    # Session fixation: an attacker who planted a session of their own knows its token.
    browser = site.browser()
    planted = csrf_token(browser.get("/login"))
    browser.log_in(site.password)
    assert browser.post("/logout", {"csrf_token": planted}).status_code == 400
    assert browser.get("/apps").status_code == 200


@pytest.mark.parametrize("leave", [False, True], ids=["login", "logout"])
def test_no_member_of_the_session_survives_a_login_or_a_logout(site: Site, leave: bool) -> None:
    browser = site.browser()
    serializer = SecureCookieSessionInterface().get_signing_serializer(site.app)
    assert serializer is not None
    browser.session.cookies.set("site_session", str(serializer.dumps({"planted": "x"})), domain="127.0.0.1", path="/")
    page = browser.get("/login")
    assert members_of_the_session(site, browser)["planted"] == "x"
    answer = browser.press(page, "Log in", password=site.password)
    assert answer.status_code == 303
    assert members_of_the_session(site, browser).keys() == {"owner", "_permanent"}
    if leave:
        browser.press(browser.get("/"), "Log out")
        assert members_of_the_session(site, browser).keys() == {"_flashes"}
        assert "You are logged out." in browser.get("/").text
        assert "site_session" not in browser.session.cookies


def test_a_login_in_another_browser_logs_nobody_else_in(site: Site) -> None:
    browser = site.browser()
    browser.get("/login")
    before = browser.session.cookies["site_session"]
    browser.log_in(site.password)
    other = site.browser()
    other.session.cookies.set("site_session", before, domain="127.0.0.1")
    assert other.get("/apps").status_code == 303


def test_a_copied_cookie_is_dead_after_the_log_out(site: Site) -> None:
    owner, thief = site.owner(), site.browser()
    thief.session.cookies.update(owner.session.cookies)
    assert thief.get("/apps").status_code == 200
    owner.press(owner.get("/"), "Log out")
    assert thief.get("/apps").status_code == 303


@proves("O-12")
@pytest.mark.parametrize(
    "target",
    ["https://evil.example/", "//evil.example/", "/\\evil.example", "\\\\evil.example", "javascript:alert(1)",
     "/\t/evil.example", "/\n/evil.example", "evil.example", "", "/é", "https:/evil.example", " //evil.example"],
)  # fmt: skip
def test_the_way_on_is_always_on_this_site(site: Site, target: str) -> None:
    # No open redirector
    browser = site.browser()
    answer = browser.press(browser.get(f"/login?next={quote(target)}"), "Log in", password=site.password)
    assert answer.status_code == 303
    assert answer.headers["Location"] == "/"
    assert site.owner().get(f"/login?next={quote(target)}").headers["Location"] == "/"


def test_a_login_on_the_way_to_an_app_goes_on_to_it(origin: Any, site: Site) -> None:
    browser, sign_in = site.browser(), SignIn.begin(publish_client(origin), state="é&=")
    to_login = browser.authorize(sign_in)
    assert to_login.status_code == 303
    answer = browser.press(browser.get(to_login.headers["Location"]), "Log in", password=site.password)
    resumed = browser.get(answer.headers["Location"])
    assert browser.approve(browser.get(resumed.headers["Location"]))["state"] == "é&="


def test_the_login_names_the_app_that_waits_and_leads_back_to_it(origin: Any, site: Site) -> None:
    browser = site.browser()
    login = browser.authorize(SignIn.begin(publish_client(origin))).headers["Location"]
    page = soup(browser.get(login))
    host = urlsplit(origin.url("/")).hostname
    assert page.select_one(".waiting").get_text(" ", strip=True).startswith(f"{host} is waiting for you to log in.")
    assert page.select_one(".waiting a")["href"] == origin.url("/")
    assert site.browser().get(login).text.count("is waiting") == 0, "the app of another browser"
    assert soup(browser.get("/login")).select_one(".waiting") is None, "a login for no app"


@proves("M-84")
def test_a_request_that_waits_for_the_login_belongs_to_the_browser_that_began_it(origin: Any, site: Site) -> None:
    sign_in, first, other = SignIn.begin(publish_client(origin)), site.browser(), site.owner()
    waiting = parse_qs(urlsplit(first.authorize(sign_in).headers["Location"]).query)["next"][0]
    assert refusal_on(other.get(waiting)) == "request-ended"
    assert first.get(waiting).status_code == 303


def test_a_request_that_waits_for_a_decision_is_not_one_that_waits_for_the_login(origin: Any, site: Site) -> None:
    owner = site.owner()
    page = soup(owner.authorize(SignIn.begin(publish_client(origin))))
    (transaction,) = page.select("input[name=transaction]")
    assert refusal_on(owner.get(f"/authorize/{transaction['value']}")) == "request-ended"


@pytest.mark.parametrize(("seconds", "status"), [(599, 303), (600, 400)])
def test_a_request_waits_ten_minutes_for_the_login(origin: Any, site: Site, seconds: int, status: int) -> None:
    browser = site.browser()
    waiting = parse_qs(urlsplit(browser.authorize(SignIn.begin(publish_client(origin))).headers["Location"]).query)
    site.clock.forward(seconds=seconds)
    assert browser.get(waiting["next"][0]).status_code == status


def test_nobody_who_is_not_logged_in_makes_this_site_fetch(origin: Any, site: Site) -> None:
    # Design §3, step 3: zero requests at the client's host before the login.
    sign_in = SignIn.begin(publish_client(origin))
    browser = site.browser()
    browser.authorize(sign_in)
    browser.post("/authorize", sign_in.parameters)
    browser.redeem(sign_in, "unknown")
    browser.refresh(sign_in.client_id, "unknown")
    browser.post("/revoke", {"token": "unknown", "client_id": sign_in.client_id})
    assert origin.connections == 0
    site.owner().authorize(sign_in)
    assert len(origin.requests) == 1


# -- the limit ---------------------------------------------------------------------------------------------------


def test_the_limit_counts_failures_alone(make_site: Any) -> None:
    site = make_site(DEMO_LOGIN_LIMIT="3 per hour")
    for _ in range(5):
        assert attempt(site, site.password).status_code == 303
    assert [attempt(site, "wrong").status_code for _ in range(4)] == [403, 403, 403, 429]
    refused = attempt(site, site.password)
    assert refused.status_code == 429
    assert "Too many attempts" in refused.text


def test_the_limit_is_for_one_address(make_site: Any) -> None:
    # The proxy in front says who asks; what a visitor writes into the header itself does not count.
    site = make_site(DEMO_LOGIN_LIMIT="2 per hour", DEMO_BASE_URL="https://me.example")

    def tried(peer: str, claimed: str) -> int:
        browser = site.browser()
        headers = {"X-Forwarded-For": f"{claimed}, {peer}"}
        page = browser.get("/login")
        form = {"csrf_token": soup(page).select_one("[name=csrf_token]")["value"], "password": "wrong"}
        return browser.post("/login", form, headers=headers).status_code

    assert [tried("203.0.113.5", f"198.51.100.{n}") for n in range(3)] == [403, 403, 429]
    assert tried("203.0.113.6", "203.0.113.5") == 403


def test_all_addresses_of_an_ipv6_network_are_one(make_site: Any) -> None:
    site = make_site(DEMO_LOGIN_LIMIT="2 per hour")
    near = [f"2001:db8:1:2:{n}::1" for n in range(3)]
    assert [attempt(site, "wrong", peer=peer).status_code for peer in near] == [403, 403, 429]
    assert attempt(site, "wrong", peer="2001:db8:1:3::1").status_code == 403
    assert [attempt(site, "wrong", peer=f"::ffff:192.0.2.{n}").status_code for n in range(3)] == [403] * 3


def test_a_site_that_is_no_development_has_a_limit_by_itself(make_site: Any) -> None:
    site = make_site(
        DEMO_DEVELOPMENT="0",
        DEMO_BASE_URL="https://me.example",
        DEMO_OWNER_PASSWORD="a password of my own",
        DEMO_SECRET_KEY="a key of my own",
    )
    assert [attempt(site, "wrong").status_code for _ in range(11)] == [403] * 10 + [429]


def test_development_counts_nothing_unless_asked_to(site: Site) -> None:
    # Design §5.2
    assert {attempt(site, "wrong").status_code for _ in range(15)} == {403}

"""The consent page: who asks, for what, where the answer goes; and a form that scripts rely on."""

from __future__ import annotations

from typing import Any

import pytest

from flask_cimd.core.policy import Rule
from flask_cimd_site.account import sessions
from tests.support.browser import (
    REDIRECT,
    SignIn,
    Site,
    publish_client,
    redirect_parameters,
    refusal_on,
    soup,
    warnings_on,
)
from tests.support.proves import proves


def consent(site: Site, client_id: str, redirect_uri: str = REDIRECT, **parameters: str | None) -> Any:
    page = site.owner().authorize(SignIn.begin(client_id, redirect_uri, **{"scope": "profile email", **parameters}))
    assert page.status_code == 200, page.text
    return page


def test_the_form_is_the_one_that_scripts_rely_on(origin: Any, site: Site) -> None:
    # Design §5.3
    page = soup(consent(site, publish_client(origin)))
    form = page.select_one("form[method=post]")
    assert form is not None
    assert [button.get_text(strip=True) for button in form.select("button")] == ["Approve", "Deny"]
    boxes = form.select("input[type=checkbox][name=scope]")
    assert [box["value"] for box in boxes] == ["profile", "email"]
    assert all(box.has_attr("checked") for box in boxes)
    assert not page.select("script")


@proves("C-110", "C-111", "L-32")
def test_the_host_stands_first_and_the_name_is_what_the_app_calls_itself(origin: Any, site: Site) -> None:
    page = soup(consent(site, publish_client(origin, client_name="Google Docs")))
    heading = page.select_one("h1")
    assert heading is not None
    assert heading.get_text() == f"localhost:{origin.port}"
    text = page.get_text()
    assert "It calls itself Google Docs" in text
    assert text.index(f"localhost:{origin.port}") < text.index("Google Docs")


@proves("C-115")
def test_the_whole_client_id_and_redirect_uri_are_shown(origin: Any, site: Site) -> None:
    path = "/" + "long/" * 60 + "client.json"
    text = consent(site, publish_client(origin, path)).text
    assert origin.url(path) in text
    assert REDIRECT in text


@proves("C-111")
def test_a_host_breaks_behind_its_dots_alone(origin: Any, site: Site) -> None:
    # Half of a host on a line of its own could look like another host.
    page = consent(site, publish_client(origin))
    (host,) = soup(page).select("dl strong")
    assert host.get_text() == "127.0.0.1:7777"
    assert "<strong>127.<wbr>0.<wbr>0.<wbr>1:7777</strong>" in page.text


def test_an_app_without_a_name_shows_its_host_alone(origin: Any, site: Site) -> None:
    assert "It calls itself" not in consent(site, publish_client(origin, client_name=None)).text


@proves("C-116")
def test_text_of_the_app_is_never_markup(origin: Any, site: Site) -> None:
    hostile = "<script>alert(1)</script>\u202eevil\u2066\x1b[31m</h1>"
    page = consent(site, publish_client(origin, client_name=hostile))
    assert "<script" not in page.text
    assert "&lt;script&gt;" in page.text
    assert not {"\u202e", "\u2066", "\x1b"} & set(page.text)


@proves("C-116", "C-129")
def test_links_of_the_app_are_https_and_harmless(origin: Any, site: Site) -> None:
    members = {
        "client_uri": "https://elsewhere.example/about",
        "tos_uri": "javascript:alert(1)",
        "policy_uri": origin.url("/privacy"),
    }
    page = consent(site, publish_client(origin, **members))
    links = {link["href"]: link for link in soup(page).select("dd a")}
    assert set(links) == {"https://elsewhere.example/about", origin.url("/privacy")}
    for link in links.values():
        assert set(link["rel"]) >= {"noopener", "noreferrer", "nofollow"}
    assert "on elsewhere.example" in page.text
    assert "javascript:" not in page.text


@proves("C-100")
def test_nothing_of_the_page_comes_from_elsewhere(origin: Any, site: Site) -> None:
    page = consent(site, publish_client(origin, logo_uri=origin.url("/logo.png"), client_uri=origin.url("/")))
    loaded = [tag.get("src") or tag.get("href") for tag in soup(page).select("img, link, script, iframe, source")]
    assert all(url and url.startswith("/") and not url.startswith("//") for url in loaded)
    assert "img-src 'self'" in page.headers["Content-Security-Policy"]


@proves("C-115", "O-10")
@pytest.mark.parametrize(
    ("redirect_uri", "warning"),
    [
        (REDIRECT, "loopback-redirect"),
        ("http://localhost:1234/cb", "loopback-redirect"),
        ("https://elsewhere.example/cb", "other-redirect-host"),
        ("com.example.app:/cb", "private-scheme"),
    ],
)
def test_the_owner_is_warned_where_the_answer_goes(origin: Any, site: Site, redirect_uri: str, warning: str) -> None:
    client_id = publish_client(origin, redirect_uris=[redirect_uri])
    assert warning in warnings_on(consent(site, client_id, redirect_uri))


def test_an_answer_to_the_apps_own_host_needs_no_warning(origin: Any, site: Site) -> None:
    client_id = publish_client(origin, redirect_uris=[origin.url("/cb")])
    assert warnings_on(consent(site, client_id, origin.url("/cb"))) == []


def test_a_loopback_client_is_named_as_what_it_is(site: Site) -> None:
    page = consent(site, "http://localhost:8080/", "http://localhost:8080/cb")
    assert "loopback-client" in warnings_on(page)


def test_opening_the_page_has_no_effect(origin: Any, site: Site) -> None:
    # Design §5.3: GET has no effect.
    owner = site.owner()
    owner.authorize(SignIn.begin(publish_client(origin)))
    assert owner.get("/consent").status_code == 405
    assert not soup(owner.get("/apps")).select(".app")


@proves("C-117", "O-18")
def test_without_the_secret_of_the_form_nothing_is_decided(origin: Any, site: Site) -> None:
    owner = site.owner()
    page = owner.authorize(SignIn.begin(publish_client(origin)))
    for handle in ("", "forged"):
        answer = owner.press(page, "Approve", transaction=handle)
        assert (answer.status_code, "request-ended" in answer.text) == (400, True)
        assert "Location" not in answer.headers
    assert owner.press(page, "Approve").status_code == 303  # and the request still waits


def test_a_decision_after_the_logout_is_refused(origin: Any, site: Site) -> None:
    owner = site.owner()
    page = owner.authorize(SignIn.begin(publish_client(origin)))
    owner.press(owner.get("/"), "Log out")
    answer = owner.press(page, "Approve")
    assert (answer.status_code, "request-ended" in answer.text) == (400, True)
    assert "Location" not in answer.headers


@proves("O-64")
@pytest.mark.parametrize("decision", ["Approve", "Deny"])
def test_a_decision_needs_a_login_that_has_not_ended(site: Site, origin: Any, decision: str) -> None:
    # Session, CSRF token and transaction are all good; the login alone has ended.
    owner = site.owner()
    page = owner.authorize(SignIn.begin(publish_client(origin)))
    with site.app.app_context():
        sessions.end_all()
    answer = owner.press(page, decision)
    assert (answer.status_code, "request-ended" in answer.text) == (400, True)
    assert "Location" not in answer.headers
    assert owner.log_in().press(page, decision).status_code == 303


@proves("C-117", "O-18")
@pytest.mark.parametrize("decision", ["Approve", "Deny"])
def test_a_decision_belongs_to_the_browser_that_was_asked(origin: Any, any_site: Site, decision: str) -> None:
    asked, other = any_site.owner(), any_site.owner()
    page = asked.authorize(SignIn.begin(publish_client(origin)))
    answer = other.press(page, decision)
    assert (answer.status_code, "request-ended" in answer.text) == (400, True)
    assert asked.press(page, decision).status_code == 303  # the request of the first browser still waits


def test_an_open_page_survives_a_new_login_in_another_tab(origin: Any, site: Site) -> None:
    owner = site.owner()
    page = owner.authorize(SignIn.begin(publish_client(origin)))
    owner.press(owner.get("/login?again"), "Log in", password=site.password)
    assert owner.press(page, "Approve").status_code == 303


@proves("O-18")
def test_a_decision_counts_once_and_is_answered_twice(origin: Any, any_site: Site) -> None:
    owner = any_site.owner()
    sign_in = SignIn.begin(publish_client(origin))
    page = owner.authorize(sign_in)
    first = owner.press(page, "Approve").headers["Location"]
    assert owner.press(page, "Approve").headers["Location"] == first
    assert owner.press(page, "Deny").headers["Location"] == first
    any_site.clock.forward(seconds=61)
    assert owner.press(page, "Approve").status_code == 400


@proves("O-18")
def test_an_answer_is_not_repeated_once_its_code_is_redeemed(origin: Any, any_site: Site) -> None:
    owner = any_site.owner()
    sign_in = SignIn.begin(publish_client(origin), scope="profile")
    page = owner.authorize(sign_in)
    assert owner.redeem(sign_in, owner.approve(page)["code"]).status_code == 200
    assert owner.press(page, "Approve").status_code == 400


@pytest.mark.parametrize(("seconds", "status"), [(599, 303), (600, 400), (86_400, 400)])
def test_a_request_waits_ten_minutes_for_its_decision(origin: Any, any_site: Site, seconds: int, status: int) -> None:
    owner = any_site.owner()
    page = owner.authorize(SignIn.begin(publish_client(origin)))
    any_site.clock.forward(seconds=seconds)
    assert owner.press(page, "Approve").status_code == status


# -- the client that the owner saw is the client that is approved ------------------------------------------------------

NO_STORE = {"Cache-Control": "no-store"}


@proves("L-03")
def test_the_approval_is_of_the_client_that_was_shown(origin: Any, site: Site) -> None:
    # The live document has another name, address and grant by the time of the decision
    owner = site.owner()
    shown = publish_client(origin, headers=NO_STORE, client_name="Shown", grant_types=["authorization_code"])
    sign_in = SignIn.begin(shown, scope="profile")
    page = owner.authorize(sign_in)
    publish_client(origin, headers=NO_STORE, client_name="Other", redirect_uris=["https://attacker.example/cb"])
    before = len(origin.requests)
    answer = owner.press(page, "Approve", lifetime="hour")
    assert answer.headers["Location"].startswith(f"{REDIRECT}?code=")
    tokens = owner.redeem(sign_in, redirect_parameters(answer)["code"]).json()
    assert (tokens["expires_in"], "refresh_token" in tokens) == (3600, False)  # as chosen for the client that was shown
    (listed,) = soup(owner.get("/apps")).select(".app .calls-itself strong")
    assert listed.get_text() == "Shown"
    assert len(origin.requests) == before


def test_a_client_whose_document_is_gone_can_still_be_approved(origin: Any, site: Site) -> None:
    owner = site.owner()
    sign_in = SignIn.begin(publish_client(origin, headers=NO_STORE), scope="profile")
    page = owner.authorize(sign_in)
    origin.forget("/client.json")
    assert owner.redeem(sign_in, owner.approve(page)["code"]).status_code == 200


@proves("C-96")
def test_a_client_that_was_blocked_meanwhile_is_not_approved(origin: Any, site: Site) -> None:
    # Policy on every use, of snapshots too
    owner = site.owner()
    page = owner.authorize(SignIn.begin(publish_client(origin)))
    with site.app.app_context():
        site.app.extensions["cimd"].admission.set_rule(Rule.parse("localhost", "deny"))
    assert refusal_on(owner.press(page, "Approve")) == "client-denied"


@pytest.mark.parametrize("decision", ["", "maybe", "Approve"])
def test_a_decision_is_approve_or_deny(origin: Any, site: Site, decision: str) -> None:
    owner = site.owner()
    page = owner.authorize(SignIn.begin(publish_client(origin)))
    assert owner.press(page, "Approve", decision=decision).status_code == 400
    assert owner.press(page, "Approve").status_code == 303  # all else was good, and the request still waits


@proves("IA-91")
def test_an_owner_without_an_address_is_not_asked_for_it(origin: Any, make_site: Any) -> None:
    page = consent(make_site(DEMO_OWNER_EMAIL=""), publish_client(origin), scope="profile email")
    assert [box["value"] for box in soup(page).select("input[name=scope]")] == ["profile"]
    assert "email" not in soup(page).select_one("form").get_text()


def test_email_without_the_profile_is_dropped(origin: Any, site: Site) -> None:
    page = consent(site, publish_client(origin), scope="email create")
    assert [box["value"] for box in soup(page).select("input[name=scope]")] == ["create"]


@pytest.mark.parametrize(
    ("grants", "preset"), [(["authorization_code"], "month"), (["authorization_code", "refresh_token"], "year")]
)
def test_every_app_asks_for_a_lifetime(origin: Any, site: Site, grants: list[str], preset: str) -> None:
    page = soup(consent(site, publish_client(origin, grant_types=grants)))
    options = page.select("select[name=lifetime] option")
    assert [option["value"] for option in options] == ["hour", "day", "month", "year"]
    assert [option["value"] for option in options if option.has_attr("selected")] == [preset]


@proves("C-55", "C-112", "L-41")
@pytest.mark.parametrize("headers", [{}, {"Content-Type": "text/html"}])
def test_an_app_that_cannot_be_read_gets_a_page_that_names_its_host(
    origin: Any, site: Site, headers: dict[str, str]
) -> None:
    client_id = origin.serve("/broken.json", b"<h1>Not a robot?</h1>", headers=headers, status=403)
    answer = site.owner().authorize(SignIn.begin(client_id))
    assert refusal_on(answer) == "status"
    assert f"localhost:{origin.port}" in answer.text
    assert "robot" not in answer.text


@proves("C-41", "C-123")
def test_a_document_with_problems_says_so_without_quoting_it(origin: Any, site: Site) -> None:
    client_id = origin.url("/client.json")
    publish_client(origin, client_id="https://Injected.example/")
    answer = site.owner().authorize(SignIn.begin(client_id))
    assert refusal_on(answer) == "invalid-document"
    assert "njected" not in answer.text

"""Guards of the provider's pages one by one: all before the guard is in order, and its answer says which it is."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient

from flask_cimd.clients.admission import Admission
from flask_cimd.core.policy import Allowance, Decision, Rule, Tier
from flask_cimd.oauth import Resource
from flask_cimd.provider import AccessChange, Identity
from flask_cimd.provider import Decision as Outcome
from flask_cimd.provider.provider import SITES
from flask_cimd.provider.site import Site
from flask_cimd.testing import ClientOrigin, DocumentClient, sign_in
from tests.support.clock import Clock

from .steps import ISSUER, Made, answer, ask, become, decide, logged_in, parameters, transaction

NOTES = Resource(identifier="https://notes.example/", name="Notes", scopes=("notes",), default_scope=("notes",))
ATPROTO = {
    "profile": "See your name",
    "email": "See your address",
    "notes": "Read your notes",
    "atproto": "Know your handle",
}
VIRTUAL = {"CIMD_PROFILE": "draft, allow_virtual_clients"}


def site_of(app: Flask) -> Site:
    site: Site = app.extensions[SITES][0]
    return site


def admission(app: Flask) -> Admission:
    found: Admission = site_of(app).clients.admission
    return found


def grant_of(app: Flask, browser: FlaskClient) -> str:
    found: str = re.findall(r'name="grant" value="(\w+)"', browser.get("/apps").text)[0]
    return found


def token_of(browser: FlaskClient) -> str:
    found: str = re.findall(r'name="token" value="(\w+)"', browser.get("/apps").text)[0]
    return found


# -- before the consent page --------------------------------------------------------------------------------------


def test_a_client_that_is_refused_anyway_sends_nobody_to_the_log_in(make: Callable[..., Made]) -> None:
    app, _ = make()
    client = DocumentClient(client_id="https://10.0.0.1/client.json", redirect_uri="https://10.0.0.1/")
    refused = ask(app.test_client(), client)
    assert (refused.status_code, "ip-address" in refused.text) == (400, True)


def test_a_log_in_of_unknown_age_is_not_fresh(make: Callable[..., Made], client_origin: ClientOrigin) -> None:
    app, _ = make()
    asked = ask(logged_in(app), client_origin.publish(), max_age="3600")
    assert (asked.status_code, asked.text.endswith("True")) == (401, True)


@pytest.mark.parametrize(("age", "status"), [(59, 200), (60, 401)])
def test_a_log_in_is_fresh_until_it_is_as_old_as_max_age(
    make: Callable[..., Made], client_origin: ClientOrigin, clock: Clock, age: int, status: int
) -> None:
    app, provider = make()
    since = clock()
    provider.auth_time(lambda: since)
    clock.forward(seconds=age)
    assert ask(logged_in(app), client_origin.publish(), max_age="60").status_code == status


def test_a_log_in_before_the_request_was_parked_does_not_answer_it(
    make: Callable[..., Made], client_origin: ClientOrigin, clock: Clock
) -> None:
    app, provider = make()
    since = clock()
    provider.auth_time(lambda: since)
    clock.forward(seconds=61)
    client, browser = client_origin.publish(), logged_in(app)
    first = ask(browser, client, max_age="60")
    resumed = browser.get(first.text.split()[2])
    assert browser.get(resumed.headers["Location"]).status_code == 401


def test_another_browsers_parked_request_makes_no_log_in_fresh(
    make: Callable[..., Made], client_origin: ClientOrigin, clock: Clock
) -> None:
    app, provider = make()
    client, since = client_origin.publish(), [clock()]
    provider.auth_time(lambda: since[0])
    clock.forward(seconds=61)
    parked = logged_in(app)
    target = ask(parked, client, max_age="60").text.split()[2]
    since[0] = clock()
    clock.forward(seconds=61)
    resumed = parked.get(target).headers["Location"]
    other = logged_in(app)
    assert other.get(resumed).status_code == 401
    assert parked.get(resumed).status_code == 200


def test_a_shown_request_cannot_be_resumed_as_a_parked_one(
    make: Callable[..., Made], client_origin: ClientOrigin
) -> None:
    app, _ = make()
    browser = logged_in(app)
    handle = transaction(ask(browser, client_origin.publish()))
    refused = browser.get(f"/authorize/{handle}")
    assert (refused.status_code, "request-ended" in refused.text) == (400, True)


def test_a_parked_request_cannot_be_decided(make: Callable[..., Made], client_origin: ClientOrigin) -> None:
    app, _ = make()
    browser = app.test_client()
    target = ask(browser, client_origin.publish()).text.split()[2]
    become("ada")(browser)
    refused = decide(browser, target.rpartition("/")[2])
    assert (refused.status_code, "request-ended" in refused.text) == (400, True)


def test_email_without_profile_is_not_asked_for(make: Callable[..., Made], client_origin: ClientOrigin) -> None:
    app, _ = make(scopes=ATPROTO)
    browser, client = logged_in(app), client_origin.publish()
    page = ask(browser, client, scope="email")
    assert (page.status_code, "<code>invalid_scope</code>" in page.text) == (400, True)
    page = ask(browser, client, scope="email notes")
    assert 'value="email"' not in page.text
    assert 'value="notes"' in page.text
    page = ask(browser, client, scope="profile email")
    assert 'value="email"' in page.text
    done = sign_in(app, client, log_in=become("ada"), scope="profile email")
    assert done.tokens["scope"] == "profile email"


def test_a_person_who_unticks_the_profile_gives_no_email_either(
    make: Callable[..., Made], client_origin: ClientOrigin
) -> None:
    app, provider = make(scopes=ATPROTO)
    ended: list[Outcome] = []
    provider.on_decision(ended.append)
    browser = logged_in(app)
    handle = transaction(ask(browser, client_origin.publish(), scope="profile email"))
    answer(decide(browser, handle, scope="email"))
    assert [one.scope for one in ended] == [""]


def test_a_scope_that_was_not_asked_for_is_not_granted(make: Callable[..., Made], client_origin: ClientOrigin) -> None:
    app, provider = make()
    ended: list[Outcome] = []
    provider.on_decision(ended.append)
    browser = logged_in(app)
    handle = transaction(ask(browser, client_origin.publish(), scope="profile"))
    data = {"transaction": handle, "decision": "approve", "scope": ["profile", "notes"]}
    answer(browser.post("/consent", data=data))
    assert [(one.outcome, one.scope) for one in ended] == [("approved", "profile")]


def test_what_a_tier_may_not_ask_for_is_left_out_or_denied(
    make: Callable[..., Made], client_origin: ClientOrigin
) -> None:
    app, _ = make(resources=[NOTES])
    browser, client = logged_in(app), client_origin.publish()
    with app.app_context():
        admission(app).set_allowance(Tier.UNKNOWN, Allowance(scopes=frozenset({"profile"}), resources=frozenset()))
    refused = ask(browser, client, scope="notes", resource=NOTES.identifier)
    assert (refused.status_code, "access_denied" in refused.text) == (400, True)
    with app.app_context():
        admission(app).set_allowance(Tier.UNKNOWN, Allowance(scopes=frozenset({"profile"})))
    page = ask(browser, client, scope="profile notes")
    assert ('value="profile"' in page.text, 'value="notes"' in page.text) == (True, False)


def test_an_account_without_a_did_gets_no_at_protocol_session(
    make: Callable[..., Made],
) -> None:
    app, provider = make(scopes=ATPROTO, config=VIRTUAL)
    names = [Identity(me="https://ada.example/")]
    provider.identity(lambda _: names[0])
    browser = logged_in(app)
    refused = at_protocol(app, browser)
    assert (refused.status_code, "no identity on the AT Protocol" in refused.text) == (400, True)
    names[0] = Identity(did="did:web:ada.example", handle="ada.example")
    assert at_protocol(app, browser).status_code == 200


@pytest.mark.parametrize(
    ("hint", "status"),
    [
        ("did:web:ada.example", 200),
        ("@Ada.Example.", 200),
        ("at://ada.example", 200),
        ("AT://Ada.Example", 200),
        ("At://DID:web:ada.example", 200),
        ("\u202aada.example\u202c", 200),
        ("eve.example", 400),
    ],
)
def test_a_login_hint_at_another_account_is_denied(make: Callable[..., Made], hint: str, status: int) -> None:
    app, provider = make(scopes=ATPROTO, config=VIRTUAL)
    provider.identity(lambda _: Identity(did="did:web:ada.example", handle="ada.example"))
    page = at_protocol(app, logged_in(app), login_hint=hint)
    assert page.status_code == status
    assert ("does not live here" in page.text) is (status == 400)


def at_protocol(app: Flask, browser: FlaskClient, **more: str) -> Any:
    """Push a request of an AT Protocol client under development, and open it."""
    redirect = "http://127.0.0.1/cb"
    client = DocumentClient(client_id=f"http://localhost?redirect_uri={redirect}", redirect_uri=redirect)
    fresh = {name: secrets.token_urlsafe(32) for name in ("code_challenge", "state")}
    asked = parameters(client, scope="atproto", **fresh, **more)
    pushed = app.test_client().post("/par", data=asked)
    assert pushed.status_code == 201, pushed.text
    query = {"client_id": client.client_id, "request_uri": pushed.json["request_uri"]}
    return browser.get("/authorize", query_string=query)


def test_a_request_for_this_server_itself_names_no_place(
    make: Callable[..., Made], client_origin: ClientOrigin
) -> None:
    app, _ = make(resources=[NOTES])
    browser, client = logged_in(app), client_origin.publish()
    assert "It asks for access to" not in ask(browser, client, resource=ISSUER).text
    assert "<strong>Notes</strong>" in ask(browser, client, scope="notes", resource=NOTES.identifier).text


def test_a_name_that_is_no_address_is_told_as_nobodys_address(
    make: Callable[..., Made], client_origin: ClientOrigin
) -> None:
    app, _ = make()
    client = client_origin.publish()
    assert "me" not in sign_in(app, client, log_in=become("ada")).tokens
    assert sign_in(app, client, log_in=become("https://ada.example/")).tokens["me"] == "https://ada.example/"


# -- decisions ----------------------------------------------------------------------------------------------------


def test_a_decision_is_approve_or_deny(make: Callable[..., Made], client_origin: ClientOrigin) -> None:
    app, _ = make()
    browser = logged_in(app)
    handle = transaction(ask(browser, client_origin.publish()))
    refused = decide(browser, handle, "later")
    assert (refused.status_code, "request-ended" in refused.text) == (400, True)
    assert "code" in answer(decide(browser, handle))


def test_a_client_that_was_denied_meanwhile_is_not_approved(
    make: Callable[..., Made], client_origin: ClientOrigin
) -> None:
    app, _ = make()
    browser, client = logged_in(app), client_origin.publish()
    handle = transaction(ask(browser, client))
    with app.app_context():
        admission(app).set_rule(Rule(client.client_id, Decision.DENY))
    refused = decide(browser, handle)
    assert (refused.status_code, "client-denied" in refused.text) == (400, True)


def test_a_denial_is_final(make: Callable[..., Made], client_origin: ClientOrigin) -> None:
    app, _ = make()
    browser = logged_in(app)
    handle = transaction(ask(browser, client_origin.publish()))
    first = answer(decide(browser, handle, "deny"))
    assert first["error"] == "access_denied"
    assert answer(decide(browser, handle)) == first


def test_the_second_click_asks_nobody_again(make: Callable[..., Made], client_origin: ClientOrigin) -> None:
    app, _ = make()
    browser, client = logged_in(app), client_origin.publish()
    handle = transaction(ask(browser, client))
    first = answer(decide(browser, handle))
    with app.app_context():
        admission(app).set_rule(Rule(client.client_id, Decision.DENY))
    assert answer(decide(browser, handle)) == first


def test_a_client_that_refreshes_gets_no_lifetime_from_the_form(
    make: Callable[..., Made], client_origin: ClientOrigin, clock: Clock
) -> None:
    app, _ = make()
    browser, client = logged_in(app), client_origin.publish()
    handle = transaction(ask(browser, client))
    data = {"transaction": handle, "decision": "approve", "scope": "profile", "lifetime": "year"}
    assert "code" in answer(browser.post("/consent", data=data))
    with app.app_context():
        (grant,) = site_of(app).storage.grants(clock())
    assert grant.grant.access_lifetime < timedelta(days=1)


def test_a_decision_spends_a_pushed_request(make: Callable[..., Made], client_origin: ClientOrigin) -> None:
    app, _ = make()
    browser, client = logged_in(app), client_origin.publish()
    pushed = app.test_client().post("/par", data=parameters(client)).json
    query = {"client_id": client.client_id, "request_uri": pushed["request_uri"]}
    first, second = (transaction(browser.get("/authorize", query_string=query)) for _ in range(2))
    assert answer(decide(browser, first, "deny"))["error"] == "access_denied"
    refused = decide(browser, second)
    assert (refused.status_code, "request-decided" in refused.text) == (400, True)
    assert browser.get("/authorize", query_string=query).status_code == 400


def test_two_requests_of_one_kind_wait_under_different_handles(
    make: Callable[..., Made], client_origin: ClientOrigin
) -> None:
    app, _ = make()
    browser, client = logged_in(app), client_origin.publish()
    first, second = (transaction(ask(browser, client)) for _ in range(2))
    assert first != second
    assert answer(decide(browser, first, "deny"))["error"] == "access_denied"
    assert "code" in answer(decide(browser, second))


def test_a_failing_audit_ends_no_sign_in(make: Callable[..., Made], client_origin: ClientOrigin) -> None:
    app, provider = make()

    @provider.on_decision
    def fail(outcome: Outcome) -> None:
        raise KeyError(outcome.client_id)

    assert sign_in(app, client_origin.publish(), log_in=become("ada")).tokens["scope"] == "profile"


# -- errors -------------------------------------------------------------------------------------------------------


def test_errors_of_a_client_that_the_operator_trusts_are_redirected(
    make: Callable[..., Made], client_origin: ClientOrigin
) -> None:
    app, _ = make()
    client = client_origin.publish()
    with app.app_context():
        admission(app).set_rule(Rule(client.client_id, Decision.ALLOW))
    assert ask(logged_in(app), client, response_type="token").status_code == 400
    with app.app_context():
        admission(app).set_rule(Rule(client.client_id, Decision.TRUST))
    assert answer(ask(logged_in(app), client, response_type="token"))["error"] == "unsupported_response_type"


def test_the_app_decides_which_errors_are_redirected(make: Callable[..., Made], client_origin: ClientOrigin) -> None:
    app, provider = make()
    known: list[bool] = []

    @provider.redirect_errors
    def always(client_id: str, redirect_uri: str, error: str, default: bool) -> bool:
        known.append(default)
        return True

    assert "error" in answer(ask(logged_in(app), client_origin.publish(), response_type="token"))
    assert known == [False]


def test_an_error_whose_redirect_is_not_established_is_a_page(
    make: Callable[..., Made], client_origin: ClientOrigin
) -> None:
    app, provider = make()
    provider.redirect_errors(lambda *_: True)
    refused = ask(logged_in(app), client_origin.publish(), redirect_uri="https://evil.example/")
    assert refused.status_code == 400
    assert "Location" not in refused.headers
    assert 'href="https://evil.example' not in refused.text


# -- the browser --------------------------------------------------------------------------------------------------


def test_the_cookie_of_an_https_provider_is_bound_to_its_host(make: Callable[..., Made]) -> None:
    app, _ = make(issuer="https://me.example")
    (cookie,) = ask_anything(app.test_client()).headers.getlist("Set-Cookie")
    assert cookie.startswith("__Host-cimd_provider=")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(cookie.split("; "))


def test_the_cookie_over_http_is_kept_from_scripts_and_other_sites(make: Callable[..., Made]) -> None:
    app, _ = make()
    (cookie,) = ask_anything(app.test_client()).headers.getlist("Set-Cookie")
    assert cookie.startswith("cimd_provider=")
    assert {"HttpOnly", "Path=/", "SameSite=Lax"} <= set(cookie.split("; "))
    assert "Secure" not in cookie


def ask_anything(browser: FlaskClient) -> Any:
    client = DocumentClient(client_id="https://app.example/c", redirect_uri="https://app.example/")
    asked = ask(browser, client)
    assert asked.status_code == 401
    return asked


@pytest.mark.parametrize("value", ["short", "x" * 44, "é" * 43])
def test_a_cookie_that_this_server_did_not_make_is_replaced(make: Callable[..., Made], value: str) -> None:
    app, _ = make()
    browser = app.test_client()
    browser.set_cookie("cimd_provider", value)
    assert "cimd_provider=" in ask_anything(browser).headers.get("Set-Cookie", "")


def test_a_browser_with_a_cookie_keeps_it(make: Callable[..., Made]) -> None:
    app, _ = make()
    browser = app.test_client()
    ask_anything(browser)
    assert "Set-Cookie" not in ask_anything(browser).headers


def test_the_storage_knows_a_browser_by_digest_alone(make: Callable[..., Made], client_origin: ClientOrigin) -> None:
    app, _ = make()
    browser = logged_in(app)
    handle = transaction(ask(browser, client_origin.publish()))
    cookie = browser.get_cookie("cimd_provider")
    assert cookie is not None
    decide(browser, handle)
    text = Path(app.config["SQLALCHEMY_DATABASE_URI"].removeprefix("sqlite:///")).read_bytes()
    assert cookie.value.encode() not in text
    assert handle.encode() not in text
    assert b"code=" not in text


@pytest.mark.parametrize("token", ["", "x", "\udcff", "é"])
def test_any_text_as_a_forms_token_is_refused(
    make: Callable[..., Made], client_origin: ClientOrigin, token: str
) -> None:
    app, _ = make()
    browser = sign_in(app, client_origin.publish(), log_in=become("ada")).browser
    body = b"grant=x&token=" + token.encode("utf-8", "surrogatepass")
    refused = browser.post("/apps/revoke", data=body, content_type="application/x-www-form-urlencoded")
    assert refused.status_code == 403


def test_a_token_of_one_browser_opens_no_other_of_the_same_person(
    make: Callable[..., Made], client_origin: ClientOrigin
) -> None:
    app, _ = make()
    client = client_origin.publish()
    mine = sign_in(app, client, log_in=become("ada")).browser
    other = sign_in(app, client, log_in=become("ada")).browser
    data = {"token": token_of(other), "client": client.client_id}
    assert mine.post("/apps/revoke", data=data).status_code == 403
    assert other.post("/apps/revoke", data=data).status_code == 303


def test_a_token_depends_on_the_apps_secret_key(make: Callable[..., Made], client_origin: ClientOrigin) -> None:
    app, _ = make()
    browser = sign_in(app, client_origin.publish(), log_in=become("ada")).browser
    token = token_of(browser)
    with app.test_request_context(headers={"Cookie": f"cimd_provider={browser.get_cookie('cimd_provider').value}"}):  # type: ignore[union-attr]  # set above
        keeper = site_of(app).browser
        assert keeper.accepts(token, "apps ada")
        app.secret_key = "other"
        assert not keeper.accepts(token, "apps ada")


# -- connected apps -----------------------------------------------------------------------------------------------


def test_connected_apps_are_for_who_is_logged_in(make: Callable[..., Made], client_origin: ClientOrigin) -> None:
    app, _ = make()
    sign_in(app, client_origin.publish(client_name="Quill"), log_in=become("ada"))
    assert (app.test_client().get("/apps").status_code, app.test_client().post("/apps/revoke").status_code) == (
        401,
        403,
    )
    assert "Quill" not in logged_in(app, "eve").get("/apps").text


def test_all_grants_of_a_client_end_for_this_person_alone(
    make: Callable[..., Made], client_origin: ClientOrigin
) -> None:
    app, _ = make()
    client = client_origin.publish(client_name="Quill")
    ada, eve = (sign_in(app, client, log_in=become(user)).browser for user in ("ada", "eve"))
    data = {"token": token_of(ada), "client": client.client_id}
    assert ada.post("/apps/revoke", data=data).status_code == 303
    assert ("Quill" in ada.get("/apps").text, "Quill" in eve.get("/apps").text) == (False, True)


def test_the_app_hears_of_what_a_person_changes(make: Callable[..., Made], client_origin: ClientOrigin) -> None:
    app, provider = make()
    heard: list[AccessChange] = []

    @provider.on_access_change
    def listen(change: AccessChange) -> None:
        heard.append(change)
        raise RuntimeError("a listener that fails changes no response")

    client = client_origin.publish()
    browser = sign_in(app, client, log_in=become("ada")).browser
    page = browser.get("/apps").text
    form = {"token": token_of(browser), "client": client.client_id}
    grant = re.search(r'name="grant" value="([^"]+)"', page)
    assert grant is not None
    forms = [{**form, "grant": grant[1], "end": "day"}, {**form, "grant": grant[1]}, form, {**form, "everything": "1"}]
    assert [browser.post("/apps/revoke", data=data).status_code for data in forms] == [303] * 4
    assert [change.kind for change in heard] == ["end-changed", "ended", "app-ended", "all-ended"]
    assert [change.client_id for change in heard] == [client.client_id] * 3 + [""]
    assert {change.subject for change in heard} == {"ada"}
    assert [change.until is not None for change in heard] == [True, False, False, False]
    assert browser.post("/apps/revoke", data={**form, "grant": "unknown"}).status_code == 404
    assert len(heard) == 4, "a refused form is no change"


def test_a_form_that_names_nothing_is_refused(make: Callable[..., Made], client_origin: ClientOrigin) -> None:
    app, _ = make()
    browser = sign_in(app, client_origin.publish(), log_in=become("ada")).browser
    assert browser.post("/apps/revoke", data={"token": token_of(browser)}).status_code == 400


def test_apps_come_page_by_page(
    make: Callable[..., Made], client_origin: ClientOrigin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flask_cimd.provider.apps.PAGE_SIZE", 2)
    app, _ = make()
    for name in "abc":
        client = client_origin.publish(f"/{name}.json", client_name=f"App {name}")
        browser = sign_in(app, client, log_in=become("ada")).browser

    def shown(page: str) -> str:
        text = browser.get("/apps", query_string={"page": page}).text
        return "".join(re.findall("App ([abc])", text))

    assert (shown("1"), shown("2"), shown("3")) == ("ab", "c", "")
    assert "?page=2" in browser.get("/apps").text
    assert "?page=3" not in browser.get("/apps?page=2").text
    assert [shown(page) for page in ("0", "-1", "x")] == ["ab"] * 3


# -- pages and endpoints ------------------------------------------------------------------------------------------


def test_pages_may_not_be_framed_scripted_stored_or_sniffed(
    make: Callable[..., Made], client_origin: ClientOrigin
) -> None:
    app, _ = make()
    browser = logged_in(app)
    policy = "default-src 'none'; style-src 'self'; img-src 'self'; frame-ancestors 'none'; base-uri 'none'"
    consent, apps = ask(browser, client_origin.publish()), browser.get("/apps")
    assert consent.headers["Content-Security-Policy"] == policy
    assert apps.headers["Content-Security-Policy"] == f"{policy}; form-action 'self'"
    for page in (consent, apps):
        assert page.headers["X-Frame-Options"] == "DENY"
        assert page.headers["X-Content-Type-Options"] == "nosniff"
        assert page.headers["Referrer-Policy"] == "same-origin"
        assert page.headers["Cache-Control"] == "no-store"


def test_a_form_that_begins_a_sign_in_starts_over_and_one_with_a_code_is_redeemed(make: Callable[..., Made]) -> None:
    app, _ = make()
    browser = app.test_client()
    begun = browser.post("/authorize", data={"client_id": "https://app.example/", "state": "s"})
    assert (begun.status_code, parse_qs(urlsplit(begun.headers["Location"]).query)["state"]) == (303, ["s"])
    for form in ({"code": "x"}, {"grant_type": "authorization_code"}):
        refused = browser.post("/authorize", data=form)
        assert refused.json is not None
        assert "error" in refused.json
        assert refused.headers["Cache-Control"] == "no-store"
        assert refused.headers["Access-Control-Allow-Origin"] == "*"


def test_userinfo_needs_a_token_with_the_scope_profile(make: Callable[..., Made], client_origin: ClientOrigin) -> None:
    app, _ = make()
    client = client_origin.publish()
    browser = app.test_client()
    assert browser.get("/userinfo").status_code == 401
    token = sign_in(app, client, log_in=become("ada"), scope="notes").tokens["access_token"]
    refused = browser.get("/userinfo", headers={"Authorization": f"Bearer {token}"})
    assert refused.status_code == 403


def test_userinfo_takes_no_token_for_another_resource(make: Callable[..., Made], client_origin: ClientOrigin) -> None:
    app, _ = make(resources=[Resource(identifier="https://api.example/", name="API", scopes=("profile",))])
    done = sign_in(app, client_origin.publish(), log_in=become("ada"), resource="https://api.example/")
    refused = app.test_client().get("/userinfo", headers={"Authorization": f"Bearer {done.tokens['access_token']}"})
    assert refused.status_code == 401


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer x"}])
def test_the_token_endpoint_answers_get_for_holders_of_a_token_alone(
    make: Callable[..., Made], headers: dict[str, str]
) -> None:
    app, _ = make()
    assert app.test_client().get("/token", headers=headers).status_code == (401 if headers else 405)


def test_the_older_token_check_can_be_switched_off(make: Callable[..., Made]) -> None:
    app, _ = make(config={"CIMD_INDIEAUTH": False})
    assert app.test_client().get("/token", headers={"Authorization": "Bearer x"}).status_code == 405


@pytest.mark.parametrize("asked", ["", "x-own\tx", "x-own, " * 40, "a b", "a,\u00e9"])
def test_a_preflight_names_no_odd_headers(make: Callable[..., Made], asked: str) -> None:
    app, _ = make()
    told = app.test_client().options("/token", headers={"Access-Control-Request-Headers": asked})
    assert (
        told.headers["Access-Control-Allow-Headers"]
        == "Authorization, Content-Type, DPoP, MCP-Protocol-Version, Mcp-Session-Id"
    )
    assert told.headers["Vary"] == "Access-Control-Request-Headers"


def test_scripts_may_read_nonces_and_challenges(make: Callable[..., Made]) -> None:
    app, _ = make()
    told = app.test_client().post("/token")
    assert told.headers["Access-Control-Allow-Origin"] == "*"
    exposed = told.headers["Access-Control-Expose-Headers"].split(", ")
    assert exposed == ["WWW-Authenticate", "DPoP-Nonce", "Mcp-Session-Id", "Location", "Retry-After"]


def test_resources_are_described_at_their_own_address_alone(make: Callable[..., Made]) -> None:
    app, _ = make(
        issuer="https://me.example",
        resources=[Resource(identifier="https://me.example/mcp?a=b", name="MCP", scopes=("notes",))],
    )
    browser = app.test_client()
    host = {"Host": "attacker.example"}
    told = browser.get("/.well-known/oauth-protected-resource/mcp?a=b", headers=host)
    assert told.json is not None
    assert (told.json["resource"], told.json["authorization_servers"]) == (
        "https://me.example/mcp?a=b",
        ["https://me.example"],
    )
    assert "dpop_signing_alg_values_supported" not in told.json
    assert told.headers["Access-Control-Allow-Origin"] == "*"
    assert browser.get("/.well-known/oauth-protected-resource/mcp", headers=host).status_code == 404
    own = browser.get("/.well-known/oauth-protected-resource").json
    assert own is not None
    assert own["resource"] == "https://me.example"
    assert own["dpop_signing_alg_values_supported"]


@pytest.mark.parametrize("path", ["%00", "%23x", "%20", "%C3%A9"])
def test_an_address_that_can_be_no_resource_is_unknown(make: Callable[..., Made], path: str) -> None:
    app, _ = make(issuer="https://me.example")
    assert app.test_client().get(f"/.well-known/oauth-protected-resource/{path}").status_code == 404


def test_requests_are_pushed_for_the_at_protocol_and_need_not_be_without_it(make: Callable[..., Made]) -> None:
    app, _ = make(scopes=ATPROTO)
    told = app.test_client().get("/.well-known/oauth-authorization-server").json
    assert told is not None
    assert ("atproto" in told["scopes_supported"], told["require_pushed_authorization_requests"]) == (True, True)


def test_the_at_protocol_can_be_switched_off(make: Callable[..., Made]) -> None:
    app, _ = make(scopes=ATPROTO, atproto=False)
    told = app.test_client().get("/.well-known/oauth-authorization-server").json
    assert told is not None
    assert "atproto" not in told["scopes_supported"]
    assert "require_pushed_authorization_requests" not in told


# -- upkeep -------------------------------------------------------------------------------------------------------


def test_the_storage_is_swept_after_an_approval_and_once_in_ten_minutes(
    make: Callable[..., Made], client_origin: ClientOrigin, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    app, _ = make()
    storage = site_of(app).storage
    swept: list[int] = []
    monkeypatch.setattr(storage, "sweep", lambda now, limit: swept.append(limit))
    client, browser = client_origin.publish(), logged_in(app)
    for seconds, expected in ((0, 1), (599, 1), (1, 2)):
        clock.forward(seconds=seconds)
        approved = decide(browser, transaction(ask(browser, client)))
        assert swept == [2000] * (expected - (seconds != 599))
        approved.close()
        assert swept == [2000] * expected


def test_a_sweep_that_fails_ends_no_sign_in(
    make: Callable[..., Made], client_origin: ClientOrigin, monkeypatch: pytest.MonkeyPatch
) -> None:
    app, _ = make()

    def fail(now: Any, limit: int) -> int:
        raise OSError("disk")

    monkeypatch.setattr(site_of(app).storage, "sweep", fail)
    browser = logged_in(app)
    approved = decide(browser, transaction(ask(browser, client_origin.publish())))
    approved.close()
    assert "code" in answer(approved)

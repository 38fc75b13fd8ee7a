"""A sign-in at a `Provider` from the first click to the token, and what ends it early."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Response

from flask_cimd.provider import ConsentRequest, Decision, Identity, provider_models
from flask_cimd.testing import ClientOrigin, sign_in
from tests.support.clock import Clock
from tests.support.proves import proves

from .steps import Made, answer, ask, become, decide, logged_in, transaction


def test_signs_a_client_in_and_lists_it(make: Callable[..., Made], client_origin: ClientOrigin) -> None:
    app, _ = make()
    done = sign_in(app, client_origin.publish(client_name="Quill"), log_in=become("https://ada.example/"))
    assert done.tokens["scope"] == "profile"
    assert done.tokens["me"] == "https://ada.example/"
    apps = done.browser.get("/apps")
    assert "Quill" in apps.text
    assert "See your name" in apps.text


@pytest.mark.parametrize("page", ["9223372036854775807", "9" * 40, "-5", "x"])
def test_a_page_of_apps_that_nobody_has_is_empty(
    make: Callable[..., Made], client_origin: ClientOrigin, page: str
) -> None:
    app, _ = make()
    browser = sign_in(app, client_origin.publish(client_name="Quill"), log_in=become("ada")).browser
    shown = browser.get("/apps", query_string={"page": page})
    assert (shown.status_code, "Quill" in shown.text) == (200, page in ("-5", "x"))


def test_claims_that_are_no_json_spend_no_code(make: Callable[..., Made], client_origin: ClientOrigin) -> None:
    app, provider = make()
    provider.claims(lambda subject, scope: {"name": object()})
    app.testing = False
    app.config["PROPAGATE_EXCEPTIONS"] = False
    with pytest.raises(AssertionError):
        sign_in(app, client_origin.publish(), log_in=become("ada"))
    models = provider_models(app.extensions["sqlalchemy"])
    with app.app_context():
        session = app.extensions["sqlalchemy"].session
        assert session.query(models.Token).count() == 0
        assert session.query(models.Code).filter(models.Code.spent_at.is_not(None)).count() == 0


def test_a_person_says_no(make: Callable[..., Made], client_origin: ClientOrigin) -> None:
    app, _ = make()
    done = sign_in(app, client_origin.publish(), log_in=become("ada"), approve=False)
    assert done.answer["error"] == "access_denied"
    assert done.tokens == {}


def test_a_long_request_waits_on_the_server_while_its_sender_logs_in(
    make: Callable[..., Made], client_origin: ClientOrigin
) -> None:
    app, _ = make()
    client, browser = client_origin.publish(), app.test_client()
    asked = ask(browser, client, state="x" * 2500)
    assert asked.status_code == 401
    target = asked.text.split()[2]
    assert len(target) < 100
    assert client_origin.fetches == []
    become("ada")(browser)
    resumed = browser.get(target)
    page = browser.get(resumed.headers["Location"])
    assert answer(decide(browser, transaction(page)))["state"] == "x" * 2500


def test_a_waiting_request_is_bound_to_the_browser_that_began_it(
    make: Callable[..., Made], client_origin: ClientOrigin
) -> None:
    app, _ = make()
    target = ask(app.test_client(), client_origin.publish()).text.split()[2]
    other = logged_in(app).get(target)
    assert (other.status_code, "request-ended" in other.text) == (400, True)


def test_two_clicks_get_the_same_answer(make: Callable[..., Made], client_origin: ClientOrigin) -> None:
    app, _ = make()
    browser = logged_in(app)
    handle = transaction(ask(browser, client_origin.publish()))
    first = answer(decide(browser, handle))
    assert answer(decide(browser, handle)) == first
    assert answer(decide(browser, handle, "deny")) == first


def test_the_answer_is_not_repeated_after_a_minute(
    make: Callable[..., Made], client_origin: ClientOrigin, clock: Clock
) -> None:
    app, _ = make()
    browser = logged_in(app)
    handle = transaction(ask(browser, client_origin.publish()))
    decide(browser, handle)
    clock.forward(seconds=61)
    assert decide(browser, handle).status_code == 400


def test_a_decision_expires(make: Callable[..., Made], client_origin: ClientOrigin, clock: Clock) -> None:
    app, _ = make()
    browser = logged_in(app)
    handle = transaction(ask(browser, client_origin.publish()))
    clock.forward(minutes=11)
    late = decide(browser, handle)
    assert (late.status_code, "request-ended" in late.text) == (400, True)


@pytest.mark.parametrize("who", ["another browser", "another person", "nobody"])
def test_only_the_browser_and_the_person_who_were_asked_decide(
    make: Callable[..., Made], client_origin: ClientOrigin, who: str
) -> None:
    app, _ = make()
    browser = logged_in(app)
    handle = transaction(ask(browser, client_origin.publish()))
    if who == "another browser":
        browser = logged_in(app)
    elif who == "another person":
        become("eve")(browser)
    else:
        become("")(browser)
        browser.delete_cookie("session")
    refused = decide(browser, handle)
    assert (refused.status_code, "request-ended" in refused.text) == (400, True)


def test_a_log_in_in_another_tab_leaves_an_open_page_usable(
    make: Callable[..., Made], client_origin: ClientOrigin
) -> None:
    app, _ = make()
    browser = logged_in(app)
    handle = transaction(ask(browser, client_origin.publish()))
    become("ada")(browser)
    assert "code" in answer(decide(browser, handle))


def test_prompt_login_asks_for_a_log_in_made_for_this_request(
    make: Callable[..., Made], client_origin: ClientOrigin, clock: Clock
) -> None:
    app, provider = make()
    at = [clock()]
    provider.auth_time(lambda: at[0])
    client, browser = client_origin.publish(), logged_in(app)
    clock.forward(seconds=1)
    first = ask(browser, client, prompt="login")
    assert first.text.endswith("True")
    assert ask(browser, client, prompt="login").status_code == 401
    clock.forward(seconds=5)
    at[0] = clock()
    resumed = browser.get(first.text.split()[2])
    assert browser.get(resumed.headers["Location"]).status_code == 200
    clock.forward(seconds=1)
    assert browser.get(resumed.headers["Location"]).status_code == 401


@proves("O-18")
def test_a_strangers_error_stays_here_until_the_person_goes_back(
    make: Callable[..., Made], client_origin: ClientOrigin
) -> None:
    app, _ = make()
    client, browser = client_origin.publish(), logged_in(app)
    refused = ask(browser, client, response_type="token")
    assert refused.status_code == 400
    assert "unsupported_response_type" in refused.text
    assert f"{client.redirect_uri}?error=unsupported_response_type" in refused.text.replace("&amp;", "&")


def test_an_approved_clients_error_is_redirected(make: Callable[..., Made], client_origin: ClientOrigin) -> None:
    app, _ = make()
    client = client_origin.publish()
    browser = sign_in(app, client, log_in=become("ada")).browser
    assert answer(ask(browser, client, response_type="token"))["error"] == "unsupported_response_type"
    assert ask(logged_in(app, "eve"), client, response_type="token").status_code == 400


def test_a_revoked_clients_error_stays_here(make: Callable[..., Made], client_origin: ClientOrigin) -> None:
    app, _ = make()
    client = client_origin.publish()
    browser = sign_in(app, client, log_in=become("ada")).browser
    page = browser.get("/apps").text
    token, grant = (re.findall(rf'name="{name}" value="(\w+)"', page)[0] for name in ("token", "grant"))
    assert browser.post("/apps/revoke", data={"token": token, "grant": grant}).status_code == 303
    assert ask(browser, client, response_type="token").status_code == 400


def test_revoking_needs_the_token_of_the_same_browser_and_person(
    make: Callable[..., Made], client_origin: ClientOrigin
) -> None:
    app, _ = make()
    done = sign_in(app, client_origin.publish(), log_in=become("ada"))
    page = done.browser.get("/apps").text
    grant = re.findall(r'name="grant" value="(\w+)"', page)[0]
    eve = sign_in(app, client_origin.publish("/b.json"), log_in=become("eve")).browser
    foreign = re.findall(r'name="token" value="(\w+)"', eve.get("/apps").text)[0]
    assert done.browser.post("/apps/revoke", data={"token": foreign, "grant": grant}).status_code == 403
    assert eve.post("/apps/revoke", data={"token": foreign, "grant": grant}).status_code == 404
    assert "Test client" in done.browser.get("/apps").text


def test_a_form_of_the_person_before_revokes_nothing_of_the_next(
    make: Callable[..., Made], client_origin: ClientOrigin
) -> None:
    app, _ = make()
    client = client_origin.publish()
    browser = sign_in(app, client, log_in=become("ada")).browser
    token = re.findall(r'name="token" value="(\w+)"', browser.get("/apps").text)[0]
    become("eve")(browser)
    assert browser.post("/apps/revoke", data={"token": token, "client": client.client_id}).status_code == 403


def test_hooks_deny_skip_and_learn(make: Callable[..., Made], client_origin: ClientOrigin) -> None:
    app, provider = make()
    verdicts: list[Any] = ["skip", "deny", Response("second factor")]
    seen: list[ConsentRequest] = []
    ended: list[Decision] = []

    @provider.before_consent
    def rule(asked: ConsentRequest) -> Any:
        seen.append(asked)
        return verdicts[len(seen) - 1]

    provider.on_decision(ended.append)
    client, browser = client_origin.publish(), logged_in(app)
    assert "code" in answer(ask(browser, client))
    assert answer(ask(browser, client))["error"] == "access_denied"
    assert ask(browser, client).text == "second factor"
    assert [asked.is_approved_before for asked in seen] == [False, True, True]
    assert [(one.outcome, one.reason) for one in ended] == [("skipped", ""), ("refused", "access_denied")]


def test_a_subject_that_fails_is_a_clear_page(make: Callable[..., Made], client_origin: ClientOrigin) -> None:
    app, provider = make()

    @provider.subject
    def broken() -> str:
        raise KeyError("user")

    refused = ask(app.test_client(), client_origin.publish())
    assert refused.status_code == 503
    assert "KeyError" not in refused.text


@pytest.mark.parametrize("subject", ["", "a\nb", "x" * 2049, 7])
def test_an_unusable_subject_is_nobody(make: Callable[..., Made], client_origin: ClientOrigin, subject: Any) -> None:
    app, provider = make()
    provider.subject(lambda: subject)
    assert ask(app.test_client(), client_origin.publish()).status_code == 503


def test_userinfo_names_the_subject_and_claims(make: Callable[..., Made], client_origin: ClientOrigin) -> None:
    app, provider = make()
    provider.claims(lambda subject, scope: {"name": "Ada"} if "profile" in scope else {})
    provider.identity(lambda subject: Identity(me=f"https://{subject}.example/"))
    tokens = sign_in(app, client_origin.publish(), log_in=become("ada")).tokens
    assert tokens["profile"] == {"name": "Ada"}
    told = app.test_client().get("/userinfo", headers={"Authorization": f"Bearer {tokens['access_token']}"})
    assert told.json == {"sub": "https://ada.example/", "name": "Ada"}


def test_a_preflight_of_every_direct_endpoint_is_answered(make: Callable[..., Made]) -> None:
    app, _ = make()
    browser = app.test_client()
    for path in ("/token", "/par", "/revoke", "/introspect", "/userinfo", "/.well-known/oauth-authorization-server"):
        told = browser.options(path, headers={"Access-Control-Request-Headers": "mcp-protocol-version, x-own"})
        assert told.status_code == 204, path
        assert told.headers["Access-Control-Allow-Headers"] == "mcp-protocol-version, x-own"
        assert "Access-Control-Allow-Credentials" not in told.headers
    assert "Access-Control-Allow-Origin" not in browser.get("/apps").headers


def test_metadata_lies_at_the_root_whatever_the_prefix_is(make: Callable[..., Made]) -> None:
    app, _ = make(issuer="https://me.example/users", url_prefix="/oauth")
    told = app.test_client().get("/.well-known/oauth-authorization-server/users").json
    assert told["issuer"] == "https://me.example/users"
    assert told["token_endpoint"] == "https://me.example/oauth/token"
    assert app.test_client().get("/users/.well-known/openid-configuration").json == told


def test_a_request_that_waits_is_bounded_for_each_browser(
    make: Callable[..., Made], client_origin: ClientOrigin, clock: Clock
) -> None:
    app, _ = make()
    browser, client = logged_in(app), client_origin.publish()
    handles = []
    for _ in range(21):
        clock.forward(seconds=1)
        handles.append(transaction(ask(browser, client)))
    assert decide(browser, handles[0]).status_code == 400
    assert "code" in answer(decide(browser, handles[20]))


def test_access_ends_when_the_person_chose(
    make: Callable[..., Made], client_origin: ClientOrigin, clock: Clock
) -> None:
    app, _ = make()
    client, browser = client_origin.publish(grant_types=["authorization_code"]), logged_in(app)
    page = ask(browser, client)
    assert 'name="lifetime"' in page.text
    data = {"transaction": transaction(page), "decision": "approve", "scope": "profile", "lifetime": "hour"}
    assert "code" in answer(browser.post("/consent", data=data))

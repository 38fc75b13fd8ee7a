"""Where the errors of the authorization endpoint go (RFC 9700 §4.11.2): each kind of error, each kind of client."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from flask.testing import FlaskClient

from flask_cimd.core.policy import Allowance, Decision, Rule, Tier
from flask_cimd.oauth import Resource
from flask_cimd.provider import Identity, Provider
from flask_cimd.testing import ClientOrigin, DocumentClient, sign_in
from tests.support.proves import proves

from .steps import Made, answer, ask, become, decide, logged_in, parameters, transaction

NOTES = Resource(identifier="https://notes.example/", name="Notes", scopes=("notes",), default_scope=("notes",))
#: What each kind of error adds to a request that is in order, and its error code.
KINDS: dict[str, tuple[dict[str, str], str]] = {
    "response type": ({"response_type": "token"}, "unsupported_response_type"),
    "no PKCE": ({"code_challenge": ""}, "invalid_request"),
    "plain PKCE": ({"code_challenge_method": "plain"}, "invalid_request"),
    "prompt=none": ({"prompt": "none"}, "consent_required"),
    "request object": ({"request": "x"}, "request_not_supported"),
    "response mode": ({"response_mode": "web_message"}, "invalid_request"),
    "unknown resource": ({"resource": "https://unknown.example/"}, "invalid_target"),
    "tier": ({"scope": "notes", "resource": NOTES.identifier}, "access_denied"),
    "hook": ({"state": "deny"}, "access_denied"),
}
OTHER_REDIRECT = "http://127.0.0.1:7777/other"


@pytest.fixture
def app(make: Callable[..., Made]) -> Flask:
    app, provider = make(resources=[NOTES])
    deny_by_hook(provider)
    return app


def deny_by_hook(provider: Provider) -> None:
    provider.before_consent(lambda asked: "deny" if asked.request.state == "deny" else None)


@pytest.fixture
def client(client_origin: ClientOrigin) -> DocumentClient:
    return client_origin.publish(redirect_uris=["http://127.0.0.1:7777/callback", OTHER_REDIRECT])


def restrict(app: Flask) -> None:
    """Let clients of no tier ask for anything at the resource."""
    with app.app_context():
        admission = app.extensions["cimd"].admission
        for tier in (Tier.UNKNOWN, Tier.KNOWN, Tier.TRUSTED):
            admission.set_allowance(tier, Allowance(resources=frozenset()))


def approved(app: Flask, client: DocumentClient) -> FlaskClient:
    browser = sign_in(app, client, log_in=become("ada")).browser
    restrict(app)
    return browser


def stays(page: Any, error: str) -> None:
    """Assert that the error is a page, which shows the code and a button to the client."""
    assert (page.status_code, "Location" in page.headers) == (400, False), page.text
    assert error in page.text
    assert "Back to" in page.text
    assert "http://127.0.0.1:7777/" in page.text


@proves("O-18")
@pytest.mark.parametrize("kind", KINDS)
def test_a_strangers_error_is_a_page_here(app: Flask, client: DocumentClient, kind: str) -> None:
    changes, error = KINDS[kind]
    restrict(app)
    stays(ask(logged_in(app), client, **changes), error)


@pytest.mark.parametrize("kind", KINDS)
def test_an_approved_clients_error_is_redirected(app: Flask, client: DocumentClient, kind: str) -> None:
    changes, error = KINDS[kind]
    assert answer(ask(approved(app, client), client, **changes))["error"] == error


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_at_another_redirect_uri_of_an_approved_client_is_a_page(
    app: Flask, client: DocumentClient, kind: str
) -> None:
    changes, error = KINDS[kind]
    stays(ask(approved(app, client), client, redirect_uri=OTHER_REDIRECT, **changes), error)


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_of_a_client_whose_grant_was_revoked_is_a_page(app: Flask, client: DocumentClient, kind: str) -> None:
    changes, error = KINDS[kind]
    browser = approved(app, client)
    token = re.findall(r'name="token" value="(\w+)"', browser.get("/apps").text)[0]
    assert browser.post("/apps/revoke", data={"token": token, "client": client.client_id}).status_code == 303
    stays(ask(browser, client, **changes), error)


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_of_a_client_that_another_person_approved_is_a_page(
    app: Flask, client: DocumentClient, kind: str
) -> None:
    changes, error = KINDS[kind]
    approved(app, client)
    stays(ask(logged_in(app, "eve"), client, **changes), error)


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_of_a_client_that_the_operator_trusts_is_redirected(
    app: Flask, client: DocumentClient, kind: str
) -> None:
    changes, error = KINDS[kind]
    with app.app_context():
        app.extensions["cimd"].admission.set_rule(Rule(client.client_id, Decision.TRUST))
    restrict(app)
    assert answer(ask(logged_in(app), client, **changes))["error"] == error


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("verdict", [True, False])
def test_the_apps_hook_decides_every_kind(
    make: Callable[..., Made], client: DocumentClient, kind: str, verdict: bool
) -> None:
    app, provider = make(resources=[NOTES])
    deny_by_hook(provider)
    asked: list[tuple[str, str, str, bool]] = []
    provider.redirect_errors(lambda *values: asked.append(values) or verdict)
    changes, error = KINDS[kind]
    browser = approved(app, client) if not verdict else logged_in(app)
    restrict(app)
    page = ask(browser, client, **changes)
    if verdict:
        assert answer(page)["error"] == error
    else:
        stays(page, error)
    assert asked == [(client.client_id, client.redirect_uri, error, not verdict)]


@pytest.mark.parametrize("kind", KINDS)
def test_the_pages_way_back_carries_the_error_to_the_app(app: Flask, client: DocumentClient, kind: str) -> None:
    changes, error = KINDS[kind]
    restrict(app)
    page = ask(logged_in(app), client, **changes)
    (link,) = BeautifulSoup(page.text, "lxml").select("main a, main button, main form")
    assert (link.name, link.text, link["rel"]) == ("a", "Back to 127.0.0.1:7777", ["noreferrer"])
    back = urlsplit(str(link["href"]))
    assert f"{back.scheme}://{back.netloc}{back.path}" == client.redirect_uri
    told = dict(parse_qsl(back.query))
    state = changes.get("state", "s")
    assert (told["error"], told["state"], told["iss"]) == (error, state, "http://127.0.0.1:5000")
    assert "code" not in told


def test_the_pages_button_posts_the_error_to_an_app_that_asked_for_a_form(app: Flask, client: DocumentClient) -> None:
    page = ask(logged_in(app), client, response_mode="form_post", code_challenge="")
    (form,) = BeautifulSoup(page.text, "lxml").select("main form")
    assert (form["method"], form["action"]) == ("post", client.redirect_uri)
    assert [button.text for button in form.select("button")] == ["Back to 127.0.0.1:7777"]
    told = {str(field["name"]): str(field["value"]) for field in form.select("input[type=hidden]")}
    assert told.pop("error_description")
    assert told == {"error": "invalid_request", "state": "s", "iss": "http://127.0.0.1:5000"}
    assert BeautifulSoup(page.text, "lxml").select("main a") == []


def test_a_click_on_deny_redirects_a_stranger_too(app: Flask, client: DocumentClient) -> None:
    browser = logged_in(app)
    denied = answer(decide(browser, transaction(ask(browser, client)), "deny"))
    assert (denied["error"], denied["state"], denied["iss"]) == ("access_denied", "s", "http://127.0.0.1:5000")


@pytest.mark.parametrize("kind", KINDS)
def test_nobody_who_is_not_logged_in_learns_of_the_error_or_is_sent_to_the_client(
    app: Flask, client: DocumentClient, kind: str, client_origin: ClientOrigin
) -> None:
    asked = ask(app.test_client(), client, **KINDS[kind][0])
    assert (asked.status_code, client_origin.fetches) == (401, [])  # the log-in of this app


# -- login_hint ---------------------------------------------------------------------------------------------------


@pytest.fixture
def at_protocol(make: Callable[..., Made]) -> Flask:
    app, provider = make(
        scopes={"profile": "See your name", "atproto": "Know your handle"},
        config={"CIMD_PROFILE": "draft, allow_virtual_clients"},
    )
    provider.identity(lambda subject: Identity(did=f"did:web:{subject}.example"))
    return app


def open_pushed(app: Flask, browser: FlaskClient, **more: str) -> Any:
    redirect = "http://127.0.0.1/cb"
    client = DocumentClient(client_id=f"http://localhost?redirect_uri={redirect}", redirect_uri=redirect)
    fresh = {name: secrets.token_urlsafe(32) for name in ("code_challenge", "state")}
    pushed = app.test_client().post("/par", data=parameters(client, scope="atproto", **fresh, **more))
    assert pushed.status_code == 201, pushed.text
    query = {"client_id": client.client_id, "request_uri": pushed.json["request_uri"]}
    return browser.get("/authorize", query_string=query)


def test_a_denial_by_login_hint_is_redirected_to_an_approved_client_alone(at_protocol: Flask) -> None:
    browser = logged_in(at_protocol)
    hint = {"login_hint": "did:web:eve.example"}
    stranger = open_pushed(at_protocol, browser, **hint)
    assert (stranger.status_code, "does not live here" in stranger.text) == (400, True)
    page = open_pushed(at_protocol, browser)
    data = {"transaction": transaction(page), "decision": "approve", "scope": "atproto"}
    assert "code" in answer(browser.post("/consent", data=data))
    assert answer(open_pushed(at_protocol, browser, **hint))["error"] == "access_denied"


# -- policy on every use ------------------------------------------------------------------------------------------


def test_a_rule_of_the_app_ends_living_tokens_everywhere(make: Callable[..., Made], client: DocumentClient) -> None:
    app, _ = make()
    tokens = sign_in(app, client, log_in=become("ada")).tokens
    browser, bearer = app.test_client(), {"Authorization": f"Bearer {tokens['access_token']}"}
    is_allowed = [True]
    app.extensions["cimd"].allow_client(lambda _: is_allowed[0])

    def told() -> tuple[int, bool, int]:
        """Return what a resource, introspection by the token's holder, and the token endpoint say."""
        introspected = browser.post("/introspect", headers=bearer, data={"token": tokens["access_token"]}).json
        status = browser.get("/userinfo", headers=bearer).status_code
        return status, introspected["active"], refreshes(browser, client, tokens)

    is_allowed[0] = False
    assert told() == (401, False, 401)
    is_allowed[0] = True
    assert told() == (200, True, 200)


def refreshes(browser: FlaskClient, client: DocumentClient, tokens: dict[str, Any]) -> int:
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"], "client_id": client.client_id}
    return browser.post("/token", data=form).status_code

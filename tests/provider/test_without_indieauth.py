"""``Provider(indieauth=False)``: OAuth alone; no profile URL, no userinfo, no code for the identity alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from flask_cimd import Allowance, Tier
from flask_cimd.oauth import ResourceServer
from flask_cimd.testing import ClientOrigin, sign_in

from .steps import CHALLENGE, ISSUER, Made, answer, ask, become, decide, logged_in, redeem, transaction

ADA = "https://ada.example/"


@pytest.fixture
def plain(make: Callable[..., Made]) -> Flask:
    """Return an app whose provider has no IndieAuth; without it, its scopes would show claims."""
    app, provider = make(indieauth=False)
    provider.claims(lambda subject, scope: {"name": "Ada"})
    return app


def test_a_token_response_holds_neither_me_nor_profile(plain: Flask, client_origin: ClientOrigin) -> None:
    tokens = sign_in(plain, client_origin.publish(), log_in=become(ADA)).tokens
    assert tokens["scope"] == "profile"
    assert {"me", "profile", "sub"} & tokens.keys() == set()


def test_the_metadata_names_no_userinfo_endpoint_and_there_is_none(plain: Flask) -> None:
    browser = plain.test_client()
    assert "userinfo_endpoint" not in browser.get("/.well-known/oauth-authorization-server").json
    assert browser.get("/userinfo").status_code == 404


def test_with_indieauth_the_metadata_names_the_userinfo_endpoint(make: Callable[..., Made]) -> None:
    app, _ = make()
    metadata = app.test_client().get("/.well-known/oauth-authorization-server").json
    assert metadata["userinfo_endpoint"] == f"{ISSUER}/userinfo"


def test_the_path_of_userinfo_is_the_apps_own(make: Callable[..., Made]) -> None:
    app, _ = make(indieauth=False)

    @app.get("/userinfo")
    def userinfo() -> str:
        return "mine"

    assert app.test_client().get("/userinfo").text == "mine"


def test_the_authorization_endpoint_redeems_no_code_and_spends_none(plain: Flask, client_origin: ClientOrigin) -> None:
    client = client_origin.publish()
    code = answer(decide(browser := logged_in(plain), transaction(ask(browser, client))))["code"]
    refused = redeem(plain, client, code, "/authorize")
    assert (refused.status_code, refused.json["error"]) == (400, "unsupported_grant_type")
    assert redeem(plain, client, code).status_code == 200


@pytest.mark.parametrize("scope", ["", "unknown"])
def test_a_request_without_a_scope_of_this_server_is_refused(
    plain: Flask, client_origin: ClientOrigin, scope: str
) -> None:
    refused = ask(logged_in(plain), client_origin.publish(), scope=scope)
    assert (refused.status_code, "<code>invalid_scope</code>" in refused.text) == (400, True)


def test_a_pushed_request_without_a_scope_of_this_server_is_refused(plain: Flask, client_origin: ClientOrigin) -> None:
    client = client_origin.publish()
    form = {
        "response_type": "code",
        "client_id": client.client_id,
        "redirect_uri": client.redirect_uri,
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    }
    refused = plain.test_client().post("/par", data=form)
    assert (refused.status_code, refused.json["error"]) == (400, "invalid_scope")
    assert plain.test_client().post("/par", data={**form, "scope": "profile"}).status_code == 201


def test_consent_without_any_scope_denies(plain: Flask, client_origin: ClientOrigin) -> None:
    browser = logged_in(plain)
    handle = transaction(ask(browser, client_origin.publish()))
    assert answer(decide(browser, handle, scope="none-of-them"))["error"] == "access_denied"


def test_a_tier_without_any_scope_denies(plain: Flask, client_origin: ClientOrigin) -> None:
    with plain.app_context():
        plain.extensions["cimd"].admission.set_allowance(Tier.UNKNOWN, Allowance(scopes=frozenset()))
    refused = ask(logged_in(plain), client_origin.publish())
    assert (refused.status_code, "<code>access_denied</code>" in refused.text) == (400, True)


def test_an_introspected_token_has_no_me(make: Callable[..., Made], client_origin: ClientOrigin) -> None:
    server, secret = ResourceServer.create(ISSUER)
    found: dict[bool, Any] = {}
    for indieauth in (True, False):
        app, _ = make(indieauth=indieauth, find_resource_server={server.id: server}.get)
        token = sign_in(app, client_origin.publish(), log_in=become(ADA)).tokens["access_token"]
        asked = app.test_client().post("/introspect", data={"token": token}, auth=(server.id, secret))
        assert asked.json["active"] is True
        found[indieauth] = asked.json.get("me")
    assert found == {True: ADA, False: None}


def test_a_get_at_the_token_endpoint_tells_nothing(make: Callable[..., Made], client_origin: ClientOrigin) -> None:
    status: dict[bool, int] = {}
    for indieauth in (True, False):
        app, _ = make(indieauth=indieauth)
        token = sign_in(app, client_origin.publish(), log_in=become(ADA)).tokens["access_token"]
        status[indieauth] = app.test_client().get("/token", headers={"Authorization": f"Bearer {token}"}).status_code
    assert status == {True: 200, False: 405}

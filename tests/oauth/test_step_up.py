"""Step-up (RFC 9470): an app or a resource may want a login that is not long ago."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from flask_cimd.oauth import ResourceProtector, stored_access
from tests.oauth.test_introspection import ask
from tests.support.browser import REDIRECT, SignIn, publish_client, redirect_parameters
from tests.support.proves import proves
from tests.support.provider_app import ProviderSite

NOTES = "https://notes.example/api"


def auth_time(site: ProviderSite, token: str) -> int:
    found: int = ask(site.browser(), token, bearer=token).json()["auth_time"]
    return found


@proves("O-75")
@pytest.mark.parametrize("max_age", ["-1", "1.5", "soon", "٣", "9" * 10, " 1"])
def test_what_is_no_number_of_seconds_is_refused(origin: Any, site: ProviderSite, max_age: str) -> None:
    answer = site.owner().authorize(SignIn.begin(publish_client(origin), max_age=max_age))
    assert redirect_parameters(answer)["error"] == "invalid_request"


@proves("O-75")
def test_classes_of_authentication_are_neither_advertised_nor_understood(origin: Any, site: ProviderSite) -> None:
    # acr_values are wishes (OpenID Connect Core §3.1.2.1)
    assert "acr_values_supported" not in site.browser().get("/.well-known/oauth-authorization-server").json()
    token = site.owner().tokens(publish_client(origin), acr_values="phr")["access_token"]
    assert "acr" not in ask(site.browser(), token, bearer=token).json()


@proves("O-75")
def test_a_refresh_is_no_login(origin: Any, site: ProviderSite) -> None:
    owner, client_id = site.owner(), publish_client(origin)
    tokens = owner.tokens(client_id)
    before = auth_time(site, tokens["access_token"])
    site.clock.forward(days=1)
    fresh = owner.refresh(client_id, tokens["refresh_token"]).json()
    assert auth_time(site, fresh["access_token"]) == before


@proves("O-75")
def test_a_resource_asks_for_a_newer_login(origin: Any, site: ProviderSite) -> None:
    site.add_resource_server(NOTES)
    server = site.server
    protect = ResourceProtector(
        lambda secret: stored_access(server, secret), audience=NOTES, max_age=timedelta(minutes=5), clock=site.clock
    )

    @site.app.get("/strict", endpoint="strict")
    @protect("profile")
    def strict() -> str:
        return "let in"

    owner, client_id = site.owner(), publish_client(origin)
    sign_in, code = owner.code(client_id, REDIRECT, resource=NOTES)
    bearer = {"Authorization": f"Bearer {owner.redeem(sign_in, code).json()['access_token']}"}
    site.clock.forward(minutes=5)
    assert site.browser().get("/strict", headers=bearer).text == "let in"
    site.clock.forward(seconds=1)
    refused = site.browser().get("/strict", headers=bearer)
    assert refused.status_code == 401
    challenge = refused.headers["WWW-Authenticate"]
    assert challenge.startswith('Bearer error="insufficient_user_authentication"')
    assert 'max_age="300"' in challenge
    token = site.owner().tokens(client_id, REDIRECT, resource=NOTES)["access_token"]
    assert site.browser().get("/strict", headers={"Authorization": f"Bearer {token}"}).text == "let in"


@proves("O-75")
def test_a_token_of_an_unknown_login_is_too_old() -> None:
    from tests.oauth.test_protect import NOTES as AUDIENCE
    from tests.oauth.test_protect import TOKENS

    app = Flask("strict")
    protect = ResourceProtector(TOKENS.get, audience=AUDIENCE, max_age=timedelta(days=9999))
    app.get("/")(protect("read")(lambda: "let in"))
    answer = app.test_client().get("/", headers={"Authorization": "Bearer reader"})
    assert (answer.status_code, answer.json["error"]) == (401, "insufficient_user_authentication")

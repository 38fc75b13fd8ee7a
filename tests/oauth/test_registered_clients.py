"""The drop-in server in an app of its own, with clients that the app itself registered beside those that have a URL."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from flask import Flask, request

from flask_cimd import CIMD
from flask_cimd.oauth import AuthorizationServer, MemoryStorage
from tests.support.browser import Browser, SignIn, publish_client, redirect_parameters
from tests.support.clock import Clock
from tests.support.own_client import REDIRECT, OwnClient
from tests.support.proves import proves
from tests.support.wsgi import WSGIAdapter

ISSUER = "https://as.example"


class OwnApp:
    """An app whose person says yes to everything.

    Attributes:
        registered: its own clients by exact string.
    """

    def __init__(self, ca_bundle: Path) -> None:
        self.registered: dict[str, OwnClient] = {}
        self.clock = Clock()
        self.app = app = Flask("own")
        app.config.update(
            CIMD_ALLOW_LOOPBACK=True,
            CIMD_CA_BUNDLE=str(ca_bundle),
            PROPAGATE_EXCEPTIONS=True,
        )
        cimd = CIMD(clock=self.clock)
        cimd.init_app(app, registered=self.registered.get)
        server = AuthorizationServer(
            app, cimd=cimd, storage=MemoryStorage(), issuer=ISSUER, scopes=["profile"], clock=self.clock
        )
        app.add_url_rule("/token", view_func=server.create_token_response, methods=["POST"])
        app.add_url_rule("/revoke", view_func=server.create_revocation_response, methods=["POST"])

        @app.get("/authorize")
        def authorize() -> Any:
            return server.approve(server.read_authorization_request(), subject="somebody")

        @app.get("/me")
        def me() -> Any:
            found = server.find_access_token(request.headers["Authorization"].partition(" ")[2])
            return found[0].client_id if found else ("", 401)

    def browser(self) -> Browser:
        return Browser(ISSUER, WSGIAdapter(self.app))


@pytest.fixture
def own(ca_bundle: Path) -> OwnApp:
    return OwnApp(ca_bundle)


@pytest.fixture(params=["own-client", "https://legacy.example/x"])
def client_id(request: pytest.FixtureRequest, own: OwnApp) -> str:
    """Register a client; its name may look like a URL (CIMD §8.2)."""
    own.registered[request.param] = OwnClient(request.param)
    return str(request.param)


def tokens(own: OwnApp, client_id: str, redirect_uri: str = REDIRECT) -> dict[str, Any]:
    browser, sign_in = own.browser(), SignIn.begin(client_id, redirect_uri, scope="profile")
    code = redirect_parameters(browser.authorize(sign_in))["code"]
    answer = browser.redeem(sign_in, code)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def alive(own: OwnApp, token: str) -> bool:
    return own.browser().get("/me", headers={"Authorization": f"Bearer {token}"}).status_code == 200


@proves("C-103", "C-104")
def test_a_registered_client_gets_the_same_protection(own: OwnApp, client_id: str) -> None:
    # Nothing is fetched for it, and PKCE, rotation and reuse detection hold for it too.
    browser = own.browser()
    first = tokens(own, client_id)
    second = browser.refresh(client_id, first["refresh_token"]).json()
    assert alive(own, second["access_token"])
    own.clock.forward(seconds=60)  # the grace of a refresh
    assert browser.refresh(client_id, first["refresh_token"]).json()["error"] == "invalid_grant"
    assert not alive(own, second["access_token"])
    refused = browser.authorize(SignIn.begin(client_id, REDIRECT, code_challenge=None))
    assert redirect_parameters(refused)["error"] == "invalid_request"


def test_a_registered_client_is_sent_where_it_is_registered_for(own: OwnApp, client_id: str) -> None:
    answer = own.browser().authorize(SignIn.begin(client_id, "https://evil.example/cb"))
    assert answer.status_code == 400
    assert "Location" not in answer.headers


@proves("O-110")
def test_a_registered_client_names_itself_to_revoke(own: OwnApp, client_id: str) -> None:
    browser, token = own.browser(), tokens(own, client_id)["access_token"]
    assert browser.post("/revoke", {"token": token}).status_code == 401
    assert browser.post("/revoke", {"token": token, "client_id": "another"}).status_code == 401
    assert alive(own, token)
    assert browser.post("/revoke", {"token": token, "client_id": client_id}).status_code == 200
    assert not alive(own, token)


def test_a_client_that_is_no_longer_registered_gets_nothing_more(own: OwnApp, client_id: str) -> None:
    token = tokens(own, client_id)["refresh_token"]
    own.registered.clear()
    answer = own.browser().refresh(client_id, token)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


@proves("C-104")
def test_a_document_never_takes_the_place_of_a_registered_client(own: OwnApp, origin: Any) -> None:
    client_id = publish_client(origin, redirect_uris=["https://evil.example/cb"])
    own.registered[client_id] = OwnClient(client_id)
    assert own.browser().authorize(SignIn.begin(client_id, "https://evil.example/cb")).status_code == 400
    assert tokens(own, client_id)["access_token"]
    assert origin.connections == 0


def test_both_kinds_live_side_by_side(own: OwnApp, client_id: str, origin: Any) -> None:
    url = publish_client(origin, redirect_uris=[REDIRECT])
    for one in (client_id, url):
        token = tokens(own, one)["access_token"]
        answer = own.browser().get("/me", headers={"Authorization": f"Bearer {token}"})
        assert answer.text == one


@proves("O-53")
def test_a_code_of_one_is_worth_nothing_to_the_other(own: OwnApp, client_id: str, origin: Any) -> None:
    url = publish_client(origin, redirect_uris=[REDIRECT])
    browser, sign_in = own.browser(), SignIn.begin(client_id, REDIRECT, scope="profile")
    code = redirect_parameters(browser.authorize(sign_in))["code"]
    assert browser.redeem(sign_in, code, client_id=url).json()["error"] == "invalid_grant"
    assert browser.redeem(sign_in, code).status_code == 200

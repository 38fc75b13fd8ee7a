"""``private_key_jwt`` with Authlib's own server class."""

from __future__ import annotations

import json
from typing import Any

import pytest
from authlib.consts import default_json_headers
from authlib.integrations.flask_oauth2 import AuthorizationServer
from flask import Flask

from flask_cimd import CIMD
from flask_cimd.oauth import MemoryReplayCache, PrivateKeyJWT
from flask_cimd.oauth.errors import ClientResolutionError
from flask_cimd.oauth.server.client_authentication import Authenticator
from tests.support.clock import Clock
from tests.support.keys import KeyHolder, make_key
from tests.support.origin import TLSOrigin, publish_document
from tests.support.proves import proves

ISSUER = "https://as.example"


@pytest.fixture
def app(ca_bundle: Any, clock: Clock) -> Flask:
    """An app whose one endpoint says which client it sees, and by which method."""
    app = Flask("app")
    app.config.update(
        CIMD_ALLOW_LOOPBACK=True, CIMD_CA_BUNDLE=str(ca_bundle), CIMD_AUTH_METHODS=("none", "private_key_jwt")
    )
    cimd = CIMD(app, clock=clock)
    server = AuthorizationServer(app, query_client=cimd.query_client, save_token=lambda token, request: None)
    method = PrivateKeyJWT(cimd, issuer=ISSUER, replay_cache=MemoryReplayCache(), clock=clock)
    server.register_client_auth_method("private_key_jwt", method)

    class Who:
        ENDPOINT_NAME = "who"

        def create_endpoint_request(self, request: Any) -> Any:
            return server.create_oauth2_request(request)

        def __call__(self, request: Any) -> Any:
            client = server.authenticate_client(request, ["private_key_jwt", "none"])
            return 200, {"client_id": client.get_client_id(), "method": request.auth_method}, default_json_headers

    server.register_endpoint(Who())
    app.add_url_rule("/who", "who", lambda: server.create_endpoint_response("who"), methods=["POST"])
    return app


def ask(app: Flask, **form: str) -> Any:
    return app.test_client().post("/who", data=form, base_url="https://as.example")


def holder_of(origin: TLSOrigin, clock: Clock) -> KeyHolder:
    holder = KeyHolder(origin.url("/client.json"), clock, issuer=ISSUER)
    publish_document(origin, token_endpoint_auth_method="private_key_jwt", jwks=holder.jwks)
    return holder


@proves("A-07", "A-08")
def test_an_assertion_authenticates_once(origin: TLSOrigin, app: Flask, clock: Clock) -> None:
    holder = holder_of(origin, clock)
    proof = holder.proof()
    answer = ask(app, client_id=holder.client_id, **proof)
    assert answer.json == {"client_id": holder.client_id, "method": "private_key_jwt"}
    assert ask(app, **proof).json["error"] == "invalid_client"
    assert ask(app, **holder.proof()).status_code == 200


@proves("A-09")
@pytest.mark.parametrize(
    "changes",
    [
        {"exp": 4102444800},
        {"aud": [ISSUER, "https://other.example"]},
        {"aud": ISSUER + "/token"},
        {"header": {"typ": "at+jwt"}},
        {"key": make_key("ES256", 9)},
    ],
)
def test_the_checks_are_those_of_the_hardened_server(
    origin: TLSOrigin, app: Flask, clock: Clock, changes: dict[str, Any]
) -> None:
    holder = holder_of(origin, clock)
    answer = ask(app, client_id=holder.client_id, **holder.proof(**changes))
    assert (answer.status_code, answer.json["error"]) == (401, "invalid_client")


@proves("A-09")
def test_the_client_id_in_the_body_must_agree(origin: TLSOrigin, app: Flask, clock: Clock) -> None:
    holder = holder_of(origin, clock)
    publish_document(origin, "/public.json")
    answer = ask(app, client_id=origin.url("/public.json"), **holder.proof())
    assert (answer.status_code, answer.json["error"]) == (401, "invalid_client")


def test_public_clients_go_on_as_before(origin: TLSOrigin, app: Flask, clock: Clock) -> None:
    url = publish_document(origin, "/public.json")
    assert ask(app, client_id=url).json == {"client_id": url, "method": "none"}
    refused = ask(app, client_id=url, **KeyHolder(url, clock, issuer=ISSUER).proof())
    assert refused.json["error"] == "invalid_client"
    assert ask(app, client_id=holder_of(origin, clock).client_id).json["error"] == "invalid_client"


@proves("A-10")
def test_a_symmetric_key_in_a_document_makes_it_invalid(origin: TLSOrigin, app: Flask, clock: Clock) -> None:
    secret = {"kty": "oct", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0", "kid": "one"}
    url = publish_document(origin, token_endpoint_auth_method="private_key_jwt", jwks={"keys": [secret]})
    answer = ask(app, client_id=url, **KeyHolder(url, clock, issuer=ISSUER).proof())
    assert answer.json["error"] == "invalid_client"


@proves("C-103")
def test_a_client_that_the_app_registered_may_hold_a_key_as_well(ca_bundle: Any, clock: Clock) -> None:
    # Found by its exact name, nothing is fetched for it
    class Registered:
        def __init__(self, jwks: Any) -> None:
            self.jwks = jwks

        def get_client_id(self) -> str:
            return "backend"

        def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
            return method == "private_key_jwt"

    holder = KeyHolder("backend", clock, issuer=ISSUER)
    for jwks in (holder.jwks, json.dumps(holder.jwks)):
        client = Registered(jwks)
        app = Flask("app")
        cimd = CIMD(app, registered=lambda name, found=client: found if name == "backend" else None, clock=clock)
        authenticator = Authenticator(clients=cimd, replay_cache=MemoryReplayCache(), issuer=ISSUER, clock=clock)
        with app.test_request_context():
            assert authenticator.check_client(holder.proof()).client is client
            for form in ({"client_id": "backend"}, holder.proof(key=make_key("ES256", 9))):
                with pytest.raises(ClientResolutionError):
                    authenticator.check_client(form)

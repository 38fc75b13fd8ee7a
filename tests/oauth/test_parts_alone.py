"""Every part on Authlib's own server class: a plain Flask app, a storage in memory, no hardened server."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from authlib.integrations.flask_oauth2 import AuthorizationServer as AuthlibServer
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import grants
from flask import Flask, request
from werkzeug.test import TestResponse

from flask_cimd import CIMD
from flask_cimd.oauth import (
    AuthorizationCodeGrant,
    IntrospectionEndpoint,
    MemoryStorage,
    PushedRequests,
    RefreshTokenGrant,
    RequirePKCE,
    ResourceServer,
    RevocationEndpoint,
    ServerContext,
)
from flask_cimd.oauth.server.pkce import check_challenge
from tests.support.browser import REDIRECT, SignIn, publish_client
from tests.support.clock import Clock
from tests.support.dpop import ProofKey
from tests.support.origin import TLSOrigin

ISSUER = "https://as.example"
NOTES = "https://notes.example/api"


class AuthlibApp:
    """A Flask app with Authlib's server, to which a test registers the part that it is about.

    Attributes:
        context: what the parts are bound to.
    """

    def __init__(self, ca_bundle: Path, clock: Clock) -> None:
        self.app = Flask("authlib")
        self.app.config.update(CIMD_ALLOW_LOOPBACK=True, CIMD_CA_BUNDLE=str(ca_bundle), SECRET_KEY="key")
        self.app.config["PROPAGATE_EXCEPTIONS"] = True
        cimd = CIMD(self.app, clock=clock)
        self.clock = clock
        self.storage = MemoryStorage()
        self.context = ServerContext(
            clients=cimd,
            storage=self.storage,
            issuer=ISSUER,
            scopes=["profile", "email"],
            refresh_grace=timedelta(),
            clock=clock,
        )
        self.server = AuthlibServer(self.app, query_client=cimd.query_client, save_token=lambda token, request: None)
        self._add_views()

    def _add_views(self) -> None:
        app, server = self.app, self.server

        @app.get("/authorize")
        def ask() -> Any:
            try:
                return server.get_consent_grant(end_user="owner").request.client.get_client_id()
            except OAuth2Error as error:
                return server.handle_error_response(server.create_oauth2_request(None), error)

        @app.post("/authorize")
        def approve() -> Any:
            grant = server.get_consent_grant(end_user="owner")
            return server.create_authorization_response(grant_user=request.args.get("user"), grant=grant)

        app.add_url_rule("/token", "token", lambda: server.create_token_response(), methods=["POST"])
        app.add_url_rule("/revoke", "revoke", lambda: server.create_endpoint_response("revocation"), methods=["POST"])

    def with_grants(self) -> AuthlibApp:
        """Register both grants."""
        self.server.register_grant(AuthorizationCodeGrant.bind(self.context), [RequirePKCE()])
        self.server.register_grant(RefreshTokenGrant.bind(self.context))
        return self

    def post(self, path: str, form: dict[str, Any], **headers: str) -> TestResponse:
        return self.app.test_client().post(path, data=form, headers=headers)

    def decide(self, parameters: dict[str, str], user: str = "owner") -> dict[str, str]:
        """Approve a request and return the parameters of the redirect; without ``user`` deny it."""
        answer = self.app.test_client().post("/authorize", query_string={**parameters, "user": user})
        assert answer.status_code == 303, answer.text
        return dict(parse_qsl(urlsplit(answer.headers["Location"]).query))

    def redeem(self, sign_in: SignIn, code: str, **changes: Any) -> TestResponse:
        return self.post("/token", {**sign_in.redemption(code), **changes})

    def tokens(self, client_id: str) -> dict[str, Any]:
        """Go through a whole sign-in."""
        sign_in = SignIn.begin(client_id, scope="profile")
        answer = self.redeem(sign_in, self.decide(sign_in.parameters)["code"])
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.get_json()
        return found


@pytest.fixture
def make(ca_bundle: Path, clock: Clock) -> AuthlibApp:
    return AuthlibApp(ca_bundle, clock)


@pytest.fixture
def full(make: AuthlibApp) -> AuthlibApp:
    return make.with_grants()


def error_of(answer: TestResponse) -> tuple[int, str]:
    return answer.status_code, answer.get_json()["error"]


# -- grants ------------------------------------------------------------------------------------------------------


def test_a_client_signs_in_and_refreshes(full: AuthlibApp, origin: TLSOrigin) -> None:
    client_id = publish_client(origin)
    sign_in = SignIn.begin(client_id, scope="profile")
    assert full.app.test_client().get("/authorize", query_string=sign_in.parameters).text == client_id

    answer = full.decide(sign_in.parameters)
    assert (answer["state"], answer["iss"]) == (sign_in.parameters["state"], ISSUER)
    tokens = full.redeem(sign_in, answer["code"]).get_json()
    refreshed = full.post(
        "/token", {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"], "client_id": client_id}
    )

    assert (refreshed.status_code, refreshed.get_json()["scope"]) == (200, "profile")
    with full.app.app_context():
        found = full.context.find_access_token(refreshed.get_json()["access_token"])
    assert found is not None
    assert found[0].subject == "owner"


def test_a_person_who_says_no_sends_the_client_an_error(full: AuthlibApp, origin: TLSOrigin) -> None:
    sign_in = SignIn.begin(publish_client(origin), scope="profile")
    answer = full.decide(sign_in.parameters, user="")
    assert (answer["error"], answer["state"], answer["iss"]) == ("access_denied", sign_in.parameters["state"], ISSUER)


def test_the_second_redemption_of_a_code_ends_its_grant(full: AuthlibApp, origin: TLSOrigin) -> None:
    sign_in = SignIn.begin(publish_client(origin), scope="profile")
    code = full.decide(sign_in.parameters)["code"]
    token = full.redeem(sign_in, code).get_json()["access_token"]
    assert error_of(full.redeem(sign_in, code)) == (400, "invalid_grant")
    with full.app.app_context():
        assert full.context.find_access_token(token) is None


def test_without_grace_the_reuse_of_a_refresh_token_ends_its_grant(full: AuthlibApp, origin: TLSOrigin) -> None:
    client_id = publish_client(origin)
    first = full.tokens(client_id)["refresh_token"]
    form = {"grant_type": "refresh_token", "refresh_token": first, "client_id": client_id}
    second = full.post("/token", form).get_json()["refresh_token"]
    assert error_of(full.post("/token", form)) == (400, "invalid_grant")
    assert error_of(full.post("/token", {**form, "refresh_token": second})) == (400, "invalid_grant")


@pytest.mark.parametrize("changes", [{"code_challenge_method": "plain"}, {"code_challenge": None}])
def test_a_request_without_s256_is_refused(full: AuthlibApp, origin: TLSOrigin, changes: dict[str, str | None]) -> None:
    sign_in = SignIn.begin(publish_client(origin), scope="profile", **changes)
    answer = full.app.test_client().get("/authorize", query_string=sign_in.parameters)
    assert answer.status_code == 302
    assert "error=invalid_request" in answer.headers["Location"]


def test_a_wrong_redirect_uri_ends_on_a_page_of_the_server(full: AuthlibApp, origin: TLSOrigin) -> None:
    sign_in = SignIn.begin(publish_client(origin), "https://attacker.example/cb", scope="profile")
    answer = full.app.test_client().get("/authorize", query_string=sign_in.parameters)
    assert (answer.status_code, "Location" in answer.headers) == (400, False)


def test_a_proof_needs_a_nonce_and_the_answers_carry_one(full: AuthlibApp, origin: TLSOrigin) -> None:
    sign_in = SignIn.begin(publish_client(origin), scope="profile")
    code, key = full.decide(sign_in.parameters)["code"], ProofKey()
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "client_id": sign_in.client_id,
        "redirect_uri": REDIRECT,
        "code_verifier": sign_in.verifier,
    }

    challenged = full.post("/token", form, DPoP=key.proof("POST", ISSUER + "/token", full.clock()))
    assert error_of(challenged) == (400, "use_dpop_nonce")
    proof = key.proof("POST", ISSUER + "/token", full.clock(), nonce=challenged.headers["DPoP-Nonce"])
    answer = full.post("/token", form, DPoP=proof)

    assert (answer.status_code, answer.get_json()["token_type"]) == (200, "DPoP")
    assert answer.headers["DPoP-Nonce"]


# -- PKCE with a grant of the app's own ----------------------------------------------------------------------------


class OwnCode:
    """A code as the documentation of Authlib shows it."""

    def __init__(self, challenge: str, redirect_uri: str) -> None:
        self.code_challenge, self.redirect_uri = challenge, redirect_uri

    def get_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_scope(self) -> str:
        return "profile"


@pytest.fixture
def own_codes(make: AuthlibApp) -> dict[str, OwnCode]:
    """Register a grant of the app's own, on its own table of codes."""
    codes: dict[str, OwnCode] = {}

    class OwnGrant(grants.AuthorizationCodeGrant):  # type: ignore[misc]  # Authlib is untyped
        TOKEN_ENDPOINT_AUTH_METHODS = ("none",)

        def save_authorization_code(self, code: str, request: Any) -> None:
            data = request.payload.data
            codes[code] = OwnCode(data.get("code_challenge", ""), request.payload.redirect_uri)

        def query_authorization_code(self, code: str, client: Any) -> OwnCode | None:
            return codes.get(code)

        def delete_authorization_code(self, authorization_code: OwnCode) -> None:
            for code in [code for code, kept in codes.items() if kept is authorization_code]:
                del codes[code]

        def authenticate_user(self, authorization_code: OwnCode) -> str:
            return "owner"

    make.server.register_grant(OwnGrant, [RequirePKCE()])
    return codes


def own_code(make: AuthlibApp, sign_in: SignIn) -> str:
    answer = make.app.test_client().post("/authorize", query_string={**sign_in.parameters, "user": "owner"})
    return dict(parse_qsl(urlsplit(answer.headers["Location"]).query))["code"]


def test_pkce_accepts_the_right_verifier(make: AuthlibApp, own_codes: dict[str, OwnCode], origin: TLSOrigin) -> None:
    sign_in = SignIn.begin(publish_client(origin))
    assert make.redeem(sign_in, own_code(make, sign_in)).status_code == 200


def test_pkce_lets_nobody_guess_twice(make: AuthlibApp, own_codes: dict[str, OwnCode], origin: TLSOrigin) -> None:
    sign_in = SignIn.begin(publish_client(origin))
    code = own_code(make, sign_in)
    assert error_of(make.redeem(sign_in, code, code_verifier="w" * 43)) == (400, "invalid_grant")
    assert code not in own_codes
    assert error_of(make.redeem(sign_in, code)) == (400, "invalid_grant")


@pytest.mark.parametrize("changes", [{"code_challenge_method": "plain"}, {"code_challenge_method": None}])
def test_pkce_refuses_every_other_method_at_once(
    make: AuthlibApp, own_codes: dict[str, OwnCode], origin: TLSOrigin, changes: dict[str, str | None]
) -> None:
    sign_in = SignIn.begin(publish_client(origin), **changes)
    answer = make.app.test_client().get("/authorize", query_string=sign_in.parameters)
    assert "error=invalid_request" in answer.headers["Location"]


@pytest.mark.parametrize("verifier", [{}, {"code_verifier": None}], ids=["verifier", "no-verifier"])
def test_pkce_refuses_codes_without_a_challenge(
    make: AuthlibApp, own_codes: dict[str, OwnCode], origin: TLSOrigin, verifier: dict[str, Any]
) -> None:
    sign_in = SignIn.begin(publish_client(origin))
    own_codes["older"] = OwnCode("", REDIRECT)
    assert error_of(make.redeem(sign_in, "older", **verifier)) == (400, "invalid_grant")
    assert "older" not in own_codes


def test_a_challenge_of_another_form_is_refused() -> None:
    with pytest.raises(OAuth2Error, match="not an S256 challenge"):
        check_challenge({"code_challenge": "short", "code_challenge_method": "S256"}, required=True)


# -- pushed requests -----------------------------------------------------------------------------------------------


@pytest.fixture
def pushing(full: AuthlibApp) -> AuthlibApp:
    pushed = PushedRequests(full.context)
    full.app.add_url_rule("/par", "par", pushed.respond, methods=["POST"])
    return full


def test_a_pushed_request_is_opened_and_approved_once(pushing: AuthlibApp, origin: TLSOrigin) -> None:
    sign_in = SignIn.begin(publish_client(origin), scope="profile")
    pushed = pushing.post("/par", sign_in.parameters)
    assert pushed.status_code == 201
    address = {"client_id": sign_in.client_id, "request_uri": pushed.get_json()["request_uri"]}
    assert pushing.app.test_client().get("/authorize", query_string=address).text == sign_in.client_id

    answer = pushing.decide(address)
    assert answer["state"] == sign_in.parameters["state"]
    assert pushing.redeem(sign_in, answer["code"]).status_code == 200
    again = pushing.app.test_client().post("/authorize", query_string={**address, "user": "owner"})
    assert (again.status_code, "Location" in again.headers) == (400, False)


def test_a_faulty_push_is_answered_with_json(pushing: AuthlibApp, origin: TLSOrigin) -> None:
    sign_in = SignIn.begin(publish_client(origin), scope="profile", code_challenge_method="plain")
    answer = pushing.post("/par", sign_in.parameters)
    assert error_of(answer) == (400, "invalid_request")
    assert answer.headers["DPoP-Nonce"]


# -- revocation and introspection ----------------------------------------------------------------------------------


def test_a_token_is_revoked_by_its_client_alone(full: AuthlibApp, origin: TLSOrigin) -> None:
    full.server.register_endpoint(RevocationEndpoint.bind(full.context))
    client_id = publish_client(origin)
    token = full.tokens(client_id)["access_token"]

    def is_alive() -> bool:
        with full.app.app_context():
            return full.context.find_access_token(token) is not None

    other = publish_client(origin, "/other.json")
    assert error_of(full.post("/revoke", {"token": token, "client_id": other})) == (401, "invalid_client")
    assert error_of(full.post("/revoke", {"client_id": client_id})) == (400, "invalid_request")
    assert is_alive()
    answer = full.post("/revoke", {"token": token, "client_id": client_id})
    assert (answer.status_code, is_alive()) == (200, False)
    assert answer.headers["DPoP-Nonce"]


def test_a_resource_server_introspects_tokens_for_its_own_url(full: AuthlibApp, origin: TLSOrigin) -> None:
    here, secret = ResourceServer.create(ISSUER)
    elsewhere, other_secret = ResourceServer.create(NOTES)
    servers = {here.id: here, elsewhere.id: elsewhere}
    endpoint = IntrospectionEndpoint(full.context, servers.get)
    full.app.add_url_rule("/introspect", "introspect", endpoint.respond, methods=["POST"])
    token = full.tokens(publish_client(origin))["access_token"]
    browser = full.app.test_client()

    def ask(name: str, password: str) -> Any:
        return browser.post("/introspect", data={"token": token}, auth=(name, password))

    found = ask(here.id, secret).get_json()
    assert (found["active"], found["sub"], found["scope"], found["iss"]) == (True, "owner", "profile", ISSUER)
    assert ask(elsewhere.id, other_secret).get_json() == {"active": False}
    assert error_of(ask(here.id, other_secret)) == (401, "invalid_client")


# -- binding -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("part", [AuthorizationCodeGrant, RefreshTokenGrant, RevocationEndpoint])
def test_binding_leaves_the_class_itself_unbound(make: AuthlibApp, part: Any) -> None:
    bound: Callable[..., Any] = part.bind(make.context)
    assert bound.context is make.context  # type: ignore[attr-defined]  # only the bound class has it
    assert not hasattr(part, "context")
    assert bound.__name__ == part.__name__

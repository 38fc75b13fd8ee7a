"""The registration endpoint in an app of its own: what it takes, what it answers, whom it refuses."""

from __future__ import annotations

import io
import json
import logging
from codecs import BOM_UTF8
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from flask_cimd import CIMD, PolicyDeniedError, RegistrationEndedError
from flask_cimd.core.policy import Decision, Rule, Tier
from flask_cimd.oauth import Registration, RegistrationEndpoint
from flask_cimd.oauth.server.registration import LARGEST_REQUEST
from tests.support.clock import Clock
from tests.support.proves import proves

REDIRECT = "https://app.example/cb"


class MemoryRegistrations:
    """Keeps registrations in a dictionary."""

    def __init__(self, most: int = 100) -> None:
        self.most = most
        self.kept: dict[str, Registration] = {}
        self.networks: list[str] = []

    def add(self, registration: Registration, now: datetime, network: str = "") -> bool:
        self.networks.append(network)
        if len(self.kept) >= self.most:
            return False
        self.kept[registration.client_id] = registration
        return True

    def find(self, client_id: str, now: datetime) -> Registration | None:
        return self.kept.get(client_id)


class Server:
    """An app with the endpoint at ``/register``."""

    def __init__(self, make_app: Any, clock: Clock, **config: Any) -> None:
        self.app: Flask
        self.cimd: CIMD
        self.app, self.cimd = make_app(**config)
        self.storage = MemoryRegistrations()
        self.endpoint = RegistrationEndpoint(self.cimd, self.storage, clock=clock)
        self.app.add_url_rule("/register", view_func=self.endpoint.respond, methods=["POST"])

    def post(self, body: bytes | str, content_type: str = "application/json") -> TestResponse:
        return self.app.test_client().post("/register", data=body, content_type=content_type)

    def register(self, **members: Any) -> TestResponse:
        return self.post(json.dumps({"redirect_uris": [REDIRECT], **members}))

    def client_id(self, **members: Any) -> str:
        answer = self.register(**members)
        assert answer.status_code == 201, answer.text
        return str(answer.json["client_id"])


Make = Callable[..., Server]


@pytest.fixture
def make_server(make_app: Any, clock: Clock) -> Make:
    return lambda **config: Server(make_app, clock, **config)


@pytest.fixture
def server(make_server: Make) -> Server:
    return make_server()


@proves("C-102")
def test_a_registration_is_answered_with_what_was_registered(server: Server, clock: Clock) -> None:
    # RFC 7591 §3.2.1
    answer = server.register(client_name="App\u202e", token_endpoint_auth_method="client_secret_post", scope="a b")
    assert answer.status_code == 201
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.mimetype == "application/json"
    client_id = answer.json.pop("client_id")
    assert client_id.startswith("registered-")
    assert {**answer.json, "client_id": None} == {
        "client_id": None,
        "client_id_issued_at": int(clock().timestamp()),
        "client_name": "App",
        "redirect_uris": [REDIRECT],
        "grant_types": ["authorization_code"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
    }


def test_every_registration_has_a_name_of_its_own(server: Server) -> None:
    assert server.client_id() != server.client_id()


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b"", "client_metadata"),
        (b"null", "client_metadata"),
        (b"[]", "client_metadata"),
        (b'"x"', "client_metadata"),
        (b"{", "client_metadata"),
        (b"{}", "redirect_uri"),
        (
            b'{"redirect_uris":["https://app.example/cb"],"redirect_uris":["https://evil.example/cb"]}',
            "client_metadata",
        ),
        (b'{"redirect_uris":["https://app.example/cb"],"client_name":"\\ud800"}', "client_metadata"),
        (b'{"redirect_uris":["https://app.example/\\u0000"]}', "redirect_uri"),
        (b'{"redirect_uris":["https://app.example/cb"],"client_name":NaN}', "client_metadata"),
        (b'{"redirect_uris":["https://app.example/cb"],"client_name":"\xff"}', "client_metadata"),
        ('{"redirect_uris":["https://app.example/cb"]}'.encode("utf-16"), "client_metadata"),
        (b'{"x":' * 5000 + b"1" + b"}" * 5000, "client_metadata"),
        (b"[" * 16000, "client_metadata"),
        (b'{"x":' + b"9" * 10000 + b"}", "client_metadata"),
        (b'{"redirect_uris":{"0":"https://app.example/cb"}}', "redirect_uri"),
        (b'{"redirect_uris":["https://app.example/cb"],"jwks":{"keys":[{"kty":"oct","k":"AA"}]}}', "client_metadata"),
        (b'{"redirect_uris":["https://app.example/cb"],"token_endpoint_auth_method":{}}', "client_metadata"),
        (b'{"redirect_uris":["https://[::1/cb"]}', "redirect_uri"),
        (b'{"redirect_uris":["https://app.example:99999/cb"]}', "redirect_uri"),
    ],
)
def test_bad_input_is_told_so(server: Server, body: bytes, fault: str) -> None:
    answer = server.post(body)
    assert answer.status_code == 400
    assert answer.json["error"] == f"invalid_{fault}"
    assert answer.json["error_description"].isascii()
    assert answer.headers["Cache-Control"] == "no-store"
    assert server.storage.kept == {}


@pytest.mark.parametrize("jwks", [[], "x", {}, {"keys": "x"}])
def test_a_malformed_key_set_decides_for_a_client_that_uses_it_alone(make_server: Make, jwks: Any) -> None:
    server = make_server(CIMD_AUTH_METHODS="none, private_key_jwt")
    public = server.register(jwks=jwks)
    assert (public.status_code, "jwks" in public.json) == (201, False)
    key_holder = server.register(jwks=jwks, token_endpoint_auth_method="private_key_jwt")
    assert (key_holder.status_code, key_holder.json["error"]) == (400, "invalid_client_metadata")
    assert key_holder.json["error_description"].startswith("/jwks")


def test_the_setting_that_accepts_a_scheme_is_for_the_log_and_the_stranger_gets_the_sentence(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "flask_cimd"):
        answer = server.register(redirect_uris=["myapp:/cb"])
    sentence = "/redirect_uris/0 the scheme of an app is a reversed domain name, such as com.example.app"
    assert (answer.status_code, answer.json["error_description"]) == (400, sentence)
    assert "allow_dotless_schemes in CIMD_PROFILE" in caplog.text
    assert server.register(redirect_uris=["cursor://anysphere.cursor-mcp/oauth/callback"]).status_code == 201


def test_one_byte_order_mark_before_a_registration_does_no_harm(server: Server) -> None:
    body = json.dumps({"redirect_uris": [REDIRECT]}).encode()
    assert server.post(BOM_UTF8 + body).status_code == 201
    assert server.post(BOM_UTF8 + BOM_UTF8 + body).status_code == 400
    full = body + b" " * (16 * 1024 - len(body))
    assert server.post(full).status_code == 201
    assert server.post(BOM_UTF8 + full).status_code == 400  # the mark counts towards the limit


@pytest.mark.parametrize("uri", ["javascript:alert(1)", "http://app.example/cb", "https://app.example/cb#x", "cb"])
def test_a_bad_redirect_uri_has_an_error_of_its_own(server: Server, uri: str) -> None:
    # RFC 7591 §3.2.2
    answer = server.register(redirect_uris=[REDIRECT, uri], client_name=1)
    assert (answer.status_code, answer.json["error"]) == (400, "invalid_redirect_uri")
    assert "/redirect_uris/1" in answer.json["error_description"]
    assert "alert" not in answer.text


def test_only_json_is_read(server: Server) -> None:
    for content_type in ("application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x"):
        answer = server.post(json.dumps({"redirect_uris": [REDIRECT]}), content_type)
        assert (answer.status_code, answer.json["error"]) == (400, "invalid_client_metadata")
    assert server.post(json.dumps({"redirect_uris": [REDIRECT]}), "application/json; charset=utf-8").status_code == 201


def test_a_registration_has_at_most_so_many_bytes(server: Server) -> None:
    body = json.dumps({"redirect_uris": [REDIRECT]}).encode()
    assert server.post(body.ljust(LARGEST_REQUEST)).status_code == 201
    for size in (LARGEST_REQUEST + 1, LARGEST_REQUEST + 2, 10 * LARGEST_REQUEST):
        answer = server.post(body.ljust(size))
        assert (answer.status_code, answer.json["error"]) == (400, "invalid_client_metadata")


def test_a_body_without_length_is_bounded_as_well(server: Server) -> None:
    body = json.dumps({"redirect_uris": [REDIRECT]}).encode()

    def streamed(size: int) -> TestResponse:
        return server.app.test_client().post(
            "/register",
            input_stream=io.BytesIO(body.ljust(size)),
            content_type="application/json",
            environ_overrides={"wsgi.input_terminated": True},
        )

    assert streamed(LARGEST_REQUEST).status_code == 201
    assert streamed(20 * LARGEST_REQUEST).status_code == 400


@pytest.mark.parametrize(
    ("peer", "network"), [("192.0.2.7", "192.0.2.0/24"), ("2001:db8:1:2::3", "2001:db8:1::/48"), ("", "")]
)
def test_the_storage_is_told_the_network_of_the_sender(server: Server, peer: str, network: str) -> None:
    body = json.dumps({"redirect_uris": [REDIRECT]})
    environ = {"REMOTE_ADDR": peer}
    server.app.test_client().post("/register", data=body, content_type="application/json", environ_base=environ)
    assert server.storage.networks == [network]


def test_there_are_never_too_many(server: Server) -> None:
    server.storage.most = 1
    server.client_id()
    answer = server.register()
    assert (answer.status_code, answer.json["error"]) == (429, "temporarily_unavailable")
    assert int(answer.headers["Retry-After"]) > 0
    assert "client_id" not in answer.json


@pytest.mark.parametrize(
    "uris",
    [["https://spam.example/cb"], [REDIRECT, "https://spam.example/cb"], ["https://SPAM.example:8443/cb", REDIRECT]],
)
def test_a_denied_host_is_denied_wherever_it_stands_in_the_list(make_server: Make, uris: list[str]) -> None:
    server = make_server(CIMD_DENIED_HOSTS=("spam.example",))
    answer = server.register(redirect_uris=uris)
    assert (answer.status_code, answer.json["error"]) == (403, "access_denied")
    assert server.register().status_code == 201


def test_where_only_some_hosts_are_let_in_every_place_must_be_one_of_them(make_server: Make) -> None:
    server = make_server(CIMD_ALLOWED_HOSTS=("app.example", "127.0.0.1"))
    assert server.register(redirect_uris=[REDIRECT, "http://127.0.0.1:5/cb"]).status_code == 201
    for uri in ("https://other.example/cb", "http://localhost/cb", "com.example.app:/cb"):
        assert server.register(redirect_uris=[REDIRECT, uri]).status_code == 403


def test_an_app_has_a_word_in_it(server: Server) -> None:
    seen = []

    @server.cimd.allow_client
    def refuse(client: Any) -> bool:
        seen.append((client.source, client.host))
        return client.client_name != "Casino"

    assert server.register(client_name="Casino").status_code == 403
    assert server.register(client_name="App").status_code == 201
    assert seen == [("registered", "app.example")] * 2


def test_policy_is_asked_on_every_use(server: Server) -> None:
    client_id = server.client_id()
    with server.app.app_context():
        found = server.endpoint.find(client_id)
        assert found is not None
        assert found.get_client_id() == client_id
        server.cimd.admission.set_rule(Rule("app.example", Decision.DENY))
        with pytest.raises(PolicyDeniedError):
            server.endpoint.find(client_id)


def test_an_operator_can_turn_one_registration_away(server: Server) -> None:
    denied, other = server.client_id(), server.client_id()
    with server.app.app_context():
        server.cimd.admission.set_rule(Rule.parse(denied, "deny"))
        with pytest.raises(PolicyDeniedError):
            server.endpoint.find(denied)
        assert server.endpoint.find(other) is not None


def test_a_client_is_trusted_as_little_as_the_least_of_its_places(make_server: Make) -> None:
    server = make_server(CIMD_TRUSTED_HOSTS=("app.example",))
    named, mixed = server.client_id(), server.client_id(redirect_uris=[REDIRECT, "https://other.example/cb"])

    def tier(client_id: str) -> Tier:
        found = server.endpoint.find(client_id)
        assert found is not None
        return server.cimd.admission.tier(found.metadata.identifier)

    with server.app.app_context():
        assert tier(named) is Tier.KNOWN
        assert tier(mixed) is Tier.UNKNOWN


def test_a_registration_that_ended_is_told_from_a_name_that_never_was(server: Server) -> None:
    client_id = server.client_id()
    server.storage.kept.clear()
    with server.app.app_context():
        with pytest.raises(RegistrationEndedError):
            server.endpoint.find(client_id)
        for name in ("", "x", "https://app.example/c", "registered-x", "registered-\x00", "registered-\ud800"):
            assert server.endpoint.find(name) is None


def test_what_authlib_asks_a_registered_client(server: Server) -> None:
    with server.app.app_context():
        client = server.endpoint.find(server.client_id(grant_types=["authorization_code", "refresh_token"]))
        assert client is not None
        assert client.check_redirect_uri(REDIRECT)
        assert not client.check_redirect_uri("https://app.example/")
        assert client.check_grant_type("refresh_token")
        assert client.check_endpoint_auth_method("none", "token")
        assert not client.check_endpoint_auth_method("client_secret_basic", "token")
        assert not client.check_client_secret("")
        assert client.get_allowed_scope("a b") == "a b"
        assert client.jwks is None

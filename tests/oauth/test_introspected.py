"""Tokens of a server that runs elsewhere: believed only as far as its answer goes, and never kept."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask

from flask_cimd import ConfigurationError
from flask_cimd.oauth import IntrospectedTokens, ResourceProtector, TokensUnavailableError, well_known_blueprint
from flask_cimd.oauth.server.metadata import discovery_paths
from tests.support.origin import SocketOrigin, TLSOrigin
from tests.support.proves import proves

ISSUER = "https://me.example"
HERE = "https://notes.example/api"
ACTIVE = {
    "active": True,
    "client_id": "https://app.example/c",
    "sub": "https://me.example/",
    "scope": "read",
    "aud": HERE,
}
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def tokens(origin: TLSOrigin, ca_bundle: Any) -> IntrospectedTokens:
    return IntrospectedTokens(
        origin.url("/introspect"), server_id="a:b", secret="s%t", issuer=ISSUER, ca_bundle=str(ca_bundle)
    )


def answer(origin: TLSOrigin, members: Any, status: int = 200) -> None:
    origin.serve("/introspect", json.dumps(members).encode(), status=status, headers=JSON)


@proves("O-75")
def test_living_token_says_what_it_allows(origin: TLSOrigin, tokens: IntrospectedTokens) -> None:
    answer(origin, {**ACTIVE, "exp": 1_800_000_000, "auth_time": 1_700_000_000, "cnf": {"jkt": "thumb"}, "iss": ISSUER})
    found = tokens.find("secret")
    assert found is not None
    assert (found.scope, found.audience, found.key_thumbprint) == ({"read"}, {HERE}, "thumb")
    assert found.expires_at is not None
    assert found.auth_time == datetime.fromtimestamp(1_700_000_000, UTC)


def test_credentials_are_encoded_before_they_are_joined(origin: TLSOrigin, tokens: IntrospectedTokens) -> None:
    answer(origin, ACTIVE)
    tokens.find("secret")
    sent = base64.b64encode(b"a%3Ab:s%25t").decode()
    assert f"Authorization: Basic {sent}".encode() in origin.requests[0]


@proves("M-29")
@pytest.mark.parametrize(
    "endpoint", ["http://me.example/introspect", "ftp://127.0.0.1/", "introspect", "https://a:b@me.example/introspect"]
)
def test_secret_and_tokens_never_travel_in_plain_text(endpoint: str) -> None:
    with pytest.raises(ConfigurationError):
        IntrospectedTokens(endpoint, server_id="a", secret="b", issuer=ISSUER)


def test_every_use_is_asked_about(origin: TLSOrigin, tokens: IntrospectedTokens) -> None:
    answer(origin, ACTIVE)
    assert tokens.find("secret") is not None
    answer(origin, {"active": False})
    assert tokens.find("secret") is None


@proves("M-10")
def test_token_without_audience_is_for_the_issuer_alone(origin: TLSOrigin, tokens: IntrospectedTokens) -> None:
    answer(origin, {name: value for name, value in ACTIVE.items() if name != "aud"})
    found = tokens.find("secret")
    assert found is not None
    assert found.audience == {ISSUER}


@pytest.mark.parametrize("members", [{"active": "true"}, {"active": 1}, {}, {**ACTIVE, "iss": "https://evil.example"}])
def test_anything_but_a_plain_yes_of_the_issuer_is_a_no(
    origin: TLSOrigin, tokens: IntrospectedTokens, members: dict[str, Any]
) -> None:
    answer(origin, members)
    assert tokens.find("secret") is None


@pytest.mark.parametrize(
    "members",
    [[], "text", {**ACTIVE, "exp": "soon"}, {**ACTIVE, "exp": 1e300}, {**ACTIVE, "aud": 5}, {**ACTIVE, "cnf": []},
     {**ACTIVE, "scope": 5}, {"active": True}],
)  # fmt: skip
def test_answer_of_a_wrong_shape_lets_nobody_in(origin: TLSOrigin, tokens: IntrospectedTokens, members: Any) -> None:
    answer(origin, members)
    with pytest.raises(TokensUnavailableError):
        tokens.find("secret")


@pytest.mark.parametrize("status", [302, 401, 500])
def test_status_that_is_no_answer_lets_nobody_in(origin: TLSOrigin, tokens: IntrospectedTokens, status: int) -> None:
    answer(origin, ACTIVE, status)
    with pytest.raises(TokensUnavailableError):
        tokens.find("secret")


def test_view_answers_503_while_the_server_is_silent() -> None:
    with SocketOrigin(lambda connection, head: None) as silent:
        endpoint = f"http://127.0.0.1:{silent.port}/introspect"
        tokens = IntrospectedTokens(endpoint, server_id="a", secret="b", issuer=ISSUER)
        app = Flask("resource")

        @app.get("/api")
        @ResourceProtector(tokens.find, audience=HERE)("read")
        def read() -> str:
            return "read"

        refused = app.test_client().get("/api", headers={"Authorization": "Bearer secret"})
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")


# -- the server's metadata in every form of its path ------------------------------------------------------------------


@pytest.fixture
def tenant() -> Iterator[Any]:
    """Return a client of a server whose issuer has a path."""
    issuer = "https://h.example/t1"
    resources = {"https://h.example/t1/mcp": {"resource": "https://h.example/t1/mcp"}}
    app = Flask("tenant")
    app.register_blueprint(well_known_blueprint(issuer, server=lambda: {"issuer": issuer}, resource=resources.get))
    with app.test_client() as client:
        yield client


@proves("M-20", "M-21", "O-43")
@pytest.mark.parametrize(
    "path",
    [
        "/.well-known/oauth-authorization-server/t1",
        "/.well-known/openid-configuration/t1",
        "/t1/.well-known/openid-configuration",
    ],
)
def test_issuer_with_a_path_is_found_at_each_place_where_clients_look(tenant: Any, path: str) -> None:
    assert tenant.get(path).json == {"issuer": "https://h.example/t1"}
    assert path in discovery_paths("https://h.example/t1")


@proves("M-22")
def test_issuer_with_a_path_is_not_found_at_the_root_forms(tenant: Any) -> None:
    for path in discovery_paths("https://h.example"):
        assert tenant.get(path).status_code == 404


@proves("M-03")
def test_resource_below_a_path_is_found_by_insertion(tenant: Any) -> None:
    found = tenant.get("/.well-known/oauth-protected-resource/t1/mcp")
    assert found.json == {"resource": "https://h.example/t1/mcp"}
    assert tenant.get("/.well-known/oauth-protected-resource/t1").status_code == 404

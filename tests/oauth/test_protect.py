"""A protected view lets in who holds a living token for it, and tells everybody else what they need."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from flask import Flask, Response, jsonify
from flask.testing import FlaskClient

from flask_cimd.oauth import (
    Access,
    BearerScheme,
    ResourceProtector,
    TokenRefused,
    current_access,
)
from flask_cimd.oauth.challenge import Challenge, challenge_header
from flask_cimd.oauth.resource_metadata import resource_metadata_url
from tests.support.proves import proves

NOTES = "https://me.example/api/notes"
METADATA = "https://me.example/.well-known/oauth-protected-resource/api/notes"


def _access(scope: str, audience: str = NOTES, key: str | None = None) -> Access:
    return Access(
        subject="https://me.example/",
        client_id="https://app.example/client.json",
        scope=frozenset(scope.split()),
        audience=frozenset({audience}),
        expires_at=datetime(2026, 1, 1, tzinfo=UTC),
        key_thumbprint=key,
    )


TOKENS = {
    "reader": _access("read"),
    "writer": _access("write"),
    "everything": _access("all"),
    "foreign": _access("read write", audience="https://other.example/"),
    "bound": _access("read", key="thumbprint"),
}


class FancyScheme:
    """A second scheme, as another module would add it."""

    name = "Fancy"

    def attributes(self) -> dict[str, str]:
        return {"algs": "ES256"}

    def check(self, request: object, secret: str, access: Access) -> dict[str, str]:
        if access.key_thumbprint is None:
            raise TokenRefused(401, "invalid_token", "Not bound.", headers={"Fancy-Nonce": "n"})
        return {"Fancy-Nonce": "m"}


@pytest.fixture
def client() -> FlaskClient:
    app = Flask("resource")
    protect = ResourceProtector(TOKENS.get, audience=NOTES, implied={"all": {"read", "write"}})
    form = ResourceProtector(TOKENS.get, audience=NOTES, accept_form=True)
    both = ResourceProtector(TOKENS.get, audience=lambda: NOTES, schemes=(BearerScheme(), FancyScheme()))

    @app.get("/notes")
    @protect("read")
    def read() -> Response:
        return jsonify(subject=current_access.subject, scope=sorted(current_access.scope))

    @app.post("/notes")
    @protect("read", "write")
    def write() -> tuple[str, int]:
        return "written", 201

    @app.post("/choose/<scope>")
    @protect()
    def choose(scope: str) -> str:
        protect.require(current_access, scope)
        return "done"

    @app.post("/form")
    @form("read")
    def by_form() -> str:
        return "read"

    @app.get("/both")
    @both("read")
    def by_both() -> str:
        return "read"

    return app.test_client()


def _get(client: FlaskClient, authorization: str | None = None, url: str = "/notes") -> Response:
    return client.get(url, headers={"Authorization": authorization} if authorization is not None else {})


def test_lets_in_a_token_with_the_scope_and_says_who_calls(client: FlaskClient) -> None:
    answer = _get(client, "Bearer reader")
    assert (answer.status_code, answer.json) == (200, {"subject": "https://me.example/", "scope": ["read"]})


@proves("O-73")
@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "BeArEr"])
def test_scheme_is_case_insensitive(client: FlaskClient, scheme: str) -> None:
    assert _get(client, f"{scheme} reader").status_code == 200


@proves("M-06", "O-74", "A-16")
def test_without_credentials_challenges_without_an_error_code(client: FlaskClient) -> None:
    answer = _get(client)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == f'Bearer scope="read", resource_metadata="{METADATA}"'
    assert answer.headers["Cache-Control"] == "no-store"


@proves("A-16")
def test_another_scheme_counts_as_no_credentials(client: FlaskClient) -> None:
    answer = _get(client, "Basic cmVhZGVyOg==")
    assert answer.status_code == 401
    assert "error" not in answer.headers["WWW-Authenticate"]


@proves("IA-110", "M-05", "M-10", "O-99")
@pytest.mark.parametrize("token", ["unknown", "foreign", "bound"])
def test_dead_foreign_and_bound_tokens_are_invalid(client: FlaskClient, token: str) -> None:
    answer = _get(client, f"Bearer {token}")
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith('Bearer error="invalid_token", error_description="')
    assert f'resource_metadata="{METADATA}"' in answer.headers["WWW-Authenticate"]


@proves("M-05", "O-74")
@pytest.mark.parametrize("secret", ["", " ", 'a"b', "a\\b", "a b", "a, Bearer b", "\xe9", "=="])
def test_malformed_token_is_a_malformed_request(client: FlaskClient, secret: str) -> None:
    answer = _get(client, f"Bearer {secret}")
    assert answer.status_code == 400
    assert 'error="invalid_request"' in answer.headers["WWW-Authenticate"]


@proves("M-11", "O-73")
def test_token_in_the_query_is_refused(client: FlaskClient) -> None:
    answer = client.get("/notes?access_token=reader")
    assert answer.status_code == 401
    assert client.get("/notes?access_token=reader", headers={"Authorization": "Bearer reader"}).status_code == 400


@proves("IA-110", "M-07", "A-16")
def test_too_little_scope_names_all_that_is_needed_at_once(client: FlaskClient) -> None:
    answer = client.post("/notes", headers={"Authorization": "Bearer reader"})
    assert answer.status_code == 403
    assert answer.headers["WWW-Authenticate"] == (
        'Bearer error="insufficient_scope", error_description="The token does not allow this.", '
        f'scope="read write", resource_metadata="{METADATA}"'
    )
    assert answer.json == {"error": "insufficient_scope", "error_description": "The token does not allow this."}


@proves("M-08")
def test_broad_scope_implies_narrow_ones(client: FlaskClient) -> None:
    assert client.post("/notes", headers={"Authorization": "Bearer everything"}).status_code == 201


def test_view_asks_for_a_scope_that_depends_on_the_request(client: FlaskClient) -> None:
    assert client.post("/choose/write", headers={"Authorization": "Bearer writer"}).status_code == 200
    refused = client.post("/choose/read", headers={"Authorization": "Bearer writer"})
    assert refused.status_code == 403
    assert 'scope="read"' in refused.headers["WWW-Authenticate"]


@proves("O-73")
def test_form_token_only_where_it_is_switched_on(client: FlaskClient) -> None:
    assert client.post("/form", data={"access_token": "reader"}).status_code == 200
    assert client.post("/notes", data={"access_token": "everything"}).status_code == 401
    doubled = client.post("/form", data={"access_token": "reader"}, headers={"Authorization": "Bearer reader"})
    assert doubled.status_code == 400
    assert client.post("/form", json={"access_token": "reader"}).status_code == 401


@proves("M-12")
def test_bearer_is_offered_first_and_the_scheme_used_leads_when_it_failed(client: FlaskClient) -> None:
    offered = _get(client, url="/both").headers["WWW-Authenticate"]
    assert offered.startswith("Bearer scope=")
    assert 'Fancy scope="read", resource_metadata=' in offered
    assert offered.endswith('algs="ES256"')
    answer = _get(client, "Fancy reader", "/both")
    assert answer.headers["WWW-Authenticate"].startswith('Fancy error="invalid_token"')
    assert answer.headers["WWW-Authenticate"].count("error=") == 1
    assert answer.headers["Fancy-Nonce"] == "n"
    assert _get(client, "Fancy bound", "/both").headers["Fancy-Nonce"] == "m"


@proves("M-03")
@pytest.mark.parametrize(
    ("resource", "url"),
    [
        ("https://h", "https://h/.well-known/oauth-protected-resource"),
        ("https://h/", "https://h/.well-known/oauth-protected-resource"),
        ("https://h:8/a/mcp", "https://h:8/.well-known/oauth-protected-resource/a/mcp"),
        ("https://h/a/", "https://h/.well-known/oauth-protected-resource/a/"),
        ("https://h/a?b=c", "https://h/.well-known/oauth-protected-resource/a?b=c"),
    ],
)
def test_resource_metadata_lies_at_the_inserted_path(resource: str, url: str) -> None:
    assert resource_metadata_url(resource) == url


@pytest.mark.parametrize("value", ['a"b', "a\\b", "é", "a\nb"])
def test_challenge_refuses_what_it_cannot_carry(value: str) -> None:
    with pytest.raises(ValueError, match="scope"):
        str(Challenge(scheme="Bearer", scope=[value]))


@proves("O-23")
def test_description_is_made_to_fit() -> None:
    header = challenge_header([Challenge(scheme="Bearer", error="invalid_token", description='say "é\\"')])
    assert header == 'Bearer error="invalid_token", error_description="say"'


def test_current_access_outside_a_protected_view_is_an_error() -> None:
    with Flask("bare").test_request_context(), pytest.raises(RuntimeError, match="inside a view"):
        _ = current_access.subject

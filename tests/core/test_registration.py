"""What a client may say about itself when it registers (RFC 7591)."""

from __future__ import annotations

from typing import Any

import pytest

from flask_cimd.core.identifier import ClientIdentifier, IdentifierKind
from flask_cimd.core.metadata import ClientMetadata
from flask_cimd.core.policy import Decision, HostPattern, Policy, Rule, RuleSet, Tier
from flask_cimd.core.redirects import match_redirect
from flask_cimd.core.registration import (
    MOST_REDIRECT_URIS,
    identifiers,
    is_issued_here,
    parse_registration,
    registered_members,
)
from flask_cimd.core.rules import DocumentRules
from flask_cimd.errors import DocumentError, RedirectMismatchError
from tests.support.proves import proves

CLIENT_ID = "registered-" + "0" * 32
REDIRECT = "https://app.example/cb"
KEY = {
    "kty": "EC",
    "crv": "P-256",
    "kid": "k",
    "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
}


def parse(rules: DocumentRules | None = None, **members: Any) -> ClientMetadata:
    given = {"redirect_uris": [REDIRECT], **members}
    return parse_registration(given, CLIENT_ID, rules or DocumentRules())


def problems(rules: DocumentRules | None = None, **members: Any) -> list[tuple[str, str]]:
    with pytest.raises(DocumentError) as caught:
        parse(rules, **members)
    return [(problem.pointer, problem.rule) for problem in caught.value.problems]


def identifier(host: str) -> ClientIdentifier:
    return ClientIdentifier(
        raw=CLIENT_ID, kind=IdentifierKind.REGISTERED, scheme="https", host=host, port=None, path="/", query=""
    )


def test_a_registration_needs_no_more_than_a_redirect_uri() -> None:
    client = parse()
    assert client.client_id == CLIENT_ID
    assert client.source == "registered"
    assert registered_members(client) == {
        "redirect_uris": [REDIRECT],
        "grant_types": ["authorization_code"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
    }


def test_what_was_registered_is_read_again_as_the_same_client() -> None:
    rules = DocumentRules(auth_methods=("none", "private_key_jwt"))
    client = parse(
        rules,
        client_name="App",
        client_uri="https://app.example/",
        grant_types=["authorization_code", "refresh_token"],
        token_endpoint_auth_method="private_key_jwt",
        token_endpoint_auth_signing_alg="ES256",
        jwks={"keys": [KEY]},
        application_type="native",
        dpop_bound_access_tokens=True,
    )
    assert parse_registration(registered_members(client), CLIENT_ID, rules) == client


@pytest.mark.parametrize("method", [None, "client_secret_basic", "client_secret_post", "client_secret_jwt"])
def test_no_secret_is_agreed_on(method: str | None) -> None:
    # RFC 7591 §3.2.1: a server may replace what was asked for
    assert registered_members(parse(token_endpoint_auth_method=method))["token_endpoint_auth_method"] == "none"


def test_what_is_not_understood_is_ignored() -> None:
    # RFC 7591 §2
    client = parse(software_statement="x", client_secret="x", client_id="https://x.example/", logo_uri=[], contacts=1)
    assert client == parse()


def test_null_is_as_good_as_absent() -> None:
    assert parse(client_name=None, scope=None, jwks=None) == parse()
    rules = DocumentRules(auth_methods=("none", "private_key_jwt"))
    method = "private_key_jwt"
    assert ("/jwks_uri", "never-fetched") not in problems(rules, token_endpoint_auth_method=method, jwks_uri=None)


@pytest.mark.parametrize(
    "members",
    [
        {"scope": 'a"b'},
        {"scope": ["a"]},
        {"jwks": {}},
        {"jwks": "x"},
        {"token_endpoint_auth_signing_alg": "HS256"},
        {"token_endpoint_auth_signing_alg": 5},
        {"application_type": 5},
    ],
    ids=str,
)
def test_members_that_a_public_client_does_not_use_do_not_decide(members: dict[str, Any]) -> None:
    assert parse(**members) == parse()


@pytest.mark.parametrize(
    "uri", ["cursor://anysphere.cursor-mcp/oauth/callback", "vscode://ms.vscode/did-authenticate", "myapp://cb"]
)
def test_a_desktop_app_registers_the_scheme_of_its_product_with_an_authority(uri: str) -> None:
    client = parse(redirect_uris=[uri])
    assert client.redirect_uris == (uri,)
    assert match_redirect(uri, client) == uri
    for other in (f"{uri}/x", uri.replace("://", "://x"), uri.replace("://", ":/"), uri.upper()):
        with pytest.raises(RedirectMismatchError):
            match_redirect(other, client)


def test_the_scope_of_a_registration_is_no_limit() -> None:
    # Clients register with the scope of the first challenge and ask for more later (step-up).
    assert parse(scope="notes:read").scope is None


@pytest.mark.parametrize(
    ("uri", "rule"),
    [
        ("http://app.example/cb", "insecure"),
        ("javascript:alert(1)", "bad-scheme"),
        ("data:text/html,x", "bad-scheme"),
        ("https://app.example/cb#f", "fragment"),
        ("/cb", "relative"),
        ("", "relative"),
        ("myapp:/cb", "dotless-scheme"),
        ("myapp:///cb", "dotless-scheme"),
        ("javascript://app.example/%0aalert(1)", "bad-scheme"),
        ("intent://app.example/#Intent;scheme=https;end", "bad-scheme"),
        ("ms-settings://x/cb", "bad-scheme"),
        ("https://app.example/c b", "forbidden-character"),
        ("https://app.example/\x00", "forbidden-character"),
        ("http://localhost:*/cb", "forbidden-character"),
        ("https://a.example@b.example/cb", "bad-authority"),
    ],
)
def test_one_redirect_uri_that_may_not_be_used_is_enough_to_refuse(uri: str, rule: str) -> None:
    assert problems(redirect_uris=[REDIRECT, uri]) == [("/redirect_uris/1", rule)]


@pytest.mark.parametrize(
    ("uris", "rule"),
    [
        ([], "none-usable"),
        ("https://app.example/cb", "wrong-type"),
        ({}, "wrong-type"),
        ([f"https://app.example/{n}" for n in range(MOST_REDIRECT_URIS + 1)], "too-many"),
    ],
)
def test_redirect_uris_are_a_short_list(uris: Any, rule: str) -> None:
    assert problems(redirect_uris=uris) == [("/redirect_uris", rule)]


def test_redirect_uris_are_required() -> None:
    assert problems(redirect_uris=None) == [("/redirect_uris", "missing")]


@pytest.mark.parametrize(
    ("members", "problem"),
    [
        ({"grant_types": ["client_credentials"]}, ("/grant_types", "unsupported")),
        ({"grant_types": "authorization_code"}, ("/grant_types", "wrong-type")),
        ({"response_types": ["token"]}, ("/response_types", "unsupported")),
        ({"client_name": ["x"]}, ("/client_name", "wrong-type")),
        ({"token_endpoint_auth_method": ["none"]}, ("/token_endpoint_auth_method", "wrong-type")),
        ({"token_endpoint_auth_method": "tls_client_auth"}, ("/token_endpoint_auth_method", "unsupported")),
        ({"redirect_uris": [1]}, ("/redirect_uris/0", "wrong-type")),
        ({"redirect_uris": [REDIRECT, None]}, ("/redirect_uris/1", "wrong-type")),
        ({"dpop_bound_access_tokens": "yes"}, ("/dpop_bound_access_tokens", "wrong-type")),
    ],
)
def test_what_cannot_work_is_refused(members: dict[str, Any], problem: tuple[str, str]) -> None:
    assert problem in problems(**members)


def test_keys_come_with_the_registration_and_are_never_fetched() -> None:
    rules = DocumentRules(auth_methods=("none", "private_key_jwt"))
    found = problems(rules, token_endpoint_auth_method="private_key_jwt", jwks_uri="https://app.example/jwks")
    assert ("/jwks_uri", "never-fetched") in found
    assert parse(rules, jwks_uri="https://app.example/jwks").jwks_uri is None


def test_private_keys_are_refused() -> None:
    assert problems(jwks={"keys": [{**KEY, "d": "x"}]})


def test_a_registered_client_is_answered_where_it_said_and_nowhere_else() -> None:
    client = parse(redirect_uris=[REDIRECT, "http://127.0.0.1:1/cb"])
    assert match_redirect(REDIRECT, client)
    assert match_redirect("http://127.0.0.1:60000/cb", client)  # RFC 8252 §7.3
    for uri in ("https://app.example/other", "https://app.example/", "http://app.example/cb", "http://127.0.0.1:1/x"):
        with pytest.raises(RedirectMismatchError):
            match_redirect(uri, client)


def test_rules_about_hosts_judge_every_place_of_an_answer() -> None:
    uris = [REDIRECT, "https://APP.example/2", "http://[::1]:7/cb", "http://localhost/cb", "com.example.app:/cb"]
    hosts = [place.host for place in identifiers(parse(redirect_uris=uris))]
    assert hosts == ["app.example", "::1", "localhost", "com.example.app"]


def test_where_redirects_must_stay_on_one_origin_a_registered_client_has_one() -> None:
    rules = DocumentRules(redirect_relation="same-origin")
    assert parse(rules, redirect_uris=[REDIRECT, "https://app.example/2"])
    assert problems(rules, redirect_uris=[REDIRECT, "https://other.example/"]) == [("/redirect_uris", "other-origin")]


def test_a_client_that_registered_itself_is_never_trusted() -> None:
    trusting = Policy(trusted_hosts=(HostPattern.parse("app.example"),))
    assert trusting.tier(identifier("app.example")) is Tier.KNOWN
    ruled = Policy(allowed_hosts=(), rules=RuleSet([Rule("app.example", Decision.TRUST)]))
    assert ruled.tier(identifier("app.example")) is Tier.KNOWN
    assert ruled.tier(identifier("other.example")) is Tier.BLOCKED
    assert Policy(denied_hosts=trusting.trusted_hosts).tier(identifier("app.example")) is Tier.BLOCKED


@proves("C-102")
@pytest.mark.parametrize(
    "client_id", ["", "registered-", CLIENT_ID + "0", CLIENT_ID + "\n", CLIENT_ID.upper(), "registered-" + "\x00" * 32]
)
def test_only_names_of_one_form_are_issued(client_id: str) -> None:
    # None of them is an https URL.
    assert is_issued_here(CLIENT_ID)
    assert not CLIENT_ID.startswith("https://")
    assert not is_issued_here(client_id)

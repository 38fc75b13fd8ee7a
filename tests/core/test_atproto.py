"""Client documents of the AT Protocol's profile: AT-01 to AT-22, one fault each."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flask_cimd.core.atproto import asks_for_atproto
from flask_cimd.core.document import parse_document
from flask_cimd.core.identifier import IdentifierRules, parse_identifier
from flask_cimd.core.metadata import ClientMetadata
from flask_cimd.core.rules import DocumentRules
from flask_cimd.errors import CIMDError, DocumentError
from tests.support.proves import proves

CLIENT_ID = "https://app.example.com/oauth-client-metadata.json"
KEY = {
    "kty": "EC", "kid": "kid-1", "crv": "P-256", "key_ops": ["verify", "encrypt", "wrapKey"],
    "x": "c-mXyHKhZRDkDLrO2cQiFfpy3Q_n6nmS79Zzc2TIqMc", "y": "AeKVy236RhqfqsPWpNlnnzT0jby6y0AJgXJBULGOpnw",
}  # fmt: skip
WEB: dict[str, Any] = {
    "client_id": CLIENT_ID,
    "client_name": "Example",
    "client_uri": "https://app.example.com",
    "application_type": "web",
    "redirect_uris": ["https://app.example.com/callback"],
    "grant_types": ["authorization_code", "refresh_token"],
    "response_types": ["code"],
    "scope": "atproto transition:generic",
    "token_endpoint_auth_method": "none",
    "dpop_bound_access_tokens": True,
}
NATIVE = {**WEB, "application_type": "native", "redirect_uris": ["com.example.app:/callback"]}
KEYS = {"token_endpoint_auth_method": "private_key_jwt", "token_endpoint_auth_signing_alg": "ES256"}
CONFIDENTIAL = {**WEB, **KEYS, "jwks": {"keys": [KEY]}}


def read(
    document: dict[str, Any], client_id: str = CLIENT_ID, *, media_type: str = "application/json", **rules: Any
) -> ClientMetadata:
    identifier = parse_identifier(client_id, IdentifierRules(allow_loopback=True))
    allowed = DocumentRules(auth_methods=("none", "private_key_jwt"), **rules)
    return parse_document(json.dumps(document).encode(), identifier, allowed, media_type=media_type)


def refusals(document: dict[str, Any], client_id: str = CLIENT_ID, **more: Any) -> set[str]:
    """Return pointers of broken rules; a document that is invalid for everybody counts as ``invalid``."""
    try:
        return {pointer for pointer, _, _ in read(document, client_id, **more).atproto_problems}
    except DocumentError:
        return {"invalid"}


@proves("AT-06", "AT-07", "AT-08", "AT-10", "AT-11", "AT-13", "AT-14", "AT-15", "AT-18", "AT-21")
@pytest.mark.parametrize(
    "document",
    [
        WEB,
        NATIVE,
        CONFIDENTIAL,  # the key set of the JavaScript library
        {**WEB, **KEYS, "jwks_uri": "https://app.example.com/jwks.json"},
        {k: v for k, v in WEB.items() if k != "token_endpoint_auth_method"},
        {k: v for k, v in WEB.items() if k not in ("grant_types", "response_types")},
        {k: v for k, v in WEB.items() if k != "application_type"},
        {**WEB, "grant_types": ["authorization_code"]},
        {**WEB, "scope": "atproto repo:app.example.post unknown"},
        {**WEB, "redirect_uris": ["https://other.example.com:8443/cb"]},
        {**NATIVE, "redirect_uris": ["http://127.0.0.1:8080/cb", "http://[::1]/cb"]},
        {**NATIVE, "redirect_uris": ["https://app.example.com/app/cb"]},
        {**WEB, "logo_uri": "https://cdn.example.com/logo.png", "tos_uri": "https://example.com/tos"},
    ],
)
def test_takes_documents_of_the_profile(document: dict[str, Any]) -> None:
    assert refusals(document) == set()


DPOP = "/dpop_bound_access_tokens"
# One fault each.
FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "AT-05 dpop missing": ({k: v for k, v in WEB.items() if k != "dpop_bound_access_tokens"}, DPOP),
    "AT-05 dpop false": ({**WEB, "dpop_bound_access_tokens": False}, "/dpop_bound_access_tokens"),
    "AT-05 dpop text": ({**WEB, "dpop_bound_access_tokens": "true"}, "invalid"),
    "AT-06 implicit": ({**WEB, "grant_types": ["authorization_code", "implicit"]}, "/grant_types"),
    "AT-06 no code": ({**WEB, "grant_types": ["refresh_token"]}, "/grant_types"),
    "AT-07 token": ({**WEB, "response_types": ["token"]}, "/response_types"),
    "AT-08 no scope": ({k: v for k, v in WEB.items() if k != "scope"}, "/scope"),
    "AT-08 without atproto": ({**WEB, "scope": "profile"}, "/scope"),
    "AT-08 list": ({**WEB, "scope": ["atproto"]}, "/scope"),
    "AT-08 twice": ({**WEB, "scope": "atproto profile atproto"}, "/scope"),
    "AT-09 no redirect": ({k: v for k, v in WEB.items() if k != "redirect_uris"}, "/redirect_uris"),
    "AT-09 empty": ({**WEB, "redirect_uris": []}, "invalid"),
    "AT-10 spa": ({**WEB, "application_type": "spa"}, "/application_type"),
    "AT-11 http": ({**WEB, "redirect_uris": [*WEB["redirect_uris"], "http://app.example.com/cb"]}, "/redirect_uris/1"),
    "AT-11 localhost": ({**WEB, "redirect_uris": ["https://localhost/cb"]}, "/redirect_uris/0"),
    "AT-11 loopback": ({**WEB, "redirect_uris": ["http://127.0.0.1/cb"]}, "/redirect_uris/0"),
    "AT-11 address": ({**WEB, "redirect_uris": ["https://192.0.2.1/cb"]}, "/redirect_uris/0"),
    "AT-11 port 443": ({**WEB, "redirect_uris": ["https://app.example.com:443/cb"]}, "/redirect_uris/0"),
    "AT-12 web scheme": ({**WEB, "redirect_uris": ["com.example.app:/cb"]}, "/redirect_uris/0"),
    "AT-12 other scheme": ({**NATIVE, "redirect_uris": ["com.other:/cb"]}, "/redirect_uris/0"),
    "AT-12 two slashes": ({**NATIVE, "redirect_uris": ["com.example.app://cb"]}, "/redirect_uris/0"),
    "AT-12 no slash": ({**NATIVE, "redirect_uris": ["com.example.app:cb"]}, "/redirect_uris/0"),
    "AT-12 dotless": ({**NATIVE, "redirect_uris": [*NATIVE["redirect_uris"], "myapp:/cb"]}, "/redirect_uris/1"),
    "AT-13 other origin": ({**NATIVE, "redirect_uris": ["https://www.example.com/cb"]}, "/redirect_uris/0"),
    "AT-14 name": ({**NATIVE, "redirect_uris": ["http://localhost/cb"]}, "/redirect_uris/0"),
    "AT-14 https": ({**NATIVE, "redirect_uris": ["https://127.0.0.1/cb"]}, "/redirect_uris/0"),
    "AT-15 secret": ({**WEB, "token_endpoint_auth_method": "client_secret_post"}, "invalid"),
    "AT-16 both": ({**CONFIDENTIAL, "jwks_uri": "https://app.example.com/jwks.json"}, "invalid"),
    "AT-16 neither": ({**WEB, **KEYS}, "invalid"),
    "AT-16 empty": ({**CONFIDENTIAL, "jwks": {"keys": []}}, "invalid"),
    "AT-17 public": ({**WEB, "token_endpoint_auth_signing_alg": "ES256"}, "/token_endpoint_auth_signing_alg"),
    "AT-17 none": ({**CONFIDENTIAL, "token_endpoint_auth_signing_alg": "none"}, "invalid"),
    "AT-18 no kid": ({**CONFIDENTIAL, "jwks": {"keys": [{**KEY, "kid": None}]}}, "/jwks"),
    "AT-18 private": ({**CONFIDENTIAL, "jwks": {"keys": [{**KEY, "d": "AA"}]}}, "invalid"),
    "AT-19 native keys": ({**NATIVE, **KEYS, "jwks": {"keys": [KEY]}}, "/token_endpoint_auth_method"),
    "AT-20 other host": ({**WEB, "client_uri": "https://example.com"}, "/client_uri"),
    "AT-21 http logo": ({**WEB, "logo_uri": "http://app.example.com/logo.png"}, "/logo_uri"),
    "AT-21 http terms": ({**WEB, "tos_uri": "http://app.example.com/tos"}, "/tos_uri"),
    "AT-21 policy user": ({**WEB, "policy_uri": "https://a@app.example.com/p"}, "/policy_uri"),
}  # fmt: skip


@proves("AT-05 … AT-21")
@pytest.mark.parametrize(("document", "at"), FAULTS.values(), ids=FAULTS.keys())
def test_names_the_member_at_fault(document: dict[str, Any], at: str) -> None:
    assert refusals(document) == {at}


@proves("AT-22")
@pytest.mark.parametrize("value", [7, [], [7], {}, {"a": 1}, True], ids=repr)
@pytest.mark.parametrize("member", [*CONFIDENTIAL, "jwks_uri", "logo_uri", "tos_uri", "policy_uri"])
def test_a_member_of_another_type_is_an_error(member: str, value: object) -> None:
    is_right = member in CONFIDENTIAL and CONFIDENTIAL[member] == value

    assert bool(refusals({**CONFIDENTIAL, member: value})) is not is_right


@pytest.mark.parametrize(
    "member", ["client_name", "client_uri", "logo_uri", "application_type", "grant_types", "jwks_uri"]
)
def test_null_is_as_good_as_absent(member: str) -> None:
    without = {name: value for name, value in CONFIDENTIAL.items() if name != member}
    assert refusals({**without, member: None}) == refusals(without)


@proves("AT-01", "AT-02")
@pytest.mark.parametrize(
    "client_id",
    [
        "https://127.0.0.1/x.json",
        "https://localhost/x.json",
        "https://app.local/x.json",
        "https://app.test/x.json",
        "https://app.example.com:8443/x.json",
        "https://APP.example.com/x.json",
        "https://app.example.com/",
        "https://app.example.com/x/",
    ],
)
def test_wants_a_public_canonical_identifier(client_id: str) -> None:
    document = {**WEB, "client_id": client_id}
    host = client_id.split("/")[2].split(":", maxsplit=1)[0].lower()

    assert "/client_id" in refusals({**document, "client_uri": f"https://{host}"}, client_id)


@proves("AT-01", "AT-02")
@pytest.mark.parametrize(
    "client_id",
    ["https://a@b.example.com/x", "https://app.example.com/x#y", "https://app.example.com/x/../y.json",
     "https://app.example.com/%2e%2e/y.json", "http://app.example.com/x"],
)  # fmt: skip
def test_refuses_identifiers_that_no_client_may_have(client_id: str) -> None:
    with pytest.raises(CIMDError):
        parse_identifier(client_id, IdentifierRules())


@proves("AT-01")
def test_local_names_are_for_development() -> None:
    client_id = "https://app.test/client.json"
    document = {
        **WEB,
        "client_id": client_id,
        "client_uri": "https://app.test",
        "redirect_uris": ["https://app.test/cb"],
    }

    assert refusals(document, client_id, allow_loopback=True) == set()


@proves("AT-03")
def test_wants_the_plain_media_type() -> None:
    assert refusals(WEB, media_type="application/ld+json") == {""}


def test_an_ordinary_document_is_valid_and_keeps_its_one_refusal() -> None:
    found = read({"client_id": CLIENT_ID, "redirect_uris": ["http://127.0.0.1/cb"]})

    assert [rule for _, rule, _ in found.atproto_problems] == ["atproto-scope"]
    assert ClientMetadata.from_json(found.identifier, found.to_json()) == found


@pytest.mark.parametrize(
    ("scope", "is_asked"),
    [("atproto", True), ("profile atproto", True), ("atprotos", False), ("", False), (None, False), ("ATPROTO", False)],
)
def test_the_scope_decides(scope: str | None, is_asked: bool) -> None:
    assert asks_for_atproto(scope) is is_asked

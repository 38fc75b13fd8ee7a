"""Which documents are client metadata. The table is ``tests/vectors/documents.json``."""

import json
from pathlib import Path
from typing import Any

import pytest

from flask_cimd.core.document import ignored_members, parse_document
from flask_cimd.core.identifier import IdentifierRules, parse_identifier
from flask_cimd.core.members import is_https_url
from flask_cimd.core.metadata import ClientMetadata
from flask_cimd.core.page import ParsedPage, describe_page
from flask_cimd.core.rules import DocumentRules
from flask_cimd.errors import DocumentError
from tests.support.proves import NO_CORPUS, proves
from tests.support.vectors import vectors

URL = "https://app.example/client.json"
GOOD = {"client_id": URL, "redirect_uris": ["https://app.example/cb"]}
CORPUS = Path(__file__).parents[2] / "../shared/corpus/documents"


def parse(body: bytes, url: str = URL, **rules: Any) -> ClientMetadata:
    return parse_document(body, parse_identifier(url, IdentifierRules()), DocumentRules(**rules))


def parse_members(rules: dict[str, Any] | None = None, **members: Any) -> ClientMetadata:
    return parse(json.dumps({**GOOD, **members}).encode(), **rules or {})


def members_of(vector: dict[str, Any]) -> dict[str, Any]:
    """Return the members of a vector: a good document with its changes, long ones written out."""
    members = {**GOOD, **vector["members"]}
    for name in vector.get("without", ()):
        del members[name]
    if "repeat_keys" in vector:
        key, times = vector["repeat_keys"]
        members["jwks"] = {"keys": [key] * times}
    if "repeat_redirects" in vector:
        uri, times = vector["repeat_redirects"]
        members["redirect_uris"] = [f"{uri}/{number}" for number in range(times)]
    if "long_redirect" in vector:
        members["redirect_uris"] = [
            *members["redirect_uris"],
            "https://app.example/".ljust(vector["long_redirect"], "a"),
        ]
    if "long_name" in vector:
        piece, times = vector["long_name"]
        members["client_name"] = piece * times
    return members


def body_of(vector: dict[str, Any]) -> bytes:
    if "hex" in vector:
        return bytes.fromhex(vector["hex"])
    if "text" not in vector:
        return json.dumps(members_of(vector)).encode()
    piece, times = vector.get("fill", ("", 0))
    closing, count = vector.get("close", ("", 0))
    text = vector["text"].replace("@", piece * times) if times else vector["text"]
    return (text + closing * count + vector.get("tail", "")).encode("utf-8", "surrogatepass")


def found(metadata: ClientMetadata, name: str) -> Any:
    if name == "client_name_length":
        return len(metadata.client_name or "")
    value = getattr(metadata, name)
    return json.loads(json.dumps(value))  # tuples as lists, as the vectors have them


@pytest.mark.parametrize("vector", vectors("documents"))
def test_a_document_gives_metadata_or_all_its_problems(vector: dict[str, Any]) -> None:
    url, rules = vector.get("url", URL), vector.get("rules", {})
    rules = {name: tuple(value) if isinstance(value, list) else value for name, value in rules.items()}
    if "problems" not in vector:
        metadata = parse(body_of(vector), url, **rules)
        assert {name: found(metadata, name) for name in vector["gives"]} == vector["gives"]
        return
    with pytest.raises(DocumentError) as caught:
        parse(body_of(vector), url, **rules)
    assert [[problem.pointer, problem.rule] for problem in caught.value.problems] == vector["problems"]
    assert all(problem.message for problem in caught.value.problems)


def test_the_table_is_large_and_every_case_is_its_own() -> None:
    cases = [param.values[0] for param in vectors("documents")]
    inputs = {(body_of(case), case.get("url"), json.dumps(case.get("rules"))) for case in cases}
    assert len(inputs) == len(cases) >= 200


@proves("C-123")
def test_no_problem_repeats_the_documents_text() -> None:
    with pytest.raises(DocumentError) as caught:
        parse_members(
            client_id="SECRET-1", scope='SECRET-2"', client_secret="SECRET-3", jwks={"keys": ["SECRET-4"]},
            token_endpoint_auth_method="SECRET-5", redirect_uris=["https://SECRET 6/"], jwks_uri="SECRET-7",
        )  # fmt: skip
    assert len(caught.value.problems) == 8
    assert "SECRET" not in str(caught.value) + caught.value.public_message + repr(caught.value.problems)


def test_every_problem_is_told_at_once() -> None:
    with pytest.raises(DocumentError) as caught:
        parse_members(client_id=1, client_secret=1, client_secret_expires_at=1, grant_types=1, client_name=1)
    assert len(caught.value.problems) == 5
    assert caught.value.slug == "invalid-document"
    assert "/client_secret" in caught.value.hint


@proves("C-52", "C-70")
def test_members_and_entries_that_do_not_count_are_told_one_by_one() -> None:
    uris = ["http://localhost:*/cb", GOOD["redirect_uris"][0], "javascript:alert(1)", 7, "myapp:/cb"]
    members = {**GOOD, "redirect_uris": uris, "scope": ["a"], "jwks_uri": "/jwks", "token_endpoint_auth_signing_alg": 5}
    body = json.dumps(members).encode()
    assert parse(body) == parse(json.dumps(GOOD).encode())
    told = ignored_members(body, parse_identifier(URL, IdentifierRules()), DocumentRules())
    assert [(problem.pointer, problem.rule) for problem in told] == [
        ("/redirect_uris/0", "forbidden-character"),
        ("/redirect_uris/2", "bad-scheme"),
        ("/redirect_uris/3", "wrong-type"),
        ("/redirect_uris/4", "dotless-scheme"),
        ("/jwks_uri", "not-https"),
        ("/token_endpoint_auth_signing_alg", "wrong-type"),
        ("/scope", "wrong-type"),
    ]


@proves("C-52")
@pytest.mark.parametrize(
    ("members", "problem"),
    [
        ({"jwks": {"keys": [{"kty": "EC", "d": "AA"}]}}, ["/jwks/keys/0", "private-key"]),
        ({"jwks": {"keys": [{"kty": "oct", "k": "AA"}]}}, ["/jwks/keys/0", "symmetric-key"]),
        ({"dpop_bound_access_tokens": "true"}, ["/dpop_bound_access_tokens", "wrong-type"]),
        ({"require_pushed_authorization_requests": 1}, ["/require_pushed_authorization_requests", "wrong-type"]),
        ({"grant_types": "authorization_code"}, ["/grant_types", "wrong-type"]),
    ],
)
def test_published_secrets_and_promises_of_protection_decide_for_every_client(
    members: dict[str, Any], problem: list[str]
) -> None:
    with pytest.raises(DocumentError) as caught:
        parse_members(token_endpoint_auth_method="none", **members)
    assert [[found.pointer, found.rule] for found in caught.value.problems] == [problem]


@pytest.mark.parametrize(
    ("methods", "counts"),
    [
        ({}, False),
        ({"token_endpoint_auth_method": "none"}, False),
        ({"token_endpoint_auth_methods_supported": ["none", "tls_client_auth"]}, False),
        ({"token_endpoint_auth_methods_supported": ["none", "private_key_jwt"]}, True),
        ({"token_endpoint_auth_method": "private_key_jwt"}, True),
    ],
)
def test_keys_count_for_a_client_that_may_authenticate_with_them(methods: dict[str, Any], counts: bool) -> None:
    rules = {"auth_methods": ("none", "private_key_jwt")}
    if not counts:
        assert parse_members(rules, jwks_uri="/jwks", **methods).jwks_uri is None
        return
    with pytest.raises(DocumentError) as caught:
        parse_members(rules, jwks_uri="/jwks", **methods)
    assert ("/jwks_uri", "not-https") in [(found.pointer, found.rule) for found in caught.value.problems]


@proves("C-70", "L-38")
def test_ten_loopback_ports_and_one_web_host_are_all_kept() -> None:
    # Shapes of real documents
    uris = [f"http://127.0.0.1:{port}/cb" for port in range(8080, 8090)] + ["https://app.example/cb"]
    assert list(parse_members(redirect_uris=uris).redirect_uris) == uris


@proves("C-46", "C-78")
def test_inline_keys_are_kept_as_canonical_text_without_the_unusable_ones() -> None:
    first = {"kty": "OKP", "crv": "Ed25519", "x": "AA", "kid": "1"}
    metadata = parse_members(jwks={"keys": [{"kty": "new"}, first, {**first, "use": "enc"}], "extra": 1})
    assert metadata.jwks == '{"keys":[{"crv":"Ed25519","kid":"1","kty":"OKP","x":"AA"}]}'


@proves("C-35")
@pytest.mark.parametrize(
    ("piece", "times"),
    [
        ("[", 500_000),
        ('{"a":', 200_000),
        ('"x",', 250_000),
        ("1", 1_000_000),
        ("\\ud800", 150_000),
        ("\\\\", 500_000),
        ("-", 1_000_000),
        (" ", 1_000_000),
        ('"\\u0000', 140_000),
    ],
)
def test_a_megabyte_of_anything_is_read_in_linear_time(piece: str, times: int) -> None:
    # The largest document an operator can allow; in quadratic time these would take minutes
    with pytest.raises(DocumentError):
        parse(b'{"x":' + (piece * times).encode() + b"}")


@proves("C-54", "C-92")
@pytest.mark.parametrize(
    "url",
    [
        "https://app.example/",
        "https://app.example",
        "https://app.example:8443/x?y#z",
        "https://xn--mnchen-3ya.example/",
        "https://my_app.example/@me",
    ],
)
def test_an_absolute_https_url_may_be_linked(url: str) -> None:
    assert is_https_url(url, allow_loopback=False)


@proves("C-129")
@pytest.mark.parametrize(
    ("logo", "kept"),
    [
        ("https://app.example/l.png", True),
        ("https://APP.example:8443/l.png", True),
        ("https://cdn.app.example/l.png", True),
        ("https://evilapp.example/l.png", False),
        ("https://app.example.evil.example/l.png", False),
        ("https://other.example/l.png", False),
    ],
)
def test_logos_can_be_held_to_the_clients_site(logo: str, kept: bool) -> None:
    assert parse_members(logo_uri=logo).logo_uri == logo
    assert parse_members({"logo_policy": "same-site"}, logo_uri=logo).logo_uri == (logo if kept else None)
    app = {"type": ["h-app"], "properties": {"name": ["App"], "logo": [{"value": logo, "alt": "x"}]}}
    page = ParsedPage(url="https://app.example/", base="https://app.example/", items=[app])
    identifier = parse_identifier("https://app.example/", IdentifierRules())
    client = describe_page(page, identifier, DocumentRules(logo_policy="same-site"))
    assert (client.client_name, client.logo_uri) == ("App", logo if kept else None)


@proves("C-89", "C-90")
def test_loopback_links_are_for_development() -> None:
    for url in ("https://localhost:8443/jwks", "https://127.0.0.1/jwks", "https://[::1]:1/jwks"):
        assert not is_https_url(url, allow_loopback=False)
        assert is_https_url(url, allow_loopback=True)
    assert not is_https_url("https://10.0.0.1/jwks", allow_loopback=True)
    assert not is_https_url("https://[::ffff:127.0.0.1]/jwks", allow_loopback=True)


def corpus() -> list[Any]:
    if not CORPUS.is_dir():
        return [pytest.param(None, marks=pytest.mark.skip(reason=NO_CORPUS))]
    return [pytest.param(path, id=path.stem) for path in sorted(CORPUS.glob("*.json"))]


@proves("C-42", "C-53", "C-83")
@pytest.mark.parametrize("path", corpus())
def test_real_documents_come_out_as_expected(path: Path) -> None:
    case = json.loads(path.read_text(encoding="utf-8"))
    metadata = parse(json.dumps(case["document"]).encode(), case["url"], auth_methods=("none", "private_key_jwt"))
    keys = "jwks_uri" if metadata.jwks_uri else "jwks" if metadata.jwks else None
    expected = case["expected"]
    assert expected["accepted"]
    assert {
        "client_name": metadata.client_name,
        "auth_methods": sorted(metadata.auth_methods),
        "redirect_uris": list(metadata.redirect_uris),
        "grant_types": list(metadata.grant_types),
        "keys": keys,
        "dpop_bound": metadata.dpop_bound_access_tokens,
        "atproto": "atproto" in (metadata.scope or "").split(),
    } == {name: value for name, value in expected.items() if name != "accepted"}

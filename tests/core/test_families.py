"""Which families of servers take a client, judged from its description alone."""

from __future__ import annotations

from typing import Any

import pytest

from flask_cimd.core.families import FamilyVerdict, judge_families
from flask_cimd.core.identifier import IdentifierRules, parse_identifier
from flask_cimd.core.metadata import ClientMetadata

URL = "https://app.example.com/client.json"
ATPROTO = {
    "scope": "atproto",
    "dpop_bound_access_tokens": True,
    "grant_types": ("authorization_code", "refresh_token"),
    "auth_method": "none",
    "redirect_uris": ("https://app.example.com/cb",),
}


def verdict(family: str, url: str = URL, **members: Any) -> FamilyVerdict:
    values = {"client_name": "App", "redirect_uris": ("https://app.example.com/cb",), "source": "document", **members}
    metadata = ClientMetadata(identifier=parse_identifier(url, IdentifierRules()), **values)
    return {found.family: found for found in judge_families(metadata)}[family]


@pytest.mark.parametrize("family", ["CIMD", "MCP", "IndieAuth"])
def test_an_ordinary_document_is_taken(family: str) -> None:
    assert verdict(family).accepts


@pytest.mark.parametrize(
    ("members", "url"),
    [
        ({"client_name": None}, URL),
        ({"redirect_uris": ()}, URL),
        ({"redirect_uris": ("com.example.app:/cb",)}, URL),
        ({}, "https://app.example.com/"),
        ({"source": "page"}, URL),
    ],
)
def test_mcp_wants_a_name_a_path_and_web_or_loopback_redirects(members: dict[str, Any], url: str) -> None:
    # M-32, M-43
    assert not verdict("MCP", url, **members).accepts


@pytest.mark.parametrize(
    ("client_uri", "remark"),
    [
        ("https://app.example.com/", False),
        ("https://app.example.com", False),
        ("https://app.example.com/client.json", False),
        ("https://app.example.com/cli", True),
        ("https://app.example", True),
        ("https://app.example.com.evil.example/", True),
        (None, True),
    ],
)
def test_indieauth_wants_a_client_uri_that_begins_the_identifier(client_uri: str | None, remark: bool) -> None:
    # IA-42
    remarks = verdict("IndieAuth", client_uri=client_uri).remarks
    assert any("client_uri" in text for text in remarks) is remark


def test_indieauth_clients_do_not_authenticate() -> None:
    assert not verdict("IndieAuth", auth_methods=("private_key_jwt",)).accepts


def test_a_complete_atproto_client_is_taken() -> None:
    assert verdict("AT Protocol", **ATPROTO).accepts


@pytest.mark.parametrize(
    ("change", "url"),
    [
        ({"dpop_bound_access_tokens": False}, URL),
        ({"scope": "profile"}, URL),
        ({"redirect_uris": ("http://127.0.0.1/cb",)}, URL),
        ({"application_type": "native", "redirect_uris": ("http://localhost/cb",)}, URL),
        ({"application_type": "native", "redirect_uris": ("com.other:/cb",)}, URL),
        ({"application_type": "native", "redirect_uris": ("com.example.app://cb",)}, URL),
        ({"application_type": "native", "redirect_uris": ("https://other.example/cb",)}, URL),
        ({"application_type": "native", "auth_methods": ("private_key_jwt",)}, URL),
        ({"client_uri": "https://other.example/"}, URL),
        ({}, "https://app.example.com:8443/client.json"),
        ({}, "https://app.example.com/client/"),
    ],
)
def test_one_thing_that_atproto_forbids_is_an_obstacle(change: dict[str, Any], url: str) -> None:
    # AT-01, AT-02, AT-05, AT-08, AT-11, AT-12, AT-13, AT-14, AT-19, AT-20
    assert not verdict("AT Protocol", url, **{**ATPROTO, **change}).accepts


@pytest.mark.parametrize("uri", ["com.example.app:/cb", "http://127.0.0.1/cb", "http://[::1]/cb"])
def test_native_atproto_clients_may_have_their_own_scheme_and_loopback_literals(uri: str) -> None:
    # AT-12, AT-14
    assert verdict("AT Protocol", **{**ATPROTO, "application_type": "native", "redirect_uris": (uri,)}).accepts

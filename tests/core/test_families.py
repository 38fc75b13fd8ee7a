"""Which families of servers take a client, judged from its description alone."""

from __future__ import annotations

from typing import Any

import pytest

from flask_cimd.core.families import FamilyVerdict, judge_families
from flask_cimd.core.identifier import IdentifierRules, parse_identifier
from flask_cimd.core.metadata import ClientMetadata
from tests.support.proves import proves

URL = "https://app.example.com/client.json"


def verdict(family: str, url: str = URL, **members: Any) -> FamilyVerdict:
    values = {"client_name": "App", "redirect_uris": ("https://app.example.com/cb",), "source": "document", **members}
    metadata = ClientMetadata(identifier=parse_identifier(url, IdentifierRules()), **values)
    return {found.family: found for found in judge_families(metadata)}[family]


@pytest.mark.parametrize("family", ["CIMD -02", "CIMD -03", "MCP", "IndieAuth", "ActivityPub API"])
def test_an_ordinary_document_is_taken(family: str) -> None:
    assert verdict(family).accepts


@proves("M-32", "M-43")
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
    assert not verdict("MCP", url, **members).accepts


@proves("IA-42")
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
    remarks = verdict("IndieAuth", client_uri=client_uri).remarks
    assert any("client_uri" in text for text in remarks) is remark


def test_indieauth_clients_do_not_authenticate() -> None:
    assert not verdict("IndieAuth", auth_methods=("private_key_jwt",)).accepts


def test_a_client_that_keeps_the_atproto_profile_is_taken() -> None:
    assert verdict("AT Protocol").accepts


def test_every_rule_of_the_atproto_profile_that_is_broken_is_an_obstacle() -> None:
    problems = (("/scope", "atproto-scope", "must hold atproto"), ("", "atproto-media-type", "serve it as JSON"))
    found = verdict("AT Protocol", atproto_problems=problems)
    assert found.obstacles == ("scope: must hold atproto.", "document: serve it as JSON.")


def test_a_page_is_no_atproto_client() -> None:
    assert not verdict("AT Protocol", source="page").accepts

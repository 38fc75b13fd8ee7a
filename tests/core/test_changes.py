"""What changed since consent, in words: every member that the fingerprint covers, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from flask_cimd.core.changes import changes
from flask_cimd.core.identifier import IdentifierRules, parse_identifier
from flask_cimd.core.metadata import ClientMetadata
from tests.support.proves import proves

CLIENT = ClientMetadata(
    identifier=parse_identifier("https://app.example/client.json", IdentifierRules()),
    source="document",
    client_name="App",
    logo_uri="https://app.example/logo.png",
    redirect_uris=("https://app.example/cb",),
    auth_methods=("private_key_jwt",),
    auth_method="private_key_jwt",
    jwks_uri="https://app.example/jwks.json",
    scope="profile",
)
CASES: dict[str, tuple[dict[str, Any], str, str]] = {
    "another place": (
        {"redirect_uris": ("https://app.example/cb", "https://new.example/cb")},
        "changed-redirects",
        "It can now also send you to new.example.",
    ),
    "a place exchanged": (
        {"redirect_uris": ("com.example.app:/cb",)},
        "changed-redirects",
        "It can now also send you to com.example.app: and can no longer send you to app.example.",
    ),
    "no key any more": (
        {"auth_methods": ("none",), "auth_method": "none"},
        "changed-auth-method",
        "It no longer proves its identity with a key.",
    ),
    "another way": (
        {"auth_methods": ("none", "private_key_jwt")},
        "changed-auth-method",
        "It proves its identity in a different way.",
    ),
    "keys elsewhere": (
        {"jwks_uri": "https://other.example/jwks.json"},
        "changed-keys-place",
        "It publishes its keys at a different address.",
    ),
    "another name": (
        {"client_name": "Bank"},
        "changed-name",
        "It called itself App and now calls itself Bank.",
    ),
    "no name": ({"client_name": None}, "changed-name", "It called itself App and has no name now."),
    "another logo": ({"logo_uri": None}, "changed-logo", "It has a different logo."),
    "more scopes": (
        {"scope": "profile email create"},
        "changed-scope",
        "It may now also ask for create, email.",
    ),
    "no limit": ({"scope": None}, "changed-scope", "It no longer limits the access it may ask for."),
    "fewer scopes": ({"scope": ""}, "changed-scope", "It limits the access it may ask for in a different way."),
    "lasting access": (
        {"grant_types": ("authorization_code", "refresh_token")},
        "changed-grant-types",
        "It can now stay connected.",
    ),
    "another kind": ({"source": "page"}, "changed-source", "A different kind of page or document describes it now."),
}


@proves("C-105")
@pytest.mark.parametrize("case", CASES)
def test_a_change_is_told_in_words_and_changes_the_fingerprint(case: str) -> None:
    members, slug, text = CASES[case]
    after = replace(CLIENT, **members)
    assert [(change.slug, change.text) for change in changes(CLIENT, after)] == [(slug, text)]
    assert after.fingerprint != CLIENT.fingerprint


@pytest.mark.parametrize(
    "members",
    [
        {"client_uri": "https://app.example/about"},
        {"tos_uri": "https://app.example/terms"},
        {"policy_uri": "https://app.example/privacy"},
        {"application_type": "native"},
        {"kept": '{"software_version": "2"}'},
        {"rules": "other"},
    ],
)
def test_what_consent_does_not_depend_on_is_no_change(members: dict[str, Any]) -> None:
    after = replace(CLIENT, **members)
    assert changes(CLIENT, after) == ()
    assert after.fingerprint == CLIENT.fingerprint


@proves("C-106")
def test_inline_keys_that_rotate_are_told_and_keys_behind_an_address_are_not_seen() -> None:
    inline = replace(CLIENT, jwks_uri=None, jwks='{"keys":[]}')
    assert [change.slug for change in changes(inline, replace(inline, jwks='{"keys":[{}]}'))] == ["changed-keys"]
    assert changes(CLIENT, replace(CLIENT)) == ()


def test_changes_come_gravest_first() -> None:
    after = replace(CLIENT, client_name="Bank", redirect_uris=(), auth_method=None, auth_methods=("none",))
    assert [change.slug for change in changes(CLIENT, after)] == [
        "changed-redirects",
        "changed-auth-method",
        "changed-name",
    ]


def test_the_words_of_a_client_are_made_safe() -> None:
    after = replace(CLIENT, client_name="Ba\u202enk", redirect_uris=tuple(f"https://{n}.example/" for n in range(30)))
    told = {change.slug: change.text for change in changes(CLIENT, after)}
    assert "\u202e" not in told["changed-name"]
    assert told["changed-redirects"].count(".example") == 6
    assert "25 more" in told["changed-redirects"]

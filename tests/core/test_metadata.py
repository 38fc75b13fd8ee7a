"""What a store keeps of a client, and what consent depends on."""

import json
from dataclasses import MISSING, fields, replace

import pytest

from flask_cimd.core.identifier import IdentifierRules, parse_identifier
from flask_cimd.core.metadata import ClientMetadata
from tests.support.proves import proves

IDENTIFIER = parse_identifier("https://app.example/c", IdentifierRules())
FULL = ClientMetadata(
    identifier=IDENTIFIER,
    source="document",
    client_name='Café \U0001f600 \x00 " \\ </script>',
    client_uri="https://app.example/",
    logo_uri="https://app.example/l.png",
    logo_alt="logo",
    tos_uri="https://app.example/tos",
    policy_uri="https://app.example/p",
    redirect_uris=("https://app.example/cb", "com.example.app:/cb"),
    publishes_redirects=True,
    grant_types=("authorization_code", "refresh_token"),
    response_types=("code",),
    auth_methods=("none", "private_key_jwt"),
    auth_method="private_key_jwt",
    signing_alg="ES256",
    scope="a b",
    jwks='{"keys":[]}',
    jwks_uri="https://app.example/jwks",
    application_type="native",
    dpop_bound_access_tokens=True,
    require_pushed_authorization_requests=True,
    require_signed_request_object=True,
    localized=(("client_name#fr", "Café"), ("tos_uri#fr", "https://app.example/fr")),
    kept='{"contacts": ["x"]}',
)
BARE = ClientMetadata(identifier=IDENTIFIER, source="page", grant_types=(), response_types=(), redirect_uris=())


@pytest.mark.parametrize("metadata", [FULL, BARE], ids=["full", "bare"])
def test_stored_metadata_comes_back_equal(metadata: ClientMetadata) -> None:
    assert ClientMetadata.from_json(IDENTIFIER, metadata.to_json()) == metadata


@pytest.mark.parametrize("name", [field.name for field in fields(ClientMetadata) if field.default is not MISSING])
def test_no_field_is_lost_in_a_store(name: str) -> None:
    value = getattr(BARE, name)
    unlike = not value if isinstance(value, bool) else getattr(FULL, name) or (("x", "y", "z"),)
    changed = replace(BARE, **{name: unlike})
    assert changed != BARE
    assert ClientMetadata.from_json(IDENTIFIER, changed.to_json()) == changed


def test_stored_text_is_plain_ascii_without_nul() -> None:
    # PostgreSQL keeps no NUL in text
    text = FULL.to_json()
    assert text.isascii()
    assert "\x00" not in text
    assert json.loads(text)["client_name"] == FULL.client_name


@pytest.mark.parametrize(
    "text",
    [
        "", "x", "null", "[]", "1", '"x"', "{}", '{"source":"document"}', "[" * 100_000,
        BARE.to_json().replace("{", '{"new_field":1,', 1),
        BARE.to_json().replace('"localized":[],', ""),
    ],
)  # fmt: skip
def test_anything_else_that_a_store_gives_back_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        ClientMetadata.from_json(IDENTIFIER, text)


@proves("C-15", "C-105", "C-107")
@pytest.mark.parametrize(
    "change",
    [
        {"redirect_uris": ("https://app.example/cb",)},
        {"redirect_uris": ("com.example.app:/cb", "https://app.example/cb")},
        {"auth_methods": ("none",)},
        {"auth_method": None},
        {"jwks": None},
        {"jwks_uri": "https://other.example/jwks"},
        {"client_name": "Other"},
        {"logo_uri": None},
        {"scope": "a b c"},
        {"grant_types": ("authorization_code",)},
        {"source": "page"},
        {"identifier": parse_identifier("https://app.example/v2", IdentifierRules())},
    ],
    ids=lambda change: next(iter(change)),
)
def test_consent_depends_on_it(change: dict[str, object]) -> None:
    # A new URL is a new client
    assert replace(FULL, **change).fingerprint != FULL.fingerprint  # type: ignore[arg-type]  # the mapping holds values of several types


@proves("C-106")
@pytest.mark.parametrize(
    "change",
    [{"tos_uri": None}, {"policy_uri": None}, {"client_uri": None}, {"kept": "{}"}, {"localized": ()}],
    ids=lambda change: next(iter(change)),
)
def test_consent_does_not_depend_on_it(change: dict[str, object]) -> None:
    # And no keys behind jwks_uri count, so that rotation asks nobody again
    assert replace(FULL, **change).fingerprint == FULL.fingerprint  # type: ignore[arg-type]  # the mapping holds values of several types


def test_the_host_is_lower_case_without_a_port() -> None:
    shouted = parse_identifier("https://APP.example:8443/c", IdentifierRules())
    assert replace(BARE, identifier=shouted).host == "app.example"
    assert replace(BARE, identifier=shouted).client_id == "https://APP.example:8443/c"

"""What a person sees before deciding."""

import pytest

from flask_cimd.core.display import ConsentView, consent_view, safe_description, safe_for_log, safe_text
from flask_cimd.core.identifier import IdentifierRules, parse_identifier
from flask_cimd.core.metadata import ClientMetadata
from flask_cimd.core.registration import parse_registration
from flask_cimd.core.rules import DocumentRules
from tests.support.proves import proves


def view(
    raw: str = "https://app.example/client.json",
    redirect_uri: str = "https://app.example/cb",
    *,
    rules: IdentifierRules | None = None,
    **members: object,
) -> ConsentView:
    identifier = parse_identifier(raw, rules or IdentifierRules())
    values: dict[str, object] = {"source": "document", **members}
    return consent_view(ClientMetadata(identifier=identifier, **values), redirect_uri)  # type: ignore[arg-type]  # the mapping holds values of several types


def slugs(shown: ConsentView) -> list[str]:
    return [warning.slug for warning in shown.warnings]


@proves("C-110", "C-111")
def test_the_document_host_stands_beside_whatever_name_is_claimed() -> None:
    shown = view("https://g00gle.example/c", "https://g00gle.example/cb", client_name="Google Docs")
    assert shown.host == "g00gle.example"
    assert shown.name == "Google Docs"
    assert shown.client_id == "https://g00gle.example/c"


@proves("C-111")
def test_a_port_is_part_of_the_shown_host_unless_it_is_the_default() -> None:
    assert view("https://app.example:8443/c").host == "app.example:8443"
    assert view("https://APP.example:443/c").host == "app.example"


def test_a_plain_web_client_needs_no_warning() -> None:
    assert slugs(view()) == []


@proves("C-115", "M-81")
@pytest.mark.parametrize("redirect", ["http://127.0.0.1:5000/cb", "http://localhost/cb", "http://[::1]:9/cb"])
def test_a_loopback_redirect_is_called_a_program_on_this_computer(redirect: str) -> None:
    shown = view(redirect_uri=redirect)
    assert slugs(shown) == ["loopback-redirect"]
    assert "program on the computer" in shown.warnings[0].text


@proves("C-115", "M-80")
def test_a_redirect_to_another_host_names_it() -> None:
    shown = view(redirect_uri="https://other.example/cb")
    assert slugs(shown) == ["other-redirect-host"]
    assert "other.example" in shown.warnings[0].text
    assert shown.redirect_host == "other.example"


def test_a_private_scheme_is_shown_as_an_installed_app() -> None:
    shown = view(redirect_uri="com.example.app:/cb")
    assert slugs(shown) == ["private-scheme"]
    assert shown.redirect_kind == "private-scheme"


def test_a_loopback_client_has_a_warning_of_its_own() -> None:
    rules = IdentifierRules(allow_loopback_clients=True)
    shown = view("http://127.0.0.1:8080/", "http://127.0.0.1:8080/cb", rules=rules, source="loopback")
    assert slugs(shown) == ["loopback-client"]


@proves("C-18")
def test_an_international_host_is_shown_in_ascii_with_a_warning() -> None:
    shown = view("https://xn--mnchen-3ya.example/c", "https://xn--mnchen-3ya.example/cb")
    assert shown.host == "xn--mnchen-3ya.example"
    assert slugs(shown) == ["international-host"]


@proves("C-116", "C-129")
def test_links_are_https_only_and_name_a_foreign_host() -> None:
    shown = view(client_uri="https://other.example/about", tos_uri="javascript:alert(1)", policy_uri="https://[bad/")
    assert [(link.label, link.host, link.is_elsewhere) for link in shown.links] == [("About", "other.example", True)]


@proves("C-116")
def test_control_and_bidirectional_characters_never_reach_the_screen() -> None:
    assert safe_text("<b>\u202eevil\u0000\u2066x") == "<b>evilx"
    assert len(safe_text("x" * 500)) <= 100


@proves("O-23", "A-01")
@pytest.mark.parametrize("text", ['a "quoted" \\ text', "é\r\nSet-Cookie: x", "\x00", "x" * 5000])
def test_a_description_fits_rfc_6749(text: str) -> None:
    cleaned = safe_description(text)
    assert all(0x20 <= ord(c) <= 0x7E and c not in '"\\' for c in cleaned)
    assert len(cleaned) <= 200


def test_a_log_line_is_one_line_without_query_strings() -> None:
    assert safe_for_log("https://app.example/c?secret=1\nforged line") == "https://app.example/c forged line"


def registered(redirect_uri: str, **members: object) -> ConsentView:
    given = {"redirect_uris": ["https://least.example/cb", redirect_uri], **members}
    client = parse_registration(given, "registered-1", DocumentRules())
    return consent_view(client, redirect_uri)


def test_a_registered_client_is_known_by_where_its_answer_goes() -> None:
    shown = registered("https://app.example:8443/cb", client_name="Google")
    assert (shown.host, shown.redirect_host) == ("app.example:8443", "app.example:8443")
    assert (shown.name, shown.client_id, shown.is_registered) == ("Google", "registered-1", True)
    assert slugs(shown) == ["registered-client"]
    assert "nobody has checked its name" in shown.warnings[0].text


@pytest.mark.parametrize(
    ("redirect", "host", "slug"),
    [
        ("http://127.0.0.1:5/cb", "127.0.0.1:5", "loopback-redirect"),
        ("com.example.app:/cb", "com.example.app:", "private-scheme"),
        ("https://xn--e1awd7f.example/cb", "xn--e1awd7f.example", "international-host"),
    ],
)
def test_a_registered_client_has_the_warnings_of_its_place_as_well(redirect: str, host: str, slug: str) -> None:
    shown = registered(redirect)
    assert shown.host == host
    assert slugs(shown) == ["registered-client", slug]


def test_a_link_of_a_registered_client_is_elsewhere_unless_its_answer_goes_there() -> None:
    (own,) = registered("https://app.example/cb", client_uri="https://app.example/about").links
    (other,) = registered("https://app.example/cb", client_uri="https://least.example/about").links
    assert (own.is_elsewhere, other.is_elsewhere) == (False, True)

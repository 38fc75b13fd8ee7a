"""The developers' client ``http://localhost?…``: AT-27 to AT-31, D22."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlencode

import pytest

from flask_cimd.core.display import consent_view
from flask_cimd.core.identifier import IdentifierKind, IdentifierRules, parse_identifier
from flask_cimd.core.metadata import ClientMetadata
from flask_cimd.core.redirects import match_redirect
from flask_cimd.core.virtual import for_scope, virtual_client
from flask_cimd.errors import IdentifierError, RedirectMismatchError
from tests.support.proves import proves

RULES = IdentifierRules(allow_virtual_clients=True)
BOTH = replace(RULES, allow_loopback_clients=True)


def read(raw: str) -> ClientMetadata:
    return virtual_client(parse_identifier(raw, RULES))


def described(*pairs: tuple[str, str]) -> str:
    return f"http://localhost?{urlencode(pairs)}"


@proves("AT-27", "AT-29", "AT-30")
@pytest.mark.parametrize("raw", ["http://localhost", "http://localhost/", "http://localhost?"])
def test_has_defaults(raw: str) -> None:
    found = read(raw)

    assert found.redirect_uris == ("http://127.0.0.1/", "http://[::1]/")
    assert found.scope == "atproto"
    assert found.application_type == "native"
    assert found.auth_methods == ("none",)
    assert found.dpop_bound_access_tokens
    assert found.grant_types == ("authorization_code", "refresh_token")
    assert not found.atproto_problems


@proves("AT-28")
def test_reads_what_the_identifier_says() -> None:
    found = read(
        "http://localhost?redirect_uri=http%3A%2F%2F127.0.0.1%3A8080%2Fcb&redirect_uri=http%3A%2F%2F%5B%3A%3A1%5D%2Fcb"
        "&scope=atproto+transition%3Ageneric"
    )

    assert found.redirect_uris == ("http://127.0.0.1:8080/cb", "http://[::1]/cb")
    assert found.scope == "atproto transition:generic"


@proves("AT-27")
@pytest.mark.parametrize(
    "raw",
    ["http://localhost:3000", "http://127.0.0.1/", "http://localhost/app", "http://localhost#x", "http://LOCALHOST?a=b",
     "http://localhost./?scope=atproto", "https://localhost?scope=atproto", "http://localhost:80?scope=atproto"],
)  # fmt: skip
def test_nothing_else_is_that_client(raw: str) -> None:
    with pytest.raises(IdentifierError):
        parse_identifier(raw, RULES)


@proves("AT-14", "AT-28")
@pytest.mark.parametrize(
    "raw",
    [
        "http://localhost?foo=bar",
        "http://localhost?scope=atproto&scope=atproto",
        "http://localhost?scope",
        "http://localhost?redirect_uri=%FF",
        described(("redirect_uri", "")),
        described(("redirect_uri", "http://localhost:8080/cb")),
        described(("redirect_uri", "https://127.0.0.1/cb")),
        described(("redirect_uri", "http://app.example.com/cb")),
        described(("redirect_uri", "com.example.app:/cb")),
        described(("redirect_uri", "http://127.0.0.1/cb#fragment")),
        described(*[("redirect_uri", f"http://127.0.0.1/{n}") for n in range(30)]),
    ],
)
def test_refuses_other_descriptions(raw: str) -> None:
    with pytest.raises(IdentifierError) as caught:
        read(raw)

    assert caught.value.slug == "bad-virtual-client"


def test_is_off_unless_it_is_wanted() -> None:
    with pytest.raises(IdentifierError):
        parse_identifier("http://localhost?scope=atproto", IdentifierRules())


def test_a_strict_server_without_queries_may_have_it() -> None:
    assert parse_identifier("http://localhost?scope=atproto", replace(RULES, allow_query=False))


@proves("AT-31")
@pytest.mark.parametrize(
    ("asked", "is_allowed"),
    [
        ("http://127.0.0.1:8080/cb", True),
        ("http://127.0.0.1:49152/cb", True),
        ("http://127.0.0.1/cb", True),
        ("http://127.0.0.1:8080/other", False),
        ("http://127.0.0.1:8080/cb?x=1", False),
        ("http://[::1]:8080/cb", False),
        ("http://localhost:8080/cb", False),
        ("http://localhost/cb", False),
        ("https://127.0.0.1:8080/cb", False),
    ],
)
def test_only_the_port_is_free(asked: str, is_allowed: bool) -> None:
    client = read(described(("redirect_uri", "http://127.0.0.1:8080/cb")))

    if is_allowed:
        assert match_redirect(asked, client) == asked
    else:
        with pytest.raises(RedirectMismatchError):
            match_redirect(asked, client)


@proves("AT-29")
def test_the_default_takes_any_port() -> None:
    assert match_redirect("http://[::1]:4321/", read("http://localhost"))


def test_a_query_makes_the_virtual_client_where_both_kinds_are_let_in() -> None:
    assert parse_identifier("http://localhost?scope=atproto", BOTH).kind is IdentifierKind.VIRTUAL
    assert parse_identifier("http://localhost/", BOTH).kind is IdentifierKind.LOOPBACK


@pytest.mark.parametrize(("scope", "source"), [("atproto", "virtual"), ("profile", "loopback"), ("", "loopback")])
def test_the_scope_decides_what_the_bare_name_is(scope: str, source: str) -> None:
    bare = ClientMetadata(identifier=parse_identifier("http://localhost", BOTH), source="loopback")

    assert for_scope(bare, scope, BOTH).source == source


@proves("IA-50")
def test_the_bare_name_alone_is_for_atproto_where_loopback_clients_are_off() -> None:
    bare = read("http://localhost")

    assert for_scope(bare, "atproto", RULES) == bare
    with pytest.raises(IdentifierError):
        for_scope(bare, "profile", RULES)


@proves("AT-08")
def test_without_atproto_in_its_scope_it_is_no_client_of_the_profile() -> None:
    assert read("http://localhost?scope=profile").atproto_problems


@proves("AT-32")
def test_is_shown_as_an_app_on_this_computer() -> None:
    view = consent_view(read("http://localhost"), "http://127.0.0.1:8080/")

    assert [warning.slug for warning in view.warnings] == ["loopback-client"]
    assert view.name is None

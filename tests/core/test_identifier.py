"""Which strings are client identifier URLs. The table is ``tests/vectors/identifiers.json``."""

from typing import Any

import pytest

from flask_cimd.core.identifier import ClientIdentifier, IdentifierRules, parse_identifier
from flask_cimd.core.urls import host_problem
from flask_cimd.errors import IdentifierError
from tests.support.proves import proves
from tests.support.vectors import vectors

#: What a server has switched on, by the name that the vectors use.
RULES = {
    "default": IdentifierRules(),
    "draft": IdentifierRules(indieauth=False),
    "strict": IdentifierRules(indieauth=False, allow_query=False, allow_root_path=False),
    "loopback": IdentifierRules(allow_loopback=True),
    "indieauth": IdentifierRules(allow_http_clients=True, allow_loopback_clients=True),
}


def parse(raw: str, rules: str = "default") -> ClientIdentifier:
    return parse_identifier(raw, RULES[rules])


@pytest.mark.parametrize("vector", vectors("identifiers"))
def test_an_identifier_is_accepted_as_what_it_is_or_refused_for_one_reason(vector: dict[str, Any]) -> None:
    raw = vector["raw"].ljust(vector.get("pad", 0), "a")
    rules = vector.get("rules", "default")
    if "slug" not in vector:
        identifier = parse(raw, rules)
        assert identifier.raw == raw
        assert (identifier.kind, identifier.display_host) == (vector["kind"], vector["host"])
        return
    with pytest.raises(IdentifierError) as caught:
        parse(raw, rules)
    assert caught.value.slug == vector["slug"]
    assert caught.value.hint
    assert caught.value.public_message.isascii()


def test_the_table_is_large_and_every_case_is_its_own() -> None:
    cases = [param.values[0] for param in vectors("identifiers")]
    inputs = {(case["raw"], case.get("rules"), case.get("pad")) for case in cases}
    assert len(inputs) == len(cases) >= 400


@proves("C-12")
def test_identifiers_are_equal_only_as_strings() -> None:
    # Six different clients
    spellings = ["/c", ":443/c", "/c/", "/%63", "/C"]
    urls = [f"https://app.example{rest}" for rest in spellings] + ["https://APP.example/c"]
    assert len({parse(url) for url in urls}) == 6


@proves("C-12")
def test_a_path_is_kept_character_by_character() -> None:
    # Nothing is decoded, folded or collapsed
    identifier = parse("https://APP.example:8443/%7Ea//b/%2F;x?y=%20&z")
    assert identifier.path == "/%7Ea//b/%2F;x"
    assert identifier.query == "y=%20&z"
    assert identifier.fetch_url == identifier.raw
    assert (identifier.host, identifier.port) == ("APP.example", 8443)


@proves("IA-05", "IA-13")
@pytest.mark.parametrize(
    ("raw", "canonical", "has_path"),
    [
        ("https://App.Example", "https://app.example/", False),
        ("https://app.example:443", "https://app.example/", False),
        ("https://app.example:8443?x=1", "https://app.example:8443/?x=1", False),
        ("https://APP.example:443/A", "https://app.example/A", True),
        ("http://app.example:80/a?b", "http://app.example/a?b", True),
        ("http://[::1]:8080/", "http://[::1]:8080/", True),
        ("https://app.example?x=/", "https://app.example/?x=/", False),
    ],
)
def test_indieauth_reads_a_missing_path_as_a_slash(raw: str, canonical: str, has_path: bool) -> None:
    # Host case, default port and the missing path; nothing else is folded
    identifier = parse(raw, "indieauth")
    assert identifier.canonical == canonical
    assert identifier.has_raw_path is has_path


def test_a_path_less_identifier_is_fetched_with_a_slash() -> None:
    assert parse("https://App.example").fetch_url == "https://app.example/"
    assert parse("https://App.example/").fetch_url == "https://App.example/"


@proves("C-90", "C-128")
@pytest.mark.parametrize("raw", ["https://localhost:1/c", "https://127.0.0.1/c", "https://[::1]/c"])
def test_the_development_switch_knows_this_computer_by_its_three_names(raw: str) -> None:
    assert parse(raw, "loopback").is_loopback
    assert not parse("https://app.example/c", "loopback").is_loopback
    with pytest.raises(IdentifierError):
        parse(raw)


@proves("C-21", "L-05")
@pytest.mark.parametrize(
    ("host", "problem"),
    [
        ("app.example", None),
        ("my_app.example", None),
        ("xn--p1ai.example", None),
        ("127.0.0.1", "ip-address"),
        ("0x7f.1", "ip-address"),
        ("::1", "ip-address"),
        ("a.localhost", "local-host"),
        ("intranet", "local-host"),
        ("", "bad-host"),
        ("app.example.", "bad-host"),
        ("a" * 64 + ".example", "bad-host"),
        ("%65.example", "bad-host"),
    ],
)
def test_a_public_host_is_a_name_of_at_least_two_labels(host: str, problem: str | None) -> None:
    assert host_problem(host) == problem


@proves("C-23")
@pytest.mark.parametrize("piece", ["/", "%2e", "/..", "a.", "@", ":", "[", "%", "?", "/.%2e", "xn--"])
def test_a_string_of_ten_megabytes_is_too_long_whatever_is_in_it(piece: str) -> None:
    # Bounded before anything else looks at it
    with pytest.raises(IdentifierError) as caught:
        parse("https://app.example/" + piece * (10_000_000 // len(piece)))
    assert caught.value.slug == "too-long"


@proves("IA-07")
@pytest.mark.parametrize(
    ("raw", "rules"),
    [
        ("http://localhost/c", IdentifierRules(indieauth=False, allow_loopback_clients=True)),
        ("http://app.example/c", IdentifierRules(indieauth=False, allow_http_clients=True)),
        ("http://localhost/c", IdentifierRules(allow_http_clients=True)),
        ("http://app.example/c", IdentifierRules(allow_loopback_clients=True)),
    ],
)
def test_each_switch_for_http_needs_indieauth_and_opens_one_kind_of_host(raw: str, rules: IdentifierRules) -> None:
    with pytest.raises(IdentifierError) as caught:
        parse_identifier(raw, rules)
    assert caught.value.slug == "bad-scheme"

"""One value for http and https URLs: origin, effective port and canonical form."""

import pytest

from flask_cimd.core.identifier import IdentifierRules, parse_identifier
from flask_cimd.core.redirects import parse_redirect
from flask_cimd.core.urls import WebURL, default_port, is_same_site


def parsed(text: str) -> WebURL:
    found = WebURL.parse(text)
    assert found is not None
    return found


@pytest.mark.parametrize(
    "text",
    [
        "ftp://app.example/",
        "app.example",
        "https:///path",
        "https://user@app.example/",
        "https://app.example:port/",
        "https://app.example:65536/",
        "https://[::1/",
        "",
    ],
)
def test_what_is_not_a_web_url_is_none(text: str) -> None:
    assert WebURL.parse(text) is None


@pytest.mark.parametrize(
    ("text", "port", "authority", "canonical"),
    [
        ("https://App.example", 443, "app.example", "https://app.example/"),
        ("https://app.example:443/A?b=C", 443, "app.example", "https://app.example/A?b=C"),
        ("https://app.example:80/", 80, "app.example:80", "https://app.example:80/"),
        ("http://app.example/#part", 80, "app.example", "http://app.example/"),
        ("http://app.example:80/", 80, "app.example", "http://app.example/"),
        ("http://[::1]:8000/", 8000, "[::1]:8000", "http://[::1]:8000/"),
    ],
)
def test_a_url_has_an_effective_port_and_a_canonical_form(text: str, port: int, authority: str, canonical: str) -> None:
    url = parsed(text)
    assert (url.effective_port, url.authority, url.canonical) == (port, authority, canonical)


@pytest.mark.parametrize(
    ("one", "two", "same"),
    [
        ("https://app.example/a", "https://APP.example:443/b?c", True),
        ("https://app.example/", "http://app.example/", False),
        ("https://app.example/", "https://app.example:8443/", False),
        ("https://app.example/", "https://www.app.example/", False),
        ("https://app.example:80/", "http://app.example:80/", False),
    ],
)
def test_an_origin_is_scheme_host_and_effective_port(one: str, two: str, same: bool) -> None:
    assert parsed(one).is_same_origin(parsed(two)) is same


def test_identifiers_and_redirects_are_the_same_value() -> None:
    text = "https://app.example:8443/cb?x=1"
    assert parse_identifier(text, IdentifierRules()).url == parse_redirect(text) == parsed(text)


def test_default_ports_are_known_for_two_schemes() -> None:
    assert (default_port("https"), default_port("http")) == (443, 80)


@pytest.mark.parametrize(
    ("host", "other", "same"),
    [
        ("app.example", "APP.example", True),
        ("www.app.example", "app.example", True),
        ("app.example", "www.app.example", True),
        ("myapp.example", "app.example", False),
        ("app.example", "myapp.example", False),
        ("one.app.example", "two.app.example", False),
    ],
)
def test_a_site_is_a_host_with_what_is_above_and_below_it(host: str, other: str, same: bool) -> None:
    assert is_same_site(host, other) is same

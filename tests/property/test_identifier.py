"""Any string: an identifier about which every parser agrees, or our own error."""

from urllib.parse import urlsplit

import can_ada
import requests
from hypothesis import given
from hypothesis import strategies as st

from flask_cimd.core.identifier import IdentifierKind, IdentifierRules, parse_identifier
from flask_cimd.errors import IdentifierError

from .strategies import any_urls, likely_urls

every_rule = st.builds(
    IdentifierRules,
    allow_root_path=st.booleans(),
    allow_query=st.booleans(),
    allow_loopback=st.booleans(),
    indieauth=st.booleans(),
    allow_http_clients=st.booleans(),
    allow_loopback_clients=st.booleans(),
)


@given(any_urls, every_rule)
def test_parsers_agree_about_every_accepted_identifier(raw: str, rules: IdentifierRules) -> None:
    # C-05, C-06, C-17, C-21: the browser's rules (WHATWG), the standard library and the HTTP client
    try:
        identifier = parse_identifier(raw, rules)
    except IdentifierError:
        return
    assert identifier.raw == raw
    assert raw.isascii()
    assert raw.isprintable()
    assert urlsplit(raw).hostname == identifier.host.lower()
    sent = urlsplit(requests.Request("GET", identifier.fetch_url).prepare().url or "")
    assert (sent.hostname, sent.port) == (identifier.host.lower(), identifier.port)
    try:
        seen = can_ada.parse(identifier.fetch_url)
    except ValueError:
        assert "xn--" in identifier.host.lower()  # WHATWG decodes punycode, we only show it
        return
    assert seen.host == identifier.display_host
    assert seen.pathname == identifier.path
    assert not seen.username + seen.password + seen.hash


@given(likely_urls)
def test_what_the_draft_accepts_indieauth_accepts_too(raw: str) -> None:
    try:
        strict = parse_identifier(raw, IdentifierRules(indieauth=False, allow_query=False, allow_root_path=False))
    except IdentifierError:
        return
    assert strict.kind is IdentifierKind.DOCUMENT
    assert parse_identifier(raw, IdentifierRules()) == strict

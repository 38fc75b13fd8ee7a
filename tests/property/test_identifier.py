"""Any string: an identifier about which every parser agrees, or our own error."""

from urllib.parse import quote, urlsplit

import can_ada
import requests
from hypothesis import given
from hypothesis import strategies as st

from flask_cimd.core.identifier import IdentifierKind, IdentifierRules, parse_identifier
from flask_cimd.core.metadata import ClientMetadata
from flask_cimd.core.redirects import redirect_kind
from flask_cimd.core.virtual import virtual_client
from flask_cimd.errors import IdentifierError
from tests.support.proves import proves

from .strategies import any_urls, likely_urls

every_rule = st.builds(
    IdentifierRules,
    allow_root_path=st.booleans(),
    allow_query=st.booleans(),
    allow_loopback=st.booleans(),
    indieauth=st.booleans(),
    allow_http_clients=st.booleans(),
    allow_loopback_clients=st.booleans(),
    allow_virtual_clients=st.booleans(),
)


@proves("C-05", "C-06", "C-17", "C-21")
@given(any_urls, every_rule)
def test_parsers_agree_about_every_accepted_identifier(raw: str, rules: IdentifierRules) -> None:
    # The browser's rules (WHATWG), the standard library and the HTTP client
    try:
        identifier = parse_identifier(raw, rules)
    except IdentifierError:
        return
    assert identifier.raw == raw
    assert raw.isascii()
    assert raw.isprintable()
    assert urlsplit(raw).hostname == identifier.host.lower()
    sent = urlsplit(requests.Request("GET", identifier.fetch_url).prepare().url or "")
    default = 443 if identifier.scheme == "https" else 80
    assert (sent.hostname, sent.port or default) == (identifier.host.lower(), identifier.port or default)
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


queries = st.lists(
    st.builds(
        "{}={}".format,
        st.sampled_from(["redirect_uri", "scope", "state", "", "scope[]"]),
        any_urls | st.text(max_size=8),
    )
    | st.text(max_size=8),
    max_size=5,
).map("&".join)


@proves("AT-27 … AT-30")
@given(st.sampled_from(["http://localhost", "http://localhost/", "http://localhost:1", "http://LOCALHOST/x"]), queries)
def test_a_virtual_client_is_built_or_refused(start: str, query: str) -> None:
    rules = IdentifierRules(allow_virtual_clients=True, allow_loopback_clients=True)
    for raw in (f"{start}?{query}", f"{start}?{quote(query, safe='=&', errors='replace')}"):
        try:
            identifier = parse_identifier(raw, rules)
            if identifier.kind is not IdentifierKind.VIRTUAL:
                continue
            metadata = virtual_client(identifier)
        except IdentifierError:
            continue
        assert ClientMetadata.from_json(identifier, metadata.to_json()) == metadata
        assert {redirect_kind(uri) for uri in metadata.redirect_uris} == {"loopback"}

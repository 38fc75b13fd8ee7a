"""Any requested URI against any list: what matches leads, in a browser, to where the client may be sent."""

import can_ada
from hypothesis import given
from hypothesis import strategies as st

from flask_cimd.core.identifier import IdentifierRules, parse_identifier
from flask_cimd.core.metadata import ClientMetadata
from flask_cimd.core.redirects import match_redirect, refuse_registration
from flask_cimd.errors import RedirectMismatchError
from tests.support.proves import proves

from .strategies import any_urls

LOOPBACK = st.sampled_from(["127.0.0.1", "localhost", "[::1]", "127.0.0.1.evil.example", "LOCALHOST", "[127.0.0.1]"])
loopback_urls = st.builds(
    "{}://{}{}{}".format,
    st.sampled_from(["http", "http", "https"]),
    LOOPBACK,
    st.sampled_from(["", ":1", ":8080", ":0", ":*", "@evil.example", ":1@evil.example"]),
    st.sampled_from(["", "/", "/cb", "/cb?x", "/CB", "/cb#x", "/cb/", "\\@evil.example"]),
)
client_urls = st.sampled_from(
    ["https://app.example/c", "https://app.example:8443/c", "http://127.0.0.1:8080/", "http://localhost/"]
)
RULES = IdentifierRules(allow_loopback_clients=True)


@proves("C-66", "C-67", "IA-60")
@given(
    client_urls,
    st.sampled_from(["document", "page"]),
    st.lists(any_urls | loopback_urls, max_size=4),
    any_urls | loopback_urls,
)
def test_nobody_is_sent_where_the_client_may_not_send_them(
    url: str, source: str, uris: list[str], requested: str
) -> None:
    # With WHATWG's parser as the judge
    identifier = parse_identifier(url, RULES)
    listed = tuple(uri for uri in uris if refuse_registration(uri, allow_dotless_schemes=True) is None)
    metadata = ClientMetadata(
        identifier=identifier,
        source="loopback" if url.startswith("http:") else source,  # type: ignore[arg-type]  # one of the sources
        redirect_uris=listed,
        publishes_redirects=bool(listed),
    )
    try:
        assert match_redirect(requested, metadata) == requested
    except RedirectMismatchError:
        return
    if requested in listed:
        return
    target = can_ada.parse(requested)
    assert not target.username + target.password + target.hash
    own_origin = target.origin == can_ada.parse(url).origin
    same_but_port = any(
        (seen.protocol, seen.hostname, seen.pathname, seen.search)
        == (target.protocol, target.hostname, target.pathname, target.search)
        for seen in map(can_ada.parse, (uri for uri in listed if uri.startswith("http:")))
    )
    own_computer = metadata.source == "loopback" and target.hostname == can_ada.parse(url).hostname
    assert own_origin or same_but_port or own_computer

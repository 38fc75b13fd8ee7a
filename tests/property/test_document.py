"""Any bytes: metadata that survives a store, or every problem."""

import can_ada
from hypothesis import given
from hypothesis import strategies as st

from flask_cimd.core.document import parse_document
from flask_cimd.core.identifier import IdentifierRules, parse_identifier
from flask_cimd.core.metadata import ClientMetadata
from flask_cimd.core.redirects import match_redirect, redirect_host, redirect_kind
from flask_cimd.core.rules import DocumentRules
from flask_cimd.errors import DocumentError
from tests.support.proves import proves

from .strategies import URL, bodies

IDENTIFIER = parse_identifier(URL, IdentifierRules())
every_rule = st.builds(
    DocumentRules,
    auth_methods=st.sampled_from([("none",), ("private_key_jwt",), ("none", "private_key_jwt")]),
    allow_dotless_schemes=st.booleans(),
    require_auth_method=st.booleans(),
    allow_loopback=st.booleans(),
    indieauth=st.booleans(),
    redirect_relation=st.sampled_from(["any", "same-site", "same-origin"]),
)


@proves("C-32", "C-35", "C-41", "C-52")
@given(bodies, every_rule)
def test_any_bytes_are_metadata_or_problems(body: bytes, rules: DocumentRules) -> None:
    try:
        metadata = parse_document(body, IDENTIFIER, rules)
    except DocumentError:
        return
    assert ClientMetadata.from_json(IDENTIFIER, metadata.to_json()) == metadata
    assert metadata.to_json().isascii()
    assert set(metadata.auth_methods) <= set(rules.auth_methods)
    assert metadata.auth_methods
    for uri in metadata.redirect_uris:
        assert match_redirect(uri, metadata) == uri
        if redirect_kind(uri) != "private-scheme":
            assert can_ada.parse(uri).host == redirect_host(uri)  # what is shown is where a browser goes
    for link in (metadata.client_uri, metadata.logo_uri, metadata.tos_uri, metadata.jwks_uri):
        assert link is None or can_ada.parse(link).protocol == "https:"
    assert len(metadata.client_name or "") <= 100

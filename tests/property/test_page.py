"""Any bytes as a page: metadata, or our own error."""

from hypothesis import given

from flask_cimd.clients.html import parse_page
from flask_cimd.core.identifier import IdentifierRules, parse_identifier
from flask_cimd.core.metadata import ClientMetadata
from flask_cimd.core.redirects import match_redirect
from flask_cimd.core.rules import DocumentRules
from flask_cimd.errors import DocumentError
from tests.support.proves import proves

from .strategies import charsets, link_fields, pages

IDENTIFIER = parse_identifier("https://app.example/", IdentifierRules())


@proves("IA-53", "IA-54")
@given(pages, charsets, link_fields)
def test_any_bytes_are_a_page_or_a_problem(body: bytes, charset: str | None, link_headers: list[str]) -> None:
    try:
        metadata = parse_page(
            body,
            identifier=IDENTIFIER,
            final_url="https://app.example/",
            link_headers=link_headers,
            charset=charset,
            rules=DocumentRules(),
        )
    except DocumentError:
        return
    assert ClientMetadata.from_json(IDENTIFIER, metadata.to_json()) == metadata
    for uri in metadata.redirect_uris:
        assert match_redirect(uri, metadata) == uri
    assert metadata.logo_uri is None or metadata.logo_uri.startswith("https://")
    assert len(metadata.client_name or "") <= 100

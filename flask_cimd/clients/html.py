"""Read the links or the client from an untrusted HTML page, with bounds on the work."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..core.identifier import ClientIdentifier
from ..core.links import merge_links
from ..core.metadata import ClientMetadata
from ..core.page import REDIRECT_RELATION, ParsedPage, describe_page
from ..core.rules import DocumentRules
from ..errors import DocumentError, Problem
from .markup import Page, UnreadablePageError
from .microformats import app_items

__all__ = ["UnreadablePageError", "page_links", "parse_page"]

#: Maximum number of opening and closing tags; each takes about a microsecond. Ordinary pages within the size limit have
#: at most a third of it.
_MOST_TAGS = 30_000
#: Exceptions that the parsers raise on markup that they do not expect.
_PARSER_ERRORS = (RecursionError, ValueError, LookupError, AssertionError, TypeError, AttributeError)


def page_links(
    body: bytes, *, url: str, charset: str | None, link_headers: Sequence[str], relations: Iterable[str]
) -> dict[str, tuple[str, ...]]:
    """Return the absolute link targets of a page by relation: ``Link`` headers first, then ``<link>`` elements.

    Headers resolve against the URL of the page, elements against its base (IndieAuth §4.1; RFC 8288 §3.2). ``<a>``
    elements are ignored: visitors may be able to write them.

    Args:
        body: the page; the caller bounds its size.
        url: URL of the page, after redirects.
        charset: the parameter of the media type, if any.
        link_headers: every ``Link`` field of the response.
        relations: relation types in lower case.

    Raises:
        UnreadablePageError: the page cannot be parsed.
    """
    page = Page(body, charset)
    elements = {relation: tuple(page.hrefs(relation)) for relation in relations}
    return merge_links(elements, base=page.base(url), url=url, link_headers=link_headers)


def parse_page(
    body: bytes,
    *,
    identifier: ClientIdentifier,
    final_url: str,
    link_headers: Sequence[str],
    charset: str | None,
    rules: DocumentRules,
) -> ClientMetadata:
    """Return the metadata of the client that a page describes (IndieAuth §4.2); see `describe_page`.

    Args:
        body: the page; the caller bounds its size.
        identifier: the client identifier URL of the page.
        final_url: URL of the page, after redirects.
        link_headers: every ``Link`` field of the response.
        charset: the parameter of the media type, if any.
        rules: rules for redirect URIs and logos.

    Raises:
        DocumentError: the page cannot be parsed, or has more than 30,000 tags.
    """
    if body.count(b"<") > _MOST_TAGS:
        problem = Problem("", "too-many-tags", "the page has more tags than this server reads")
        raise DocumentError(identifier.raw, (problem,))
    try:
        page = Page(body, charset)
        base, links = page.base(final_url), tuple(page.hrefs(REDIRECT_RELATION))
        parsed = ParsedPage(url=final_url, base=base, links=links, items=app_items(page, base))
        return describe_page(parsed, identifier, rules, link_headers=link_headers)
    except _PARSER_ERRORS as exc:
        problem = Problem("", "unreadable-page", "the page cannot be read as HTML")
        raise DocumentError(identifier.raw, (problem,)) from exc

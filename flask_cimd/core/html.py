"""Read a stranger's web page for its links; the caller has bounded its bytes.

lxml reads it, never html5lib, which needs minutes for pages that lxml reads in milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from io import BytesIO
from urllib.parse import urljoin

import lxml.etree
from bs4 import BeautifulSoup, Tag
from bs4.builder import ParserRejectedMarkup

from .links import link_targets

_MOST_BASES = 50
_MOST_LINKS = 1000
#: What a browser reads as text or keeps aside; a visitor's words are more likely to stand there than the owner's.
_INERT = ["template", "textarea", "title", "iframe", "noembed", "noframes", "xmp", "svg", "math"]

#: What the parsers let out on pages that are none.
PARSER_TROUBLE = (RecursionError, ParserRejectedMarkup, lxml.etree.LxmlError, ValueError, LookupError, AssertionError)


class UnreadablePageError(ValueError):
    """The bytes cannot be read as HTML."""


def page_links(
    body: bytes, *, url: str, charset: str | None, link_headers: Sequence[str], relations: Iterable[str]
) -> dict[str, tuple[str, ...]]:
    """Return where a page's links lead, by relation: ``Link`` headers first, then ``<link>`` elements in order.

    ``<a>`` is not looked at: visitors may be able to place it. Relative headers resolve against the page's URL,
    relative elements against its base (IndieAuth §4.1; RFC 8288 §3.2).

    Args:
        url: where the page came from.
        charset: from the media type, if it was given.

    Raises:
        UnreadablePageError: the page cannot be read at all, or nests beyond reason.
    """
    try:
        soup = parse_html(body, charset)
        base = base_url(soup, url)
        elements = {
            relation: [join_url(base, href) for href in link_elements(soup, relation)] for relation in relations
        }
    except PARSER_TROUBLE as exc:
        raise UnreadablePageError("the page cannot be read as HTML") from exc
    headers = {
        relation: [join_url(url, target) for target in link_targets(link_headers, relation)] for relation in elements
    }
    return {
        relation: tuple(dict.fromkeys(filter(None, (*headers[relation], *elements[relation])))) for relation in elements
    }


def parse_html(body: bytes, charset: str | None) -> BeautifulSoup:
    """Parse a page; what is raised on one that cannot be read is in `PARSER_TROUBLE`."""
    # As a file, and with an XML declaration not at its very beginning: else bs4 warns about short pages and
    # declarations, and where warnings are errors, they would escape.
    file = BytesIO(b"\n" + body if body.startswith(b"<?xml") else body)
    return BeautifulSoup(file, "lxml", from_encoding=charset)


def base_url(soup: BeautifulSoup, url: str) -> str:
    """Return what relative URLs in a page resolve against: its first ``<base>`` that counts, else its own URL."""
    element = next((tag for tag in soup.find_all("base", href=True, limit=_MOST_BASES) if not is_inert(tag)), None)
    if element is None:
        return url
    base = join_url(url, str(element["href"]))
    return base if base.startswith(("https://", "http://")) else url


def link_elements(soup: BeautifulSoup, relation: str) -> Iterator[str]:
    """Yield the ``href`` of every ``<link>`` with this relation, as it is written, in document order."""
    for element in soup.find_all("link", href=True, limit=_MOST_LINKS):
        relations = element.get_attribute_list("rel")
        href = str(element["href"])
        is_meant = any(relation in str(listed).lower().split() for listed in relations if listed)
        if is_meant and href.strip() and not is_inert(element):
            yield href


def is_inert(element: Tag) -> bool:
    """Say whether an element stands where browsers do not act on it."""
    return element.find_parent(_INERT) is not None


def join_url(base: str, reference: str) -> str:
    """Resolve a reference, or return an empty string for one that no parser can read."""
    try:
        return urljoin(base, reference.strip())
    except ValueError:
        return ""

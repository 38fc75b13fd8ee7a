"""Read an untrusted HTML page within bounds, with lxml, Beautiful Soup and mf2py.

html5lib is never used: it needs minutes for pages that lxml reads in milliseconds. mf2py sees a copy of the app
elements alone, and only if they are small. The caller bounds the bytes of the page.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from io import BytesIO
from typing import Any

import lxml.etree
import mf2py
from bs4 import BeautifulSoup, Tag
from bs4.builder import ParserRejectedMarkup

from ..core.identifier import ClientIdentifier
from ..core.links import join_url, merge_links
from ..core.metadata import ClientMetadata
from ..core.page import APP_TYPES, MOST_APPS, REDIRECT_RELATION, ParsedPage, describe_page
from ..core.rules import DocumentRules
from ..errors import DocumentError, Problem

_MOST_BASES = 50
_MOST_LINKS = 1000
#: Elements whose content a browser shows as text or keeps aside; visitors may be able to write into them.
_INERT = ["template", "textarea", "title", "iframe", "noembed", "noframes", "xmp", "svg", "math"]
_ITEM_CLASS = re.compile(r"^h-(?:[a-z0-9]+-)*[a-z]+$")
_MICROFORMAT_CLASS = re.compile(r"(?:h|p|u|e|dt)-|value(?:-title)?$")
#: Nodes that mf2py reads in all apps of a page, each counted as often as it is read.
_MOST_NODES = 400
_MOST_DEPTH = 24
#: Opening and closing tags; each costs about ten microseconds. Honest pages within the size limit have a third of it.
_MOST_TAGS = 30_000
#: Exceptions that the parsers raise on bytes that are not HTML.
_PARSER_ERRORS = (RecursionError, ParserRejectedMarkup, lxml.etree.LxmlError, ValueError, LookupError, AssertionError)


class UnreadablePageError(ValueError):
    """The bytes cannot be read as HTML."""


def page_links(
    body: bytes, *, url: str, charset: str | None, link_headers: Sequence[str], relations: Iterable[str]
) -> dict[str, tuple[str, ...]]:
    """Return the absolute link targets of a page by relation: ``Link`` headers first, then ``<link>`` elements.

    Headers resolve against the URL of the page, elements against its base (IndieAuth §4.1; RFC 8288 §3.2). ``<a>``
    elements are ignored: visitors may be able to write them.

    Args:
        body: the page; the caller bounds its bytes.
        url: where the page was served, after redirects.
        charset: the parameter of the media type, if any.
        link_headers: every ``Link`` field of the response.
        relations: relation types in lower case.

    Raises:
        UnreadablePageError: the page cannot be parsed, or nests too deeply.
    """
    try:
        soup = _parse(body, charset)
        elements = {relation: tuple(_hrefs(soup, relation)) for relation in relations}
        base = _base(soup, url)
    except _PARSER_ERRORS as exc:
        raise UnreadablePageError("the page cannot be read as HTML") from exc
    return merge_links(elements, base=base, url=url, link_headers=link_headers)


def parse_page(
    body: bytes,
    *,
    identifier: ClientIdentifier,
    final_url: str,
    link_headers: Sequence[str],
    charset: str | None,
    rules: DocumentRules,
) -> ClientMetadata:
    """Return the metadata of the client that a page describes (IndieAuth §4.2), see `describe_page`.

    Args:
        body: the page; the caller bounds its bytes.
        identifier: the client identifier URL that the page was fetched for.
        final_url: where the page was served, after redirects.
        link_headers: every ``Link`` field of the response.
        charset: the parameter of the media type, if any.
        rules: how strictly redirect URIs and logos are read.

    Raises:
        DocumentError: the page cannot be parsed, nests too deeply or has more than 30,000 tags.
    """
    if body.count(b"<") > _MOST_TAGS:
        problem = Problem("", "too-many-tags", "the page has more tags than this server reads")
        raise DocumentError(identifier.raw, (problem,))
    try:
        soup = _parse(body, charset)
        base, links = _base(soup, final_url), tuple(_hrefs(soup, REDIRECT_RELATION))
        page = ParsedPage(url=final_url, base=base, links=links, items=_items(soup, base))
        return describe_page(page, identifier, rules, link_headers=link_headers)
    except _PARSER_ERRORS as exc:
        problem = Problem("", "unreadable-page", "the page cannot be read as HTML")
        raise DocumentError(identifier.raw, (problem,)) from exc


def _parse(body: bytes, charset: str | None) -> BeautifulSoup:
    # A file, and a newline before an XML declaration: otherwise bs4 warns about short pages and declarations, and
    # warnings may be errors in the host application.
    file = BytesIO(b"\n" + body if body.startswith(b"<?xml") else body)
    return BeautifulSoup(file, "lxml", from_encoding=charset)


def _base(soup: BeautifulSoup, url: str) -> str:
    """Return the URL against which elements resolve: the first effective ``<base>``, else the URL of the page."""
    element = next((tag for tag in soup.find_all("base", href=True, limit=_MOST_BASES) if not _is_inert(tag)), None)
    if element is None:
        return url
    base = join_url(url, str(element["href"]))
    return base if base.startswith(("https://", "http://")) else url


def _hrefs(soup: BeautifulSoup, relation: str) -> Iterator[str]:
    """Yield the ``href`` of every ``<link>`` with this relation, as written, in document order."""
    for element in soup.find_all("link", href=True, limit=_MOST_LINKS):
        relations = element.get_attribute_list("rel")
        href = str(element["href"])
        has_relation = any(relation in str(listed).lower().split() for listed in relations if listed)
        if has_relation and href.strip() and not _is_inert(element):
            yield href


def _is_inert(element: Tag) -> bool:
    return element.find_parent(_INERT) is not None


def _items(soup: BeautifulSoup, base: str) -> list[Any]:
    """Return the microformats items of the app elements, parsed from a bounded copy."""
    outer = _bounded_elements(soup)
    if not outer:
        return []
    fresh = BeautifulSoup("<html><head></head><body></body></html>", "lxml")
    fresh.html.head.append(fresh.new_tag("base", href=base))  # type: ignore[union-attr]  # written one line above
    for element in outer:
        _drop_other_classes(element)
        fresh.html.body.append(element.extract())  # type: ignore[union-attr]
    items: list[Any] = mf2py.parse(doc=fresh, url=base)["items"]
    return items


def _bounded_elements(soup: BeautifulSoup) -> list[Tag]:
    """Return the outermost app elements that fit into the budget of nodes; those inside other items come last."""
    budget = _MOST_NODES
    outer: list[Tag] = []
    for element in soup.find_all(class_=sorted(APP_TYPES), limit=MOST_APPS):
        # By identity: bs4 compares elements by content, which takes long for large ones.
        if any(parent is known for parent in element.parents for known in outer) or _is_inert(element):
            continue
        size = _size(element, budget)
        if size <= budget:
            outer.append(element)
            budget -= size
    return sorted(outer, key=lambda element: element.find_parent(class_=_ITEM_CLASS) is not None)


def _drop_other_classes(element: Tag) -> None:
    """Keep microformats2 classes alone: mf2py would read classic ones ("vcard") as properties that `_size` misses."""
    for tag in (element, *element.find_all(class_=True)):
        classes = [name for name in tag.get_attribute_list("class") if name and _MICROFORMAT_CLASS.match(name)]
        tag["class"] = classes  # type: ignore[assignment]  # the parser itself assigns a plain list


def _size(element: Tag, budget: int) -> int:
    """Count the nodes of an element as often as mf2py reads them; stop above the budget or the maximum depth.

    mf2py reads an item that is also a property once for each of its property classes, descendants included: nested
    ``<div class="h-app p-a p-b u-c">`` would cost three to the power of their depth.
    """
    count = 1
    readings = {id(element): 1}
    for node in element.descendants:
        times = readings[id(node.parent)]
        count += times
        if count > budget:
            return count
        if isinstance(node, Tag):
            readings[id(node)] = times * _readings(node)
            if _depth(node, element) > _MOST_DEPTH:
                return budget + 1
    return count


def _readings(element: Tag) -> int:
    """Return how often mf2py reads the content of an element."""
    classes = {str(name) for name in element.get_attribute_list("class") if name}
    if not any(name.startswith("h-") for name in classes):
        return 1
    return max(1, sum(name.startswith(("p-", "u-", "e-", "dt-")) for name in classes))


def _depth(node: Tag, top: Tag) -> int:
    depth = 0
    parent: Tag | None = node
    while parent is not None and parent is not top and depth <= _MOST_DEPTH:
        parent = parent.parent
        depth += 1
    return depth

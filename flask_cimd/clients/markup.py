"""Parse an untrusted HTML page with lxml and find the relevant elements, in time linear to its size.

html5lib is not used: it needs minutes for pages that lxml parses in milliseconds. The caller bounds the page's size.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import lxml.etree
from bs4.dammit import EncodingDetector

from ..core.links import join_url

_MOST_BASES = 50
_MOST_LINKS = 1000
#: Elements whose content a browser does not render as HTML elements; visitors may be able to write into them.
_INERT = frozenset({"template", "textarea", "title", "iframe", "noembed", "noframes", "xmp", "svg", "math"})
#: XPath prefilter for a class; the code then compares the words of the attribute.
_WITH_CLASS = "//*[contains(@class, '{}')]"
#: Exceptions that the parser raises on bytes that are not HTML.
_PARSER_ERRORS = (lxml.etree.LxmlError, ValueError, LookupError, AssertionError)

#: A node of lxml, which has no type annotations.
Element = Any


class UnreadablePageError(ValueError):
    """The bytes cannot be read as HTML."""


class Page:
    """The tree of a page.

    Args:
        body: the page; the caller bounds its size.
        charset: the parameter of the media type, if any.

    Raises:
        UnreadablePageError: the page cannot be parsed, or nests too deeply.
    """

    def __init__(self, body: bytes, charset: str | None) -> None:
        self._root = _parse(body, charset)
        #: Cache: whether an element is inert or inside an inert element.
        self._inert: dict[Element, bool] = {}

    def base(self, url: str) -> str:
        """Return the base URL of the elements: the first effective ``<base>``, else the URL of the page."""
        found = self._find(f"(//base[@href])[position() <= {_MOST_BASES}]")
        element = next((one for one in found if not self.is_inert(one)), None)
        if element is None:
            return url
        base = join_url(url, element.get("href"))
        return base if base.startswith(("https://", "http://")) else url

    def hrefs(self, relation: str) -> Iterator[str]:
        """Yield the ``href`` of every ``<link>`` with this relation, as written, in document order."""
        for element in self._find(f"(//link[@href])[position() <= {_MOST_LINKS}]"):
            href = element.get("href")
            has_relation = relation in (element.get("rel") or "").lower().split()
            if has_relation and href.strip() and not self.is_inert(element):
                yield href

    def with_class(self, names: Sequence[str]) -> Iterator[Element]:
        """Yield the elements that have one of these classes, in document order."""
        wanted = set(names)
        for element in self._find(" | ".join(map(_WITH_CLASS.format, names))):
            if wanted & set(element.get("class").split()):
                yield element

    def is_inert(self, element: Element) -> bool:
        """Return whether an element is inside an element whose content a browser does not render as elements."""
        climbed = []
        parent = element.getparent()
        while parent is not None and parent not in self._inert:
            climbed.append(parent)
            if parent.tag in _INERT:
                break
            parent = parent.getparent()
        # The cache visits each ancestor once: a thousand deeply nested links take no longer than the page.
        verdict = parent is not None and self._inert.get(parent, True)
        self._inert.update(dict.fromkeys(climbed, verdict))
        return verdict

    def _find(self, path: str) -> list[Element]:
        return [] if self._root is None else self._root.xpath(path)


def _parse(body: bytes, charset: str | None) -> Element | None:
    """Return the root of the tree; ``None`` if there is no element."""
    stripped, marked = EncodingDetector.strip_byte_order_mark(body)
    for encoding in _encodings(stripped, charset, marked):
        try:
            parser = lxml.etree.HTMLParser(encoding=encoding)
            parser.feed(stripped)
            return parser.close()
        except _PARSER_ERRORS:  # the encoding does not exist, or the bytes are invalid in it
            continue
    raise UnreadablePageError("the page cannot be read as HTML")


def _encodings(body: bytes, charset: str | None, marked: str | None) -> Iterator[str]:
    """Yield encodings in the order of the HTML standard, without the slow step of guessing."""
    declared = EncodingDetector.find_declared_encoding(body, is_html=True)
    yield from filter(None, (charset, marked, declared))
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        yield "windows-1252"
    yield "utf-8"

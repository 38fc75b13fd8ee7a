"""Read the microformats of a page's app elements with mf2py, from copies of bounded size.

Beautiful Soup and mf2py need a hundred times as long for an element as lxml, and mf2py reads some elements many times.
Neither of them parses a whole page.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import Any

import mf2py
from bs4 import Tag

from ..core.page import APP_TYPES, MOST_APPS
from .markup import Element, Page

_ITEM_CLASS = re.compile(r"h-(?:[a-z0-9]+-)*[a-z]+")
_MICROFORMAT_CLASS = re.compile(r"(?:h|p|u|e|dt)-|value(?:-title)?$")
_PROPERTY = ("p-", "u-", "e-", "dt-")
#: Maximum number of nodes that mf2py reads in all app elements of a page; each reading counts.
_MOST_NODES = 400
_MOST_DEPTH = 24


def app_items(page: Page, base: str) -> list[Any]:
    """Return the microformats items of the app elements of a page, in the JSON form of microformats2.

    Reads those of the first `MOST_APPS` app elements that fit into the node budget.

    Args:
        page: the tree.
        base: base URL of the elements.
    """
    elements = _bounded(page)
    if not elements:
        return []
    copy = Tag(name="div")
    # mf2py uses the first <base>; without this one, an app element could supply it.
    copy.append(Tag(name="base", attrs={"href": base}))
    for element in elements:
        copy.append(_copied(element))
    items: list[Any] = mf2py.parse(doc=copy, url=base)["items"]
    return items


def _bounded(page: Page) -> list[Element]:
    """Return the outermost app elements that fit into the node budget; elements inside other items come last."""
    budget = _MOST_NODES
    outer: list[Element] = []
    for element in islice(page.with_class(sorted(APP_TYPES)), MOST_APPS):
        if any(parent in outer for parent in element.iterancestors()) or page.is_inert(element):
            continue
        size = _size(element, budget)
        if size <= budget:
            outer.append(element)
            budget -= size
    return sorted(outer, key=_is_nested)


def _is_nested(element: Element) -> bool:
    names = (name for parent in element.iterancestors() for name in _classes(parent))
    return any(_ITEM_CLASS.fullmatch(name) for name in names)


def _size(element: Element, budget: int) -> int:
    """Count how many nodes of an element mf2py reads; stop above the budget or the maximum depth.

    mf2py reads an item that is also a property once for each of its property classes, with its descendants: nested
    ``<div class="h-app p-a p-b u-c">`` elements take exponential time in their depth.
    """
    count = 1 + bool(element.text)
    waiting = [(child, 1, 1) for child in element]
    while waiting:
        node, times, depth = waiting.pop()
        is_element = isinstance(node.tag, str)
        inner = times * _readings(node) if is_element else 0
        count += times * (1 + bool(node.tail)) + inner * bool(node.text)
        if count > budget or (is_element and depth > _MOST_DEPTH):
            return budget + 1
        waiting.extend((child, inner, depth + 1) for child in node)
    return count


def _readings(element: Element) -> int:
    """Return how many times mf2py reads the content of an element."""
    classes = set(_classes(element))
    if not any(name.startswith("h-") for name in classes):
        return 1
    return max(1, sum(name.startswith(_PROPERTY) for name in classes))


def _copied(element: Element) -> Tag:
    """Return a copy of an element for mf2py, without comments and ``rel``, and only with microformats2 classes.

    mf2py would read classic classes ("vcard") as properties that `_size` does not count.
    """
    attributes: dict[str, Any] = dict(element.attrib)
    attributes.pop("rel", None)
    if "class" in attributes:
        attributes["class"] = [name for name in _classes(element) if _MICROFORMAT_CLASS.match(name)]
    tag = Tag(name=element.tag, attrs=attributes)
    for child in _children(element):
        tag.append(child)
    return tag


def _children(element: Element) -> Iterator[Tag | str]:
    if element.text:
        yield element.text
    for child in element:
        if isinstance(child.tag, str):
            yield _copied(child)
        if child.tail:
            yield child.tail


def _classes(element: Element) -> list[str]:
    return (element.get("class") or "").split()

"""How elements of an untrusted page are found."""

from __future__ import annotations

from typing import cast

from flask_cimd.clients.markup import Element, Page


def test_a_class_is_a_whole_word() -> None:
    page = Page(b'<p class="h-appetizer">soup</p><p class="x h-app">App</p>', None)
    assert [element.text for element in page.with_class(["h-app"])] == ["App"]


class Node:
    """An element that counts how often its parent was asked for."""

    def __init__(self, tag: str, parent: Node | None) -> None:
        self.tag, self._parent, self.asked = tag, parent, 0

    def getparent(self) -> Node | None:
        self.asked += 1
        return self._parent


def test_a_thousand_links_in_one_deep_place_climb_over_each_of_its_elements_once() -> None:
    page, deep = Page(b"", None), [Node("html", None)]
    for _ in range(200):
        deep.append(Node("div", deep[-1]))
    links = [Node("link", deep[-1]) for _ in range(1000)]

    assert not any(page.is_inert(cast("Element", link)) for link in links)
    assert {node.asked for node in deep} == {1}

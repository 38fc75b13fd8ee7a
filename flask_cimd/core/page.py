"""A legacy client's web page: the ``h-app`` it describes itself with and the redirect URIs it links to.

The page is bounded before mf2py sees it: only the elements that can be an app are copied into a fresh document,
and only if they are small. html5lib is never used: it needs minutes for pages that lxml reads in milliseconds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bs4 import BeautifulSoup, Tag

from ..errors import DocumentError, Problem
from .document import may_show_logo
from .html import PARSER_TROUBLE, base_url, is_inert, join_url, link_elements, parse_html
from .identifier import ClientIdentifier
from .legacy import canonical_url
from .links import link_targets
from .members import is_https_url
from .metadata import ClientMetadata
from .redirects import refuse_registration
from .rules import DocumentRules
from .text import clean_text

_TYPES = frozenset({"h-app", "h-x-app"})
_ITEM_CLASS = re.compile(r"^h-(?:[a-z0-9]+-)*[a-z]+$")
_MICROFORMAT_CLASS = re.compile(r"(?:h|p|u|e|dt)-|value(?:-title)?$")
_MOST_CANDIDATES = 20
_MOST_NODES = 400
_MOST_DEPTH = 24
#: Opening and closing tags. Within the byte cap an honest page has a third of it; each costs some ten microseconds.
_MOST_TAGS = 30_000
_MOST_LINKS = 50
_NAME_LIMIT = 100


def parse_page(
    body: bytes,
    *,
    identifier: ClientIdentifier,
    final_url: str,
    link_headers: Sequence[str],
    charset: str | None,
    rules: DocumentRules,
) -> ClientMetadata:
    """Return what a page says about the client (IndieAuth §4.2; its 2022 version §4.2.1, §4.2.2).

    A page without an app and without links is still a client: it has no name, and may be redirected within its
    own origin.

    Args:
        body: bytes of the page; the caller has bounded their number.
        final_url: where the page came from, the base of its relative URLs.
        link_headers: every ``Link`` field of the response.
        charset: from the media type, if it was given.

    Raises:
        DocumentError: the page cannot be read at all, nests beyond reason or has too many tags.
    """
    if body.count(b"<") > _MOST_TAGS:
        problem = Problem("", "too-many-tags", "the page has more tags than this server reads")
        raise DocumentError(identifier.raw, (problem,))
    try:
        soup = parse_html(body, charset)
        base = base_url(soup, final_url)
        uris = _redirect_uris(soup, base, final_url, link_headers, identifier, rules)
        app = _choose(_apps(soup, base), {canonical_url(identifier.canonical), canonical_url(final_url)})
    except PARSER_TROUBLE as exc:
        problem = Problem("", "unreadable-page", "the page cannot be read as HTML")
        raise DocumentError(identifier.raw, (problem,)) from exc
    logo, alt = _logo(app, base, rules)
    if logo and not may_show_logo(logo, identifier, rules):
        logo = alt = None
    return ClientMetadata(
        identifier=identifier,
        source="page",
        client_name=_name(app),
        client_uri=identifier.canonical if identifier.scheme == "https" else None,
        logo_uri=logo,
        logo_alt=alt,
        redirect_uris=uris,
        publishes_redirects=bool(uris),
        grant_types=("authorization_code", "refresh_token"),
        localhost_any_port=rules.localhost_any_port,
        rules=rules.digest,
    )


def _redirect_uris(
    soup: BeautifulSoup,
    base: str,
    final_url: str,
    link_headers: Sequence[str],
    identifier: ClientIdentifier,
    rules: DocumentRules,
) -> tuple[str, ...]:
    """Headers first, then ``<link>`` elements; never ``<a>``, which visitors may be able to place in a page.

    A page that came over plain http may have been written by anybody on the way: nothing in it is followed.
    """
    if identifier.scheme == "http" and not identifier.is_loopback:
        return ()
    found: dict[str, None] = {}
    headers = (join_url(final_url, target) for target in link_targets(link_headers, "redirect_uri"))
    elements = (join_url(base, href) for href in link_elements(soup, "redirect_uri"))
    for uri in (*headers, *elements):
        # Old apps have private schemes without a dot; the consent page shows them in full.
        if uri and refuse_registration(uri, allow_dotless_schemes=True) is None:
            found.setdefault(uri)
    return tuple(found)[: min(_MOST_LINKS, rules.max_redirect_uris)]


def _apps(soup: BeautifulSoup, base: str) -> list[Mapping[str, Any]]:
    """Return the app items of the page, top-level ones first, each parsed from a bounded copy."""
    outer = _bounded_elements(soup)
    if not outer:
        return []
    fresh = BeautifulSoup("<html><head></head><body></body></html>", "lxml")
    fresh.html.head.append(fresh.new_tag("base", href=base))  # type: ignore[union-attr]  # it was just written
    for element in outer:
        _keep_microformats_alone(element)
        fresh.html.body.append(element.extract())  # type: ignore[union-attr]
    import mf2py  # brings requests with it, which the core does without

    return list(_candidates(mf2py.parse(doc=fresh, url=base)["items"]))[:_MOST_CANDIDATES]


def _bounded_elements(soup: BeautifulSoup) -> list[Tag]:
    """Return the outermost app elements that are small enough to be read, those inside other items last."""
    budget = _MOST_NODES
    outer: list[Tag] = []
    for element in soup.find_all(class_=sorted(_TYPES), limit=_MOST_CANDIDATES):
        # By identity: bs4 compares elements by content, which takes long for large ones.
        if any(parent is known for parent in element.parents for known in outer) or is_inert(element):
            continue
        size = _size(element, budget)
        if size <= budget:
            outer.append(element)
            budget -= size
    return sorted(outer, key=lambda element: element.find_parent(class_=_ITEM_CLASS) is not None)


def _keep_microformats_alone(element: Tag) -> None:
    """Drop other classes: mf2py would read classic ones ("vcard") as properties that nobody counted."""
    for tag in (element, *element.find_all(class_=True)):
        classes = [name for name in tag.get_attribute_list("class") if name and _MICROFORMAT_CLASS.match(name)]
        tag["class"] = classes  # type: ignore[assignment]  # a plain list is what the parser itself puts there


def _size(element: Tag, budget: int) -> int:
    """Count an element's nodes as often as mf2py reads them, stopping at the budget; too deep counts as too many.

    An item that is also a property is read once for each of its property classes, with all that is in it: nested
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
    """Return how often mf2py reads what is in an element."""
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


def _candidates(items: Sequence[Any]) -> Iterator[Mapping[str, Any]]:
    """Yield items of either class: top-level ones in order, then nested ones depth first."""
    apps = [item for item in items if _is_item(item)]
    yield from (item for item in apps if _TYPES & set(item["type"]))
    for item in apps:
        yield from _nested(item)


def _nested(item: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    values = [value for entries in item.get("properties", {}).values() for value in entries]
    for child in (*item.get("children", ()), *values):
        if _is_item(child):
            if _TYPES & set(child["type"]):
                yield child
            yield from _nested(child)


def _is_item(value: Any) -> bool:
    return isinstance(value, Mapping) and isinstance(value.get("type"), list) and "properties" in value


def _choose(apps: Sequence[Mapping[str, Any]], own_urls: set[str]) -> Mapping[str, Any] | None:
    """Take the first app whose url is the client's, else the first without any url, else none."""
    for app in apps:
        if any(canonical_url(url) in own_urls for url in _strings(app["properties"].get("url", ()))):
            return app
    return next((app for app in apps if not app["properties"].get("url")), None)


def _strings(entries: Any) -> Iterator[str]:
    for entry in entries:
        value = entry.get("value") if isinstance(entry, Mapping) else entry
        if isinstance(value, str):
            yield value


def _name(app: Mapping[str, Any] | None) -> str | None:
    """Return the first name that is one; a very long one is the implied text of a whole section."""
    for value in _strings(app["properties"].get("name", ())) if app else ():
        collapsed = " ".join(value.split())
        if collapsed:
            return clean_text(collapsed, _NAME_LIMIT) or None if len(collapsed) <= _NAME_LIMIT else None
    return None


def _logo(app: Mapping[str, Any] | None, base: str, rules: DocumentRules) -> tuple[str | None, str | None]:
    """Return the first usable image and its alternative text: ``logo``, else ``photo``."""
    if app is None:
        return None, None
    for name in ("logo", "photo"):
        for entry in app["properties"].get(name, ()):
            if _is_item(entry):
                logo, alt = _logo(entry, base, rules)
            else:
                value = entry.get("value") if isinstance(entry, Mapping) else entry
                alt = entry.get("alt") if isinstance(entry, Mapping) else None
                logo = join_url(base, value) if isinstance(value, str) and value else None
            if logo and is_https_url(logo, rules.allow_loopback):
                return logo, clean_text(alt, _NAME_LIMIT) or None if isinstance(alt, str) else None
    return None, None

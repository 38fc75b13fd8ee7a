"""Choose a client's name, logo and redirect URIs from a web page that has been parsed (IndieAuth §4.2).

The HTML itself is read in `flask_cimd.clients.markup` and `microformats`, which bound what the parsers see.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .document import may_show_logo
from .identifier import ClientIdentifier
from .legacy import canonical_url
from .links import join_url, link_targets
from .members import is_https_url
from .metadata import ClientMetadata
from .redirects import refuse_registration
from .rules import DocumentRules
from .text import clean_text

#: The relation of links to redirect URIs (IndieAuth §4.2.2).
REDIRECT_RELATION = "redirect_uri"
#: The microformats classes of an app.
APP_TYPES = frozenset({"h-app", "h-x-app"})
#: Number of app items that are considered.
MOST_APPS = 20
_MOST_REDIRECTS = 50
_NAME_LIMIT = 100  # characters


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedPage:
    """Contents of a page, as the HTML parsers read it.

    Attributes:
        url: where the page was served, after redirects.
        base: the URL against which relative URLs of elements resolve.
        links: ``href`` of every ``<link>`` with the relation ``redirect_uri``, as written, in document order.
        items: top-level microformats items in the JSON form of microformats2, in document order.
    """

    url: str
    base: str
    links: Sequence[str] = ()
    items: Sequence[Any] = ()


def describe_page(
    page: ParsedPage, identifier: ClientIdentifier, rules: DocumentRules, *, link_headers: Sequence[str] = ()
) -> ClientMetadata:
    """Return the metadata of the client that a page describes (IndieAuth §4.2; version of 2022 §4.2.1, §4.2.2).

    A page without an app and without links describes a client too: it has no name and may be redirected within its
    own origin.

    Args:
        page: the parsed page.
        identifier: the client identifier URL that the page was fetched for.
        rules: how strictly redirect URIs and logos are read.
        link_headers: every ``Link`` field of the response.
    """
    uris = _redirect_uris(page, link_headers, identifier, rules)
    app = _choose(_apps(page.items), {canonical_url(identifier.canonical), canonical_url(page.url)})
    logo, alt = _logo(app, page.base, rules)
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
    page: ParsedPage, link_headers: Sequence[str], identifier: ClientIdentifier, rules: DocumentRules
) -> tuple[str, ...]:
    """Return usable redirect URIs: ``Link`` headers first, then ``<link>`` elements.

    Anyone on the network path can rewrite a page served over plain http, so its links are ignored.
    """
    if identifier.scheme == "http" and not identifier.is_loopback:
        return ()
    found: dict[str, None] = {}
    headers = (join_url(page.url, target) for target in link_targets(link_headers, REDIRECT_RELATION))
    for uri in (*headers, *(join_url(page.base, href) for href in page.links)):
        # Old apps use private schemes without a dot; the consent page shows them in full.
        if uri and refuse_registration(uri, allow_dotless_schemes=True) is None:
            found.setdefault(uri)
    return tuple(found)[: min(_MOST_REDIRECTS, rules.max_redirect_uris)]


def _apps(items: Sequence[Any]) -> list[Mapping[str, Any]]:
    return list(_candidates(items))[:MOST_APPS]


def _candidates(items: Sequence[Any]) -> Iterator[Mapping[str, Any]]:
    """Yield app items: top-level ones in document order, then nested ones depth first."""
    found = [item for item in items if _is_item(item)]
    yield from (item for item in found if APP_TYPES & set(item["type"]))
    for item in found:
        yield from _nested(item)


def _nested(item: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    values = [value for entries in item.get("properties", {}).values() for value in entries]
    for child in (*item.get("children", ()), *values):
        if _is_item(child):
            if APP_TYPES & set(child["type"]):
                yield child
            yield from _nested(child)


def _is_item(value: Any) -> bool:
    return isinstance(value, Mapping) and isinstance(value.get("type"), list) and "properties" in value


def _choose(apps: Sequence[Mapping[str, Any]], own_urls: set[str]) -> Mapping[str, Any] | None:
    """Return the first app whose ``url`` is the client's, else the first without ``url``, else ``None``."""
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
    """Return the first non-empty name; a name above the limit is the implied text of a whole section and is ignored."""
    for value in _strings(app["properties"].get("name", ())) if app else ():
        collapsed = " ".join(value.split())
        if collapsed:
            return clean_text(collapsed, _NAME_LIMIT) or None if len(collapsed) <= _NAME_LIMIT else None
    return None


def _logo(app: Mapping[str, Any] | None, base: str, rules: DocumentRules) -> tuple[str | None, str | None]:
    """Return URL and alternative text of the first usable image: ``logo``, else ``photo``."""
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

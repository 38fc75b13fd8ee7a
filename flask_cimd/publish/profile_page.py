"""Discovery of the server that a profile page names (IndieAuth §4.1)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from urllib.parse import urlsplit

from ..clients.html import UnreadablePageError, page_links
from ..fetch.fetcher import Response
from .issuer import check_server, well_known_urls
from .reading import Absent, Reading
from .server import Server, is_server_url

_METADATA, _AUTHORIZATION, _TOKEN = "indieauth-metadata", "authorization_endpoint", "token_endpoint"
_RELATIONS = (_METADATA, _AUTHORIZATION, _TOKEN)
#: Maximum number of targets for one relation on one page.
_MOST_TARGETS = 20


def find_profile(reading: Reading, url: str) -> Server | None:
    """Return the server that a profile page names, or ``None`` if it names none.

    Raises:
        Absent: the URL has no page.
        DiscoveryError: the page or the metadata that it names is invalid.
        FetchError: the page or the metadata cannot be fetched.
    """
    passed, page = reading.page(url)
    links = read_links(reading, page, _RELATIONS)
    if links[_METADATA]:
        server = _by_metadata(reading, links[_METADATA][0])
    elif links[_AUTHORIZATION]:
        server = _by_endpoints(reading, links)
    else:
        return None
    return replace(server, profile_urls=tuple(canonical_url(one) for one in passed))


def read_links(reading: Reading, page: Response, relations: Collection[str]) -> dict[str, tuple[str, ...]]:
    """Return a page's link targets by relation; ``Link`` headers first.

    Raises:
        DiscoveryError: the page is not HTML, or has more than 20 targets for one relation.
    """
    try:
        found = page_links(
            page.body, url=page.url, charset=page.charset, link_headers=page.link_headers, relations=relations
        )
    except UnreadablePageError as exc:
        raise reading.refuse("page-unreadable", "the page cannot be read as HTML") from exc
    if any(len(targets) > _MOST_TARGETS for targets in found.values()):
        raise reading.refuse("too-many-links", f"the page names more than {_MOST_TARGETS} servers")
    return found


def canonical_url(url: str) -> str:
    """Return a profile URL with a lower-case host and at least the path ``/`` (IndieAuth §3.4)."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.lower(), path=parts.path or "/", fragment="").geturl()


def _by_metadata(reading: Reading, metadata_url: str) -> Server:
    try:
        metadata = reading.json(metadata_url)
    except Absent as exc:
        raise reading.refuse("no-server-metadata", "the page names metadata that cannot be read") from exc
    server = check_server(reading, metadata, metadata_url)
    if not _speaks_for(server["issuer"], metadata_url):
        raise reading.refuse("issuer-mismatch", "the issuer must be a prefix of the address of its metadata")
    return replace(server, found_by="page")


def _speaks_for(issuer: str, metadata_url: str) -> bool:
    """Return whether a metadata URL may serve this issuer (IndieAuth §3.1; RFC 8414 locations included)."""
    one, other = urlsplit(issuer), urlsplit(metadata_url)
    if (one.scheme, one.netloc) != (other.scheme, other.netloc) or one.query or one.fragment:
        return False
    stem = one.path.rstrip("/") + "/"
    return other.path.startswith(stem) or metadata_url in well_known_urls(issuer)


def _by_endpoints(reading: Reading, links: dict[str, tuple[str, ...]]) -> Server:
    found = {name: links[name][0] for name in (_AUTHORIZATION, _TOKEN) if links[name]}
    if not all(is_server_url(url, reading.settings) for url in found.values()):
        raise reading.refuse("invalid-server-metadata", "an endpoint is an absolute https URL of a public host")
    return Server(metadata=found, found_by="legacy-page", entered=reading.entered)

"""From an identifier to what its host says: which fetch it takes, and which parser its answer goes to."""

from __future__ import annotations

import re

from werkzeug.http import parse_options_header

from ..core.document import parse_document
from ..core.identifier import ClientIdentifier, IdentifierKind
from ..core.metadata import ClientMetadata, Source
from ..core.virtual import virtual_client
from ..errors import AddressBlockedError, FetchError
from ..fetch.fetcher import Fetcher, FetchLog, Response
from ..settings import Settings
from .html import parse_page

_JSON_ONLY = "application/json"
_JSON_OR_PAGE = "application/json, application/*+json;q=0.9, text/html;q=0.5"
#: With the characters of RFC 6838 §4.2 alone: a media type is also shown to people.
_JSON = re.compile(r"application/(?:[a-z0-9][a-z0-9!#$&^_.+-]*\+)?json")
_PAGE_TYPES = frozenset({"text/html", "application/xhtml+xml"})


class Reader:
    """Fetches and parses under one app's settings."""

    def __init__(self, settings: Settings, fetcher: Fetcher) -> None:
        self._settings = settings
        self._fetcher = fetcher

    def fetch(self, identifier: ClientIdentifier, *, log: FetchLog | None = None) -> Response:
        """GET what an identifier names, under guard, whatever any store holds.

        Raises:
            FetchError: or a child.
        """
        accept = _JSON_OR_PAGE if self._settings.indieauth_fallback else _JSON_ONLY
        return self._fetcher.fetch(
            identifier.fetch_url,
            accept=accept,
            max_size_for=self._max_size_for,
            max_size_after_redirect=self._max_page_size if self._settings.follow_page_redirects else None,
            log=log,
        )

    def may_continue_without(self, error: FetchError, log: FetchLog) -> bool:
        """IndieAuth §10.1: without its description a client is still one; what calls itself JSON is never excused."""
        if not self._settings.continue_without_client_info:
            return False
        media_type, _ = parse_options_header(log.headers.get("content-type"))
        return not isinstance(error, AddressBlockedError) and not self.is_document(media_type.strip().lower())

    def _max_size_for(self, media_type: str) -> int:
        if self.is_document(media_type):
            return self._settings.max_document_size
        return self._max_page_size(media_type) if self._settings.indieauth_fallback else 0

    def is_document(self, media_type: str) -> bool:
        """Say whether an answer of this media type is read as a JSON document."""
        return is_json(media_type) or (self._settings.lenient_media_type and media_type == "text/plain")

    def _max_page_size(self, media_type: str) -> int:
        return self._settings.max_html_size if media_type in _PAGE_TYPES else 0

    def read(self, identifier: ClientIdentifier, response: Response | None) -> ClientMetadata:
        """Return what an answer says about the client; without an answer, what its identifier says.

        Raises:
            DocumentError: with every broken rule.
            IdentifierError: a virtual client describes itself in a way that is not allowed.
        """
        if identifier.kind is IdentifierKind.VIRTUAL:
            return virtual_client(identifier)
        if response is None:
            # IndieAuth §4.2: a client on loopback "MUST NOT" be fetched; it publishes nothing.
            return nothing_published(identifier, "loopback")
        # What the fetch returned decides: a bad JSON document is never tried as a page.
        if self.is_document(response.media_type):
            rules = self._settings.document_rules
            return parse_document(response.body, identifier, rules, media_type=response.media_type)
        return parse_page(
            response.body,
            identifier=identifier,
            final_url=response.url,
            link_headers=response.link_headers,
            charset=response.charset,
            rules=self._settings.document_rules,
        )


def nothing_published(identifier: ClientIdentifier, source: Source) -> ClientMetadata:
    """Return a client of which nothing but its address is known."""
    return ClientMetadata(
        identifier=identifier,
        source=source,
        publishes_redirects=False,
        grant_types=("authorization_code", "refresh_token"),
    )


def is_json(media_type: str) -> bool:
    """Say whether a media type is ``application/json`` or ``application/<something>+json`` (CIMD §4)."""
    return _JSON.fullmatch(media_type) is not None

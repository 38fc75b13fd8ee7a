"""Load validated metadata for an identifier: one guarded fetch, and the parser for its media type."""

from __future__ import annotations

import logging
import re
import time
from dataclasses import dataclass
from typing import Literal

from werkzeug.http import parse_options_header

from .. import signals
from ..core import freshness
from ..core.clock import Clock
from ..core.display import safe_for_log
from ..core.document import ignored_members, parse_document
from ..core.identifier import ClientIdentifier, IdentifierKind
from ..core.metadata import ClientMetadata, Source
from ..core.redirects import ACCEPTED_WITH
from ..core.virtual import virtual_client
from ..errors import AddressBlockedError, DocumentError, FetchError
from ..fetch.fetcher import Fetcher, FetchLog, Response
from ..fetch.limits import FetchBudget
from ..settings import Settings
from .admission import Admission
from .pins import stands_in

logger = logging.getLogger(__name__)

#: The source of a client.
Origin = Literal["store", "fetch", "shared", "pin", "unread", "built-in"]

_JSON_ONLY = "application/json"
_JSON_OR_PAGE = "application/json, application/*+json;q=0.9, text/html;q=0.5"
#: Only the characters of RFC 6838 §4.2, because pages show the media type.
_JSON = re.compile(r"application/(?:[a-z0-9][a-z0-9!#$&^_.+-]*\+)?json")
_PAGE_TYPES = frozenset({"text/html", "application/xhtml+xml"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A client with its source and lifetime.

    Attributes:
        lifetime: lifetime in the store, in seconds; ``None`` forbids storing.
    """

    metadata: ClientMetadata
    origin: Origin
    lifetime: float | None


class ClientLoader:
    """Loads clients of one app from their hosts; does not use the store of clients.

    Args:
        settings: sizes, media types and document rules.
        fetcher: makes the guarded request.
        budget: checked once per fetch.
        admission: source of pinned copies.
        clock: returns the current time as an aware `datetime`.
        notify: sends ``fetch_failed`` and ``pin_differs``.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        fetcher: Fetcher,
        budget: FetchBudget,
        admission: Admission,
        clock: Clock,
        notify: signals.Notify,
    ) -> None:
        self._settings = settings
        self._fetcher = fetcher
        self._budget = budget
        self._admission = admission
        self._clock = clock
        self._notify = notify

    def load(self, identifier: ClientIdentifier) -> Loaded:
        """Fetch and validate a client; a pinned copy may replace the document of an unreachable host.

        Raises:
            FetchError: the fetch failed; often a subclass.
            DocumentError: the document or page breaks a rule.
        """
        with self._budget.for_document(identifier):
            started, log = time.monotonic(), FetchLog()
            try:
                response = self.fetch(identifier, log=log)
                metadata = self.read(identifier, response)
            except FetchError as error:
                error.host = identifier.display_host
                self._report(error, started)
                return self._without_response(identifier, error, log)
            except DocumentError as error:
                self._budget.note_failure(identifier, error)
                raise
        self._log_what_is_left_out(identifier, response)
        self._compare_with_pin(metadata)
        lifetime = freshness.lifetime(response.headers, self._settings.bounds, self._clock())
        return Loaded(metadata=metadata, origin="fetch", lifetime=lifetime.seconds if lifetime.storable else None)

    def fetch(self, identifier: ClientIdentifier, *, log: FetchLog | None = None) -> Response:
        """GET a client's document or page without a store and without a budget.

        Raises:
            FetchError: the fetch failed; often a subclass.
        """
        return self._fetcher.fetch(
            identifier.fetch_url,
            accept=_JSON_OR_PAGE if self._settings.indieauth else _JSON_ONLY,
            max_size_for=self._max_size_for,
            max_size_after_redirect=self._max_page_size if self._settings.profile.follow_page_redirects else None,
            log=log,
            document_host=identifier.host,
        )

    def read(self, identifier: ClientIdentifier, response: Response | None) -> ClientMetadata:
        """Return the metadata in a response; without a response, the metadata that the identifier itself implies.

        Raises:
            DocumentError: the document is invalid; ``problems`` lists every broken rule.
            IdentifierError: the parameters of a virtual client are not allowed.
        """
        if identifier.kind is IdentifierKind.VIRTUAL:
            return virtual_client(identifier)
        if response is None:
            # IndieAuth §4.2: a client on loopback "MUST NOT" be fetched; it publishes nothing.
            return _nothing_published(identifier, "loopback")
        # Only the media type selects the parser: an invalid JSON document is never parsed as a page.
        if self._is_document(response.media_type):
            rules = self._settings.document_rules
            return parse_document(response.json_body, identifier, rules, media_type=response.media_type)
        from .html import parse_page  # import the parsers only for a page

        return parse_page(
            response.body,
            identifier=identifier,
            final_url=response.url,
            link_headers=response.link_headers,
            charset=response.charset,
            rules=self._settings.document_rules,
        )

    # -- failures and pinned copies -------------------------------------------------------------------------------

    def _without_response(self, identifier: ClientIdentifier, error: FetchError, log: FetchLog) -> Loaded:
        pinned = self._pinned(identifier) if stands_in(error, log.status) else None
        if pinned is not None:
            logger.warning("%s: a pinned copy stands in (%s)", error.host, error.slug)
            # The minimum lifetime keeps later requests from waiting for the unreachable host.
            return Loaded(metadata=pinned, origin="pin", lifetime=self._settings.bounds.minimum.total_seconds())
        if self._may_continue_without(error, log):
            return Loaded(metadata=_nothing_published(identifier, "unread"), origin="unread", lifetime=None)
        self._budget.note_failure(identifier, error)
        raise error

    def _may_continue_without(self, error: FetchError, log: FetchLog) -> bool:
        """Return whether a client without a page is usable (IndieAuth §10.1); an invalid JSON document never is."""
        if not self._settings.continue_without_client_info:
            return False
        media_type, _ = parse_options_header(log.headers.get("content-type"))
        return not isinstance(error, AddressBlockedError) and not self._is_document(media_type.strip().lower())

    def _pinned(self, identifier: ClientIdentifier) -> ClientMetadata | None:
        pin = self._admission.pin(identifier.raw)
        if pin is None:
            return None
        try:
            return self.read(identifier, pin.as_response(identifier.fetch_url))
        except DocumentError as error:  # the rules are stricter than at the time of pinning
            logger.warning("%s: its pinned copy is not valid: %s", identifier.display_host, safe_for_log(error.hint))
            return None

    def _log_what_is_left_out(self, identifier: ClientIdentifier, response: Response) -> None:
        if not logger.isEnabledFor(logging.INFO) or not self._is_document(response.media_type):
            return
        found = ignored_members(response.json_body, identifier, self._settings.document_rules)
        texts = (f"{one.pointer} {one.rule}: {ACCEPTED_WITH.get(one.rule, one.message)}" for one in found)
        if text := "; ".join(texts):
            logger.info("%s: left out: %s", identifier.display_host, safe_for_log(text))

    def _compare_with_pin(self, live: ClientMetadata) -> None:
        """Notify the operator if the live document differs from the pinned copy."""
        pinned = self._pinned(live.identifier)
        if pinned is not None and pinned.fingerprint != live.fingerprint:
            logger.warning("%s: the live document differs from the pinned copy", live.identifier.display_host)
            self._notify(signals.pin_differs, pinned=pinned, live=live)

    def _report(self, error: FetchError, started: float) -> None:
        self._notify(
            signals.fetch_failed,
            error=error,
            slug=error.slug,
            host=error.host,
            phase=error.phase,
            duration=time.monotonic() - started,
        )

    # -- media types ----------------------------------------------------------------------------------------------

    def _is_document(self, media_type: str) -> bool:
        return is_json(media_type) or (self._settings.profile.lenient_media_type and media_type == "text/plain")

    def _max_size_for(self, media_type: str) -> int:
        if self._is_document(media_type):
            return self._settings.max_document_size
        return self._max_page_size(media_type) if self._settings.indieauth else 0

    def _max_page_size(self, media_type: str) -> int:
        return self._settings.max_html_size if media_type in _PAGE_TYPES else 0


def _nothing_published(identifier: ClientIdentifier, source: Source) -> ClientMetadata:
    """Return the metadata of a client of which only the identifier is known."""
    return ClientMetadata(
        identifier=identifier,
        source=source,
        publishes_redirects=False,
        grant_types=("authorization_code", "refresh_token"),
    )


def is_json(media_type: str) -> bool:
    """Return whether a media type is ``application/json`` or ``application/<something>+json`` (CIMD §4)."""
    return _JSON.fullmatch(media_type) is not None

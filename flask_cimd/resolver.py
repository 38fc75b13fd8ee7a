"""From a raw ``client_id`` to validated metadata: the only place where decisions meet I/O.

The order is fixed: syntax, policy, store, one flight, fetch, parse, store, policy on use. Whatever fails early
costs no network; whatever fails late is not stored.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from blinker import Signal
from werkzeug.http import parse_options_header

from . import signals
from .backoff import Backoff
from .core import freshness
from .core.display import safe_for_log
from .core.document import parse_document
from .core.happ import parse_page
from .core.identifier import ClientIdentifier, IdentifierKind, parse_identifier
from .core.loopback import for_scope, virtual_client
from .core.metadata import ClientMetadata, Source
from .errors import (
    AddressBlockedError,
    CIMDError,
    DocumentError,
    FetchError,
    GoneError,
    IdentifierError,
    PolicyDeniedError,
    Problem,
)
from .fetcher import Fetcher, FetchLog, Response
from .flights import Flights
from .leases import SharedFlights
from .settings import Settings
from .stores import STORE_TROUBLE, ClientStore, Entry

logger = logging.getLogger(__name__)

Clock = Callable[[], datetime]
FetchHook = Callable[[ClientIdentifier], bool]
ClientHook = Callable[[ClientMetadata], bool]

#: Seconds for reading and keeping a document, on top of the fetch's deadline.
_LEASE_MARGIN = 2
_JSON_ONLY = "application/json"
_JSON_OR_PAGE = "application/json, application/*+json;q=0.9, text/html;q=0.5"
_PAGE_TYPES = frozenset({"text/html", "application/xhtml+xml"})


class Notify(Protocol):
    """Sends a signal about a client."""

    def __call__(self, signal: Signal, **values: object) -> None:
        """Send ``signal`` with these values."""


def utc_now() -> datetime:
    """Return the current instant, aware."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks:
    """The app's own rules: before the network, and on every use."""

    allow_fetch: Iterable[FetchHook]
    allow_client: Iterable[ClientHook]


class Resolver:
    """Turns identifiers into clients for one app."""

    def __init__(
        self, *, settings: Settings, store: ClientStore, hooks: Hooks, notify: Notify, clock: Clock = utc_now
    ) -> None:
        self.settings = settings
        self.store = store
        self.clock = clock
        self._hooks = hooks
        self.notify = notify
        self._backoff = Backoff(settings.failure_backoff, clock)
        self._rules = settings.document_rules.digest
        self.fetcher = Fetcher(settings.fetch)
        self._shared_flights = self._open_shared_flights()
        patience = self._shared_flights.patience if self._shared_flights else 0
        self.flights = Flights(settings.max_fetches, patience=patience + settings.fetch.timeout + 1)

    def _open_shared_flights(self) -> SharedFlights | None:
        if self.store.leases is None:
            return None
        timeout = self.settings.fetch.timeout
        lifetime = timeout + _LEASE_MARGIN
        # Long enough to outlive one killed leader and to see the next one's fetch end.
        return SharedFlights(
            self.store.leases,
            lifetime=timedelta(seconds=lifetime),
            patience=lifetime + timeout + 1,
            clock=self.clock,
        )

    def resolve(self, raw: str) -> ClientMetadata:
        """Return the validated client behind an identifier.

        Raises:
            CIMDError: one child per outcome; nothing was stored.
        """
        with self._reporting(raw):
            metadata = self._metadata(self._identify(raw))
            self.check_use(metadata)
            return metadata

    def for_scope(self, metadata: ClientMetadata, scope: str | None) -> ClientMetadata:
        """Return the client as this scope makes it: bare ``http://localhost`` is a virtual one only for ``atproto``.

        Raises:
            IdentifierError: it is no client with this scope.
        """
        with self._reporting(metadata.client_id):
            return for_scope(metadata, scope, self.settings.identifier_rules)

    def check(self, raw: str) -> None:
        """Raise a `CIMDError` if the identifier's syntax or the policy rules the client out; no network."""
        with self._reporting(raw):
            self._identify(raw)

    def _identify(self, raw: str) -> ClientIdentifier:
        identifier = parse_identifier(raw, self.settings.identifier_rules)
        self.settings.policy.require(identifier)
        return identifier

    @contextmanager
    def _reporting(self, raw: str) -> Iterator[None]:
        try:
            yield
        except CIMDError as error:
            error.client_id = raw
            if not isinstance(error, IdentifierError):
                error.host = parse_identifier(raw, self.settings.identifier_rules).display_host
            logger.info("client refused: %s (%s)", error.slug, safe_for_log(error.hint or error.client_id))
            self.notify(signals.client_rejected, error=error)
            raise

    def restore(self, raw: str, snapshot: str) -> ClientMetadata:
        """Return the client that `ClientMetadata.to_json` kept, without the network; policy runs as on every use.

        Raises:
            CIMDError: the identifier, the snapshot or the client is no longer acceptable.
        """
        with self._reporting(raw):
            try:
                metadata = ClientMetadata.from_json(self._identify(raw), snapshot)
            except ValueError as exc:
                raise DocumentError(raw, (Problem("", "unreadable-snapshot", "ask for consent again"),)) from exc
            self.check_use(metadata)
            return metadata

    def _metadata(self, identifier: ClientIdentifier) -> ClientMetadata:
        if identifier.is_built_in:
            return self.read(identifier, None)
        entry = self._stored(identifier)
        if entry is not None and entry.is_fresh(self.clock()):
            return entry.metadata
        if not all(hook(identifier) for hook in self._hooks.allow_fetch):
            raise PolicyDeniedError("fetch-refused", identifier.raw, hint="an allow_fetch hook said no")
        self._backoff.check(identifier)
        return self.flights.run(identifier.raw, lambda: self._refresh(identifier))

    def stale_copy(self, raw: str, failure: CIMDError) -> ClientMetadata | None:
        """Return a copy that may stand in for existing grants after a refetch failed, never for a new consent (C-64).

        Args:
            failure: how the refetch ended; one that says more than *not now* leaves nothing to stand in.
        """
        if not isinstance(failure, FetchError | DocumentError) or isinstance(failure, GoneError):
            return None
        identifier = self._identify(raw)
        entry = self._stored(identifier)
        if entry is None or self.clock() >= entry.expires_at + self.settings.stale_max:
            return None
        self.check_use(entry.metadata)
        logger.warning("a client of %s is served stale: %s", identifier.display_host, failure.slug)
        return entry.metadata

    def _refresh(self, identifier: ClientIdentifier) -> ClientMetadata:
        if self._shared_flights is None:
            return self._fetch_unless_fresh(identifier)[0]

        def stored() -> ClientMetadata | None:
            entry = self._stored(identifier)
            return entry.metadata if entry else None

        return self._shared_flights.run(identifier.raw, lambda: self._fetch_unless_fresh(identifier), stored)

    def _fetch_unless_fresh(self, identifier: ClientIdentifier) -> tuple[ClientMetadata, bool]:
        """Return the client and whether the store keeps it."""
        before = self._stored(identifier)  # again: an earlier flight may have landed since the first look
        if before is not None and before.is_fresh(self.clock()):
            return before.metadata, True
        started, log = time.monotonic(), FetchLog()
        try:
            response = self.fetch(identifier, log=log)
            metadata = self.read(identifier, response)
        except FetchError as error:
            seconds = time.monotonic() - started
            self.notify(signals.fetch_failed, error=error, host=identifier.display_host, duration=seconds)
            if self._may_continue_without(error, log):
                return _nothing_published(identifier, "unread"), False
            self._backoff.note(identifier, error)
            if isinstance(error, GoneError):
                self._forget(identifier)
            raise
        except DocumentError as error:
            self._backoff.note(identifier, error)
            raise
        is_stored = self._remember(metadata, response)
        if before is not None and before.metadata.fingerprint != metadata.fingerprint:
            self.notify(signals.client_changed, before=before.metadata, after=metadata)
        self.notify(signals.client_resolved, client=metadata, duration=time.monotonic() - started)
        return metadata, is_stored

    def fetch(self, identifier: ClientIdentifier, *, log: FetchLog | None = None) -> Response:
        """GET what an identifier names, under guard, whatever the store holds.

        Raises:
            FetchError: or a child.
        """
        accept = _JSON_OR_PAGE if self.settings.indieauth_fallback else _JSON_ONLY
        return self.fetcher.fetch(
            identifier.fetch_url,
            accept=accept,
            max_size_for=self._max_size_for,
            max_size_after_redirect=self._max_page_size if self.settings.follow_page_redirects else None,
            log=log,
        )

    def _may_continue_without(self, error: FetchError, log: FetchLog) -> bool:
        """IndieAuth §10.1: without its description a client is still one; what calls itself JSON is never excused."""
        if not self.settings.continue_without_client_info:
            return False
        media_type, _ = parse_options_header(log.headers.get("content-type"))
        return not isinstance(error, AddressBlockedError) and not self.is_document(media_type.strip().lower())

    def _max_size_for(self, media_type: str) -> int:
        if self.is_document(media_type):
            return self.settings.max_document_size
        return self._max_page_size(media_type) if self.settings.indieauth_fallback else 0

    def is_document(self, media_type: str) -> bool:
        """Say whether an answer of this media type is read as a JSON document."""
        return is_json(media_type) or (self.settings.lenient_media_type and media_type == "text/plain")

    def _max_page_size(self, media_type: str) -> int:
        return self.settings.max_html_size if media_type in _PAGE_TYPES else 0

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
            return _nothing_published(identifier, "loopback")
        # What the fetch returned decides: a bad JSON document is never tried as a page.
        if self.is_document(response.media_type):
            rules = self.settings.document_rules
            return parse_document(response.body, identifier, rules, media_type=response.media_type)
        return parse_page(
            response.body,
            identifier=identifier,
            final_url=response.url,
            link_headers=response.link_headers,
            charset=response.charset,
            rules=self.settings.document_rules,
        )

    def _remember(self, metadata: ClientMetadata, response: Response) -> bool:
        now = self.clock()
        lifetime = freshness.lifetime(response.headers, self.settings.bounds, now)
        if not lifetime.storable:
            return False
        expires_at = now + timedelta(seconds=lifetime.seconds)
        try:
            self.store.put(Entry(metadata=metadata, fetched_at=now, expires_at=expires_at))
        except STORE_TROUBLE as exc:
            logger.warning("the store cannot keep a client: %s", type(exc).__name__)
            return False
        return True

    def _stored(self, identifier: ClientIdentifier) -> Entry | None:
        """Return the entry, fresh or not; one that was validated under other rules is dropped."""
        try:
            entry = self.store.get(identifier)
        except STORE_TROUBLE as exc:  # trouble with the store must not end sign-ins
            logger.warning("the store cannot be read: %s", type(exc).__name__)
            return None
        if entry is not None and entry.metadata.rules not in ("", self._rules):
            self._forget(identifier)
            return None
        return entry

    def _forget(self, identifier: ClientIdentifier) -> None:
        try:
            self.store.delete(identifier.raw)
        except STORE_TROUBLE as exc:
            logger.warning("the store cannot forget a client: %s", type(exc).__name__)

    def expiry_of(self, metadata: ClientMetadata) -> datetime | None:
        """Return until when the stored description is fresh; ``None`` if none is stored."""
        entry = self._stored(metadata.identifier)
        return entry.expires_at if entry is not None else None

    def check_use(self, metadata: ClientMetadata) -> None:
        """Raise `PolicyDeniedError` if a rule of the app says no to this client."""
        for hook in self._hooks.allow_client:
            if not hook(metadata):
                raise PolicyDeniedError("client-refused", metadata.client_id, hint="an allow_client hook said no")


def _nothing_published(identifier: ClientIdentifier, source: Source) -> ClientMetadata:
    return ClientMetadata(
        identifier=identifier,
        source=source,
        publishes_redirects=False,
        grant_types=("authorization_code", "refresh_token"),
    )


def is_json(media_type: str) -> bool:
    """Say whether a media type is ``application/json`` or ``application/<something>+json`` (CIMD §4)."""
    kind, _, subtype = media_type.partition("/")
    return kind == "application" and (subtype == "json" or (subtype.endswith("+json") and subtype != "+json"))

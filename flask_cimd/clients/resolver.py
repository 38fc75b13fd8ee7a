"""From a raw ``client_id`` to validated metadata: the only place where decisions meet I/O.

The order is fixed: syntax, policy, store, one flight, fetch, parse, store, policy on use. Whatever fails early
costs no network; whatever fails late is not stored.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal, Protocol

from blinker import Signal

from .. import signals
from ..core import freshness
from ..core.clock import Clock, utc_now
from ..core.display import safe_for_log
from ..core.identifier import ClientIdentifier, parse_identifier
from ..core.metadata import ClientMetadata
from ..core.virtual import for_scope
from ..errors import CIMDError, DocumentError, FetchError, GoneError, IdentifierError, PolicyDeniedError
from ..fetch.backoff import Backoff
from ..fetch.coalescing import Flights
from ..fetch.fetcher import Fetcher, FetchLog, Response
from ..fetch.leases import SharedFlights
from ..settings import Settings
from ..stores import ClientCache, ClientStore, Entry
from .admission import Admission
from .loading import Reader, nothing_published
from .pins import stands_in

logger = logging.getLogger(__name__)

FetchHook = Callable[[ClientIdentifier], bool]
ClientHook = Callable[[ClientMetadata], bool]
#: Where a client came from.
Origin = Literal["store", "fetch", "shared", "pin", "unread", "built-in"]
Resolved = tuple[ClientMetadata, Origin]

#: Seconds for reading and keeping a document, on top of the fetch's deadline.
_LEASE_MARGIN = 2


class Notify(Protocol):
    """Sends a signal about a client."""

    def __call__(self, signal: Signal, **values: object) -> None:
        """Send ``signal`` with these values."""


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
        self.admission = Admission(settings.policy, store.records)
        self.site_limits = settings.site_limits()
        self.linked_limits = settings.site_limits()
        self._hooks = hooks
        self.notify = notify
        self._backoff = Backoff(settings.failure_backoff, clock)
        self.cache = ClientCache(store, settings.document_rules.digest)
        self.fetcher = Fetcher(settings.fetch)
        self._reader = Reader(settings, self.fetcher)
        self._shared_flights = self._open_shared_flights()
        patience = self._shared_flights.patience if self._shared_flights else 0
        self.flights = Flights(settings.max_fetches, patience=patience + settings.fetch.timeout + 1)

    def _open_shared_flights(self) -> SharedFlights | None:
        if self.cache.leases is None:
            return None
        timeout = self.settings.fetch.timeout
        lifetime = timeout + _LEASE_MARGIN
        # Long enough to outlive one killed leader and to see the next one's fetch end.
        return SharedFlights(
            self.cache.leases,
            lifetime=timedelta(seconds=lifetime),
            patience=lifetime + timeout + 1,
            clock=self.clock,
        )

    def resolve(self, raw: str) -> ClientMetadata:
        """Return the validated client behind an identifier.

        Raises:
            CIMDError: one child per outcome; nothing was stored.
        """
        started = time.monotonic()
        with self._reporting(raw):
            metadata, origin = self._metadata(self.identify(raw))
            self.check_use(metadata)
        if signals.client_resolved.receivers:
            host, seconds = metadata.identifier.display_host, time.monotonic() - started
            self.notify(signals.client_resolved, client=metadata, host=host, origin=origin, duration=seconds)
        return metadata

    def for_scope(self, metadata: ClientMetadata, scope: str | None) -> ClientMetadata:
        """Return the client as this scope makes it: bare ``http://localhost`` is a virtual one only for ``atproto``.

        Raises:
            IdentifierError: it is no client with this scope.
        """
        with self._reporting(metadata.client_id):
            return for_scope(metadata, scope, self.settings.identifier_rules)

    def refresh(self, raw: str) -> ClientMetadata:
        """Fetch a client now, however fresh the stored copy is; if that fails, the copy stays.

        Raises:
            CIMDError: as `resolve`.
        """
        with self._reporting(raw):
            identifier = self.identify(raw)
            return self._fetch_and_keep(identifier, self.cache.get(identifier))[0][0]

    def check(self, raw: str) -> None:
        """Raise a `CIMDError` if the identifier's syntax or the policy rules the client out; no network."""
        with self._reporting(raw):
            self.identify(raw)

    def identify(self, raw: str) -> ClientIdentifier:
        """Return the typed identifier if its syntax and the policy let it pass.

        Raises:
            CIMDError: `IdentifierError` or `PolicyDeniedError`.
        """
        identifier = parse_identifier(raw, self.settings.identifier_rules)
        self.admission.require(identifier)
        return identifier

    @contextmanager
    def _reporting(self, raw: str, identifier: ClientIdentifier | None = None) -> Iterator[None]:
        started = time.monotonic()
        try:
            yield
        except CIMDError as error:
            error.client_id = raw
            if not isinstance(error, IdentifierError):
                error.host = (identifier or parse_identifier(raw, self.settings.identifier_rules)).display_host
            logger.info("client refused: %s (%s)", error.slug, safe_for_log(error.hint or error.client_id))
            self._report(signals.client_rejected, error, started)
            raise

    def readmit(self, metadata: ClientMetadata) -> ClientMetadata:
        """Return metadata seen earlier if today's policy still admits the client; makes no fetch.

        Applies the identifier rules, the operator's rules and the ``allow_client`` hooks.

        Raises:
            CIMDError: `IdentifierError` or `PolicyDeniedError`.
        """
        with self._reporting(metadata.client_id, metadata.identifier):
            if metadata.source == "registered":  # its identifier is no URL
                self.admission.require(metadata.identifier)
                known = metadata
            else:
                known = replace(metadata, identifier=self.identify(metadata.client_id))
            self.check_use(known)
            return known

    def _report(self, signal: Signal, error: CIMDError, started: float) -> None:
        phase = error.phase if isinstance(error, FetchError) else ""
        seconds = time.monotonic() - started
        self.notify(signal, error=error, slug=error.slug, host=error.host, phase=phase, duration=seconds)

    def _metadata(self, identifier: ClientIdentifier) -> Resolved:
        if identifier.is_built_in:
            return self.read(identifier, None), "built-in"
        entry = self.cache.get(identifier)
        if entry is not None and entry.is_fresh(self.clock()):
            return entry.metadata, "store"
        if not all(hook(identifier) for hook in self._hooks.allow_fetch):
            raise PolicyDeniedError("fetch-refused", identifier.raw, hint="an allow_fetch hook said no")
        self._backoff.check(identifier)
        own: list[Resolved] = []

        def lead() -> ClientMetadata:
            own.append(self._refresh(identifier))
            return own[0][0]

        metadata = self.flights.run(identifier.raw, lead)
        return own[0] if own else (metadata, "shared")

    def stale_copy(self, raw: str, failure: CIMDError) -> ClientMetadata | None:
        """Return a copy that may stand in for existing grants after a refetch failed, never for a new consent (C-64).

        Args:
            failure: how the refetch ended; one that says more than *not now* leaves nothing to stand in.
        """
        if not isinstance(failure, FetchError | DocumentError) or isinstance(failure, GoneError):
            return None
        identifier = self.identify(raw)
        entry = self.cache.get(identifier)
        if entry is None or self.clock() >= entry.expires_at + self.settings.stale_max:
            return None
        self.check_use(entry.metadata)
        logger.warning("a client of %s is served stale: %s", identifier.display_host, failure.slug)
        return entry.metadata

    def _refresh(self, identifier: ClientIdentifier) -> Resolved:
        if self._shared_flights is None:
            return self._fetch_unless_fresh(identifier)[0]

        def stored() -> Resolved | None:
            entry = self.cache.get(identifier)
            return (entry.metadata, "shared") if entry else None

        return self._shared_flights.run(identifier.raw, lambda: self._fetch_unless_fresh(identifier), stored)

    def _fetch_unless_fresh(self, identifier: ClientIdentifier) -> tuple[Resolved, bool]:
        """Return the client and whether the store keeps it."""
        before = self.cache.get(identifier)  # again: an earlier flight may have landed since the first look
        if before is not None and before.is_fresh(self.clock()):
            return (before.metadata, "store"), True
        return self._fetch_and_keep(identifier, before)

    def _fetch_and_keep(self, identifier: ClientIdentifier, before: Entry | None) -> tuple[Resolved, bool]:
        self.site_limits.count(identifier.host, identifier.raw)
        started, log = time.monotonic(), FetchLog()
        try:
            response = self.fetch(identifier, log=log)
            metadata = self.read(identifier, response)
        except FetchError as error:
            error.host = identifier.display_host
            self._report(signals.fetch_failed, error, started)
            if pinned := self._pinned_instead(identifier, error, log):
                return pinned
            if self._reader.may_continue_without(error, log):
                return (nothing_published(identifier, "unread"), "unread"), False
            self._backoff.note(identifier, error)
            if isinstance(error, GoneError):
                self.cache.delete(identifier.raw)
            raise
        except DocumentError as error:
            self._backoff.note(identifier, error)
            raise
        is_stored = self._remember(metadata, response)
        if before is not None and before.metadata.fingerprint != metadata.fingerprint:
            self.notify(signals.client_changed, before=before.metadata, after=metadata)
        self._compare_with_pin(metadata)
        return (metadata, "fetch"), is_stored

    def _pinned_instead(
        self, identifier: ClientIdentifier, error: FetchError, log: FetchLog
    ) -> tuple[Resolved, bool] | None:
        pinned = self._pinned(identifier) if stands_in(error, log.status) else None
        if pinned is None:
            return None
        logger.warning("%s: a pinned copy stands in (%s)", error.host, error.slug)
        return (pinned, "pin"), self._keep(pinned, self.settings.bounds.minimum.total_seconds())

    def _pinned(self, identifier: ClientIdentifier) -> ClientMetadata | None:
        pin = self.admission.pin(identifier.raw)
        if pin is None:
            return None
        try:
            return self.read(identifier, pin.as_response(identifier.fetch_url))
        except DocumentError as error:  # the rules became stricter since
            logger.warning("%s: its pinned copy is not valid: %s", identifier.display_host, safe_for_log(error.hint))
            return None

    def _compare_with_pin(self, live: ClientMetadata) -> None:
        """Tell the operator when a host that was pinned says something else now (a pin must not hide a change)."""
        pinned = self._pinned(live.identifier)
        if pinned is not None and pinned.fingerprint != live.fingerprint:
            logger.warning("%s: the live document differs from the pinned copy", live.identifier.display_host)
            self.notify(signals.pin_differs, pinned=pinned, live=live)

    def fetch(self, identifier: ClientIdentifier, *, log: FetchLog | None = None) -> Response:
        """GET what an identifier names, as `Reader.fetch`, whatever the store holds."""
        return self._reader.fetch(identifier, log=log)

    def read(self, identifier: ClientIdentifier, response: Response | None) -> ClientMetadata:
        """Return what an answer says about the client, as `Reader.read`."""
        return self._reader.read(identifier, response)

    def is_document(self, media_type: str) -> bool:
        """Say whether an answer of this media type is read as a JSON document, as `Reader.is_document`."""
        return self._reader.is_document(media_type)

    def _remember(self, metadata: ClientMetadata, response: Response) -> bool:
        lifetime = freshness.lifetime(response.headers, self.settings.bounds, self.clock())
        return lifetime.storable and self._keep(metadata, lifetime.seconds)

    def _keep(self, metadata: ClientMetadata, seconds: float) -> bool:
        now = self.clock()
        return self.cache.put(Entry(metadata=metadata, fetched_at=now, expires_at=now + timedelta(seconds=seconds)))

    def expiry_of(self, metadata: ClientMetadata) -> datetime | None:
        """Return until when the stored description is fresh; ``None`` if none is stored."""
        entry = self.cache.get(metadata.identifier)
        return entry.expires_at if entry is not None else None

    def check_use(self, metadata: ClientMetadata) -> None:
        """Raise `PolicyDeniedError` if a rule of the app says no to this client."""
        for hook in self._hooks.allow_client:
            if not hook(metadata):
                raise PolicyDeniedError("client-refused", metadata.client_id, hint="an allow_client hook said no")

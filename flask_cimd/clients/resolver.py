"""Resolution of a raw ``client_id`` to validated metadata: the pipeline of every sign-in.

The order is fixed: identifier syntax, operator's policy, stored copy, ``allow_fetch``, one coalesced fetch, parser,
store, ``allow_client``. An early failure makes no fetch; a fetch or parser failure stores nothing.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

from werkzeug.exceptions import HTTPException

from .. import signals
from ..core.app_hooks import call_hook
from ..core.clock import Clock, utc_now
from ..core.display import safe_for_log
from ..core.identifier import ClientIdentifier, parse_identifier
from ..core.metadata import ClientMetadata
from ..core.virtual import for_scope
from ..errors import CIMDError, DocumentError, FetchError, GoneError, IdentifierError, PolicyDeniedError
from ..fetch.coalescing import Coalescing
from ..settings import Settings
from ..stores import ClientStore, Entry, MemoryStore
from .loading import ClientLoader, Origin
from .parts import ClientParts, assemble, run_with_reserve
from .pins import Pin
from .stores import MEMORY_SIZE

logger = logging.getLogger(__name__)

#: Errors that an app's hook raises to end the request deliberately.
ANSWERS = (CIMDError, HTTPException)

FetchHook = Callable[[ClientIdentifier], bool]
ClientHook = Callable[[ClientMetadata], bool]
_Resolved = tuple[ClientMetadata, Origin]


def look_up_registered(lookup: Callable[[str], Any], client_id: str) -> Any:
    """Return the client that the app registered under this string, or ``None``.

    Raises:
        HookError: the app's look-up failed.
    """
    return call_hook("registered", partial(lookup, client_id), ANSWERS)


class ClientResolver:
    """Resolves client identifiers to clients; needs no Flask app.

    Args:
        settings: settings from `Settings.from_config`.
        store: store of clients; defaults to a new `MemoryStore`.
        allow_fetch: hooks that run before a fetch; a hook that returns ``False`` refuses the fetch.
        allow_client: hooks that run on every use, stored or fetched; a hook that returns ``False`` refuses the client.
        notify: sends the signals of `flask_cimd.signals`; by default sends none.
        clock: returns the current time as an aware `datetime`.
        parts: assembled parts; they replace ``settings``, ``store``, ``notify`` and ``clock``.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        store: ClientStore | None = None,
        allow_fetch: Iterable[FetchHook] = (),
        allow_client: Iterable[ClientHook] = (),
        notify: signals.Notify = signals.send_none,
        clock: Clock = utc_now,
        parts: ClientParts | None = None,
    ) -> None:
        if parts is None:
            kept = MemoryStore(settings.cache_size or MEMORY_SIZE) if store is None else store
            parts = assemble(settings, kept, notify=notify, clock=clock)
        self._settings = settings
        self._allow_fetch = allow_fetch
        self._allow_client = allow_client
        self._admission = parts.admission
        self._cache = parts.cache
        self._loader = parts.loader
        self._coalescing = parts.coalescing
        self._shared_coalescing = parts.shared_coalescing
        self._reserve = parts.reserve
        self._notify = parts.notify
        self._clock = parts.clock

    # -- new requests -----------------------------------------------------------------------------------------------

    def resolve(self, client_id: str | ClientIdentifier) -> ClientMetadata:
        """Return the validated metadata for an identifier.

        Args:
            client_id: the raw string, or the identifier from `identify`.

        Raises:
            CIMDError: `IdentifierError`, `FetchError`, `DocumentError` or `PolicyDeniedError`.
        """
        started = time.monotonic()
        identifier = self.identify(client_id) if isinstance(client_id, str) else client_id
        try:
            metadata, origin = self._find(identifier)
            self.check_use(metadata)
        except CIMDError as error:
            self._report(error, identifier.raw, identifier, started)
            raise
        if signals.client_resolved.receivers:
            host, seconds = identifier.display_host, time.monotonic() - started
            self._notify(signals.client_resolved, client=metadata, host=host, origin=origin, duration=seconds)
        return metadata

    def identify(self, client_id: str) -> ClientIdentifier:
        """Return the typed identifier if its syntax is valid and the operator's policy admits it; makes no fetch.

        Raises:
            CIMDError: `IdentifierError` or `PolicyDeniedError`.
        """
        started, identifier = time.monotonic(), None
        try:
            identifier = parse_identifier(client_id, self._settings.identifier_rules)
            self._admission.require(identifier)
        except CIMDError as error:
            self._report(error, client_id, identifier, started)
            raise
        return identifier

    def for_scope(self, metadata: ClientMetadata, scope: str | None) -> ClientMetadata:
        """Return the client for a request with this scope; only bare ``http://localhost`` depends on the scope.

        Raises:
            IdentifierError: the identifier is not valid with this scope.
        """
        started = time.monotonic()
        try:
            return for_scope(metadata, scope, self._settings.identifier_rules)
        except CIMDError as error:
            self._report(error, metadata.client_id, metadata.identifier, started)
            raise

    # -- clients seen earlier ---------------------------------------------------------------------------------------

    def readmit(self, metadata: ClientMetadata, identifier: ClientIdentifier | None = None) -> ClientMetadata:
        """Return the metadata of an earlier request if the current policy admits the client; makes no fetch.

        Applies the identifier rules, the operator's rules and the ``allow_client`` hooks.

        Args:
            metadata: the metadata of the earlier request.
            identifier: the result of `identify` for it, if the caller has it.

        Raises:
            CIMDError: `IdentifierError` or `PolicyDeniedError`.
        """
        started = time.monotonic()
        known = metadata
        if metadata.source != "registered":
            identifier = identifier or self.identify(metadata.client_id)
            known = replace(metadata, identifier=identifier)
        try:
            if metadata.source == "registered":  # its identifier is not a URL; its redirect URIs name the hosts
                self._admission.require(metadata.identifier)
            self.check_use(known)
        except CIMDError as error:
            self._report(error, metadata.client_id, known.identifier, started)
            raise
        return known

    def check_use(self, metadata: ClientMetadata) -> None:
        """Apply the ``allow_client`` hooks.

        Raises:
            PolicyDeniedError: slug ``client-refused``.
            HookError: a hook failed.
        """
        for hook in self._allow_client:
            if not call_hook("allow_client", partial(hook, metadata), ANSWERS):
                raise PolicyDeniedError("client-refused", metadata.client_id, hint="an allow_client hook said no")

    def stale_copy(self, client_id: str, failure: CIMDError) -> ClientMetadata | None:
        """Return the stale copy for existing grants after a failed refetch, or ``None``; never for a new consent.

        Args:
            client_id: the raw string.
            failure: the error of the refetch. Only a failed fetch and an invalid document permit the stale copy; a
                refusal by policy and a 404 or 410 do not.

        Raises:
            PolicyDeniedError: the current policy refuses the client.
        """
        if not isinstance(failure, FetchError | DocumentError) or isinstance(failure, GoneError):
            return None
        identifier = self.identify(client_id)
        entry = self._cache.get(identifier)
        if entry is None or self._clock() >= entry.expires_at + self._settings.stale_max:
            return None
        self.check_use(entry.metadata)
        logger.warning("a client of %s is served stale: %s", identifier.display_host, failure.slug)
        return entry.metadata

    # -- the operator's commands ------------------------------------------------------------------------------------

    def refresh(self, client_id: str) -> ClientMetadata:
        """Fetch a client even if the stored copy is fresh; a failed fetch keeps the copy.

        Raises:
            CIMDError: as `resolve`.
        """
        started, identifier = time.monotonic(), self.identify(client_id)
        try:
            return self._load(identifier, self._cache.get(identifier))[0][0]
        except CIMDError as error:
            self._report(error, client_id, identifier, started)
            raise

    def make_pin(self, client_id: str, written: Pin | None = None) -> Pin:
        """Return a copy for `Admission.set_pin`, after validation with the current rules.

        Args:
            client_id: the client to copy.
            written: a copy that the operator wrote; ``None`` fetches the document.

        Raises:
            CIMDError: the client cannot be fetched, is not valid, or is not admitted.
        """
        identifier = self.identify(client_id)
        found = written.as_response(identifier.fetch_url) if written else self._loader.fetch(identifier)
        self._loader.read(identifier, found)
        return Pin(
            media_type=found.media_type,
            charset=found.charset,
            body=found.body,
            pinned_at=self._clock().timestamp(),
        )

    # -- steps ------------------------------------------------------------------------------------------------------

    def _find(self, identifier: ClientIdentifier) -> _Resolved:
        if identifier.is_built_in:
            return self._loader.read(identifier, None), "built-in"
        entry = self._cache.get(identifier)
        if entry is not None and entry.is_fresh(self._clock()):
            return entry.metadata, "store"
        hooks = self._allow_fetch
        if not all(call_hook("allow_fetch", partial(hook, identifier), ANSWERS) for hook in hooks):
            raise PolicyDeniedError("fetch-refused", identifier.raw, hint="an allow_fetch hook said no")
        return run_with_reserve(
            identifier.raw,
            lambda: self._coalesced(self._coalescing, identifier, lambda: self._lead(identifier)),
            self._reserve,
            lambda parts: self._coalesced(
                parts.coalescing, identifier, lambda: self._load_unless_fresh(identifier, parts.loader)[0]
            ),
        )

    @staticmethod
    def _coalesced(coalescing: Coalescing, identifier: ClientIdentifier, work: Callable[[], _Resolved]) -> _Resolved:
        own: list[_Resolved] = []

        def lead() -> ClientMetadata:
            own.append(work())
            return own[0][0]

        metadata = coalescing.run(identifier.raw, lead)
        return own[0] if own else (metadata, "shared")

    def _lead(self, identifier: ClientIdentifier) -> _Resolved:
        if self._shared_coalescing is None:
            return self._load_unless_fresh(identifier)[0]

        def stored() -> _Resolved | None:
            entry = self._cache.get(identifier)
            return (entry.metadata, "shared") if entry else None

        return self._shared_coalescing.run(identifier.raw, lambda: self._load_unless_fresh(identifier), stored)

    def _load_unless_fresh(
        self, identifier: ClientIdentifier, loader: ClientLoader | None = None
    ) -> tuple[_Resolved, bool]:
        """Return the client and whether the store contains it."""
        before = self._cache.get(identifier)  # read again: another leader may have stored it meanwhile
        if before is not None and before.is_fresh(self._clock()):
            return (before.metadata, "store"), True
        return self._load(identifier, before, loader)

    def _load(
        self, identifier: ClientIdentifier, before: Entry | None, loader: ClientLoader | None = None
    ) -> tuple[_Resolved, bool]:
        try:
            loaded = (loader or self._loader).load(identifier)
        except GoneError:
            self._cache.delete(identifier.raw)
            raise
        is_stored = loaded.lifetime is not None and self._keep(loaded.metadata, loaded.lifetime)
        is_live = loaded.origin == "fetch"
        if is_live and before is not None and before.metadata.fingerprint != loaded.metadata.fingerprint:
            self._notify(signals.client_changed, before=before.metadata, after=loaded.metadata)
        return (loaded.metadata, loaded.origin), is_stored

    def _keep(self, metadata: ClientMetadata, seconds: float) -> bool:
        now = self._clock()
        return self._cache.put(Entry(metadata=metadata, fetched_at=now, expires_at=now + timedelta(seconds=seconds)))

    def _report(self, error: CIMDError, client_id: str, identifier: ClientIdentifier | None, started: float) -> None:
        error.client_id = client_id
        if identifier is not None and not isinstance(error, IdentifierError):
            error.host = identifier.display_host
        logger.info("client refused: %s (%s)", error.slug, safe_for_log(error.hint or error.client_id))
        phase = error.phase if isinstance(error, FetchError) else ""
        seconds = time.monotonic() - started
        self._notify(
            signals.client_rejected, error=error, slug=error.slug, host=error.host, phase=phase, duration=seconds
        )

"""The Flask extension: one object, set up once per app."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakKeyDictionary

from authlib.oauth2 import OAuth2Error
from flask import Blueprint, Flask, current_app, url_for

from .clients import ClientIdentifier, ClientMetadata, ClientStore, Clock, Response, Settings, utc_now
from .clients.admission import Admission
from .clients.app_signals import send_from_app
from .clients.error_page import show_error
from .clients.keys import ClientKeys
from .clients.once import once
from .clients.parts import ClientParts, assemble, assemble_for_strangers, for_requester
from .clients.resolver import ClientHook, ClientResolver, FetchHook, look_up_registered
from .clients.stores import open_store
from .errors import CIMDError
from .oauth.client import URLClient
from .oauth.errors import ClientResolutionError, as_page_error
from .oauth.in_memory import warn_of_memory
from .oauth.server.plain import check_plain_request
from .oauth.short_columns import warn_at_first_request

if TYPE_CHECKING:
    from flask_sqlalchemy import SQLAlchemy

    from .clients.explanation import Explanation
    from .clients.logo import Logos
    from .publish.client import publish

RegisteredLookup = Callable[[str], Any]
FetchHookT = TypeVar("FetchHookT", bound=FetchHook)
ClientHookT = TypeVar("ClientHookT", bound=ClientHook)


@dataclass(frozen=True, slots=True)
class _Finder:
    """The parts that find clients and keys, with the limits of one kind of requester."""

    resolver: ClientResolver
    keys: ClientKeys
    parts: ClientParts


@dataclass(frozen=True, slots=True, kw_only=True)
class _AppState:
    """Everything that `CIMD` keeps for one app."""

    parts: ClientParts
    store: ClientStore
    for_people: _Finder
    for_strangers: _Finder
    logos: Logos | None
    registered: RegisteredLookup | None


class CIMD:
    """Turns a URL ``client_id`` into a client of the app's authorization server.

    Implements `flask_cimd.clients.directory.ClientDirectory` for the current app. Inside one HTTP request, each
    method gives one answer, or one error, for one ``client_id``, so that one request sees one document.

    Args:
        app: set up at once; otherwise call `init_app` in the app factory.
        db: the app's Flask-SQLAlchemy object, needed for ``CIMD_STORE = "sqlalchemy"``.
        registered: the app's own look-up; a client that it returns for a ``client_id`` is used as it is, and nothing
            is ever fetched for it (CIMD §8.2).
        clock: returns the current time as an aware `datetime`; tests inject their own.

    Attributes:
        clock: the same.
    """

    if TYPE_CHECKING:
        publish_client = staticmethod(publish)
    else:

        @property
        def publish_client(self):
            """Let an app be a client: see `flask_cimd.publish.publish`, imported on first use."""
            return import_module("flask_cimd.publish.client").publish

    def __init__(
        self,
        app: Flask | None = None,
        *,
        db: SQLAlchemy | None = None,
        registered: RegisteredLookup | None = None,
        clock: Clock = utc_now,
    ) -> None:
        self.clock = clock
        self._fetch_hooks: list[FetchHook] = []
        self._client_hooks: list[ClientHook] = []
        self._states: WeakKeyDictionary[Flask, _AppState] = WeakKeyDictionary()
        if app is not None:
            self.init_app(app, db=db, registered=registered)

    def init_app(self, app: Flask, *, db: SQLAlchemy | None = None, registered: RegisteredLookup | None = None) -> None:
        """Read every ``CIMD_*`` key of the app's configuration and set the app up.

        The configuration is read once: later changes have no effect. `flask_cimd.clients.Settings` lists the keys.

        Raises:
            ConfigurationError: a setting is unusable.
            RuntimeError: this app is set up already.
        """
        if "cimd" in app.extensions:
            raise RuntimeError("this app has a CIMD already; create one CIMD and call init_app once per app")
        self._states[app] = self._state_of(app, Settings.from_config(app.config), db, registered)
        app.extensions["cimd"] = self
        if db is not None:
            warn_at_first_request(app, db)
        app.register_error_handler(CIMDError, show_error)
        # Authlib's get_consent_grant lets its errors escape; everywhere else Authlib answers them.
        if OAuth2Error not in app.error_handler_spec[None][None]:
            app.register_error_handler(OAuth2Error, lambda error: show_error(as_page_error(error)))
        app.register_blueprint(Blueprint("flask_cimd", __name__, template_folder="templates"))

    def _state_of(
        self, app: Flask, settings: Settings, db: SQLAlchemy | None, registered: RegisteredLookup | None
    ) -> _AppState:
        if settings.store == "sqlalchemy":
            warn_of_memory(app)
        store = open_store(
            settings.store,
            db=db,
            size=settings.cache_size,
            kept_past_expiry=settings.stale_max,
        )
        parts = assemble(settings, store, notify=send_from_app, clock=self.clock)

        def finder(parts: ClientParts) -> _Finder:
            hooks = {"allow_fetch": self._fetch_hooks, "allow_client": self._client_hooks}
            return _Finder(ClientResolver(settings, parts=parts, **hooks), ClientKeys(parts), parts)  # type: ignore[arg-type]  # mypy joins the two lists' types

        return _AppState(
            parts=parts,
            store=store,
            for_people=finder(parts),
            for_strangers=finder(assemble_for_strangers(parts)),
            logos=_logos_of(app, parts) if settings.logos else None,
            registered=registered,
        )

    @property
    def _state(self) -> _AppState:
        return self._states[current_app._get_current_object()]  # type: ignore[attr-defined]  # typed as the app, is a LocalProxy

    @property
    def _finder(self) -> _Finder:
        return for_requester(self._state.for_people, self._state.for_strangers)

    # -- parts of the current app -----------------------------------------------------------------------------------

    @property
    def settings(self) -> Settings:
        """The settings, as `init_app` read them."""
        return self._state.parts.settings

    @property
    def store(self) -> ClientStore:
        """The store of clients; unlike the methods below, it raises `StoreError` while its server is in trouble."""
        return self._state.store

    @property
    def admission(self) -> Admission:
        """The operator's policy: rules, tiers, pinned copies."""
        return self._state.parts.admission

    @property
    def resolver(self) -> ClientResolver:
        """The resolver; it remembers nothing from one call to the next within a request."""
        return self._finder.resolver

    @property
    def client_keys(self) -> ClientKeys:
        """The published keys of clients that authenticate with ``private_key_jwt``."""
        return self._finder.keys

    # -- finding clients --------------------------------------------------------------------------------------------

    def query_client(self, client_id: str) -> Any:
        """Return the client for Authlib: the app's own by exact string, else the one behind the URL.

        ``None`` for a string that is neither; Authlib then answers ``invalid_client``.

        Raises:
            ClientResolutionError: an Authlib error that carries the `CIMDError` as ``cause``.
        """
        try:
            client = self.find_registered(client_id)
            if client is not None or not client_id.startswith(("https://", "http://")):
                return client
            return URLClient(self.resolve(client_id))
        except CIMDError as error:
            raise ClientResolutionError(error) from error

    def find_registered(self, client_id: str) -> Any:
        """Return the client that the app itself registered under this exact string, or ``None``.

        Raises:
            CIMDError: the app's look-up raised it, to say more than *unknown*; `HookError` if it failed.
        """
        lookup = self._state.registered
        if lookup is None or not _is_storable(client_id):
            return None
        return once("registered", client_id, lambda raw: look_up_registered(lookup, raw))

    def resolve(self, client_id: str) -> ClientMetadata:
        """Return what the client behind a URL says about itself, validated.

        Raises:
            CIMDError: `IdentifierError`, `FetchError`, `DocumentError` or `PolicyDeniedError`.
        """
        return once("resolved", client_id, lambda raw: self._finder.resolver.resolve(self._identify(raw)))

    def _identify(self, client_id: str) -> ClientIdentifier:
        return once("identified", client_id, self._finder.resolver.identify)

    def resolve_existing(self, client_id: str) -> ClientMetadata:
        """Return what a client that holds a grant says about itself today, from a stale copy if necessary.

        A copy serves for ``CIMD_STALE_MAX`` seconds past its lifetime while a refetch fails, and never once the URL
        answers 404 or 410. Do not ask a person for consent with it: that is what `resolve` is for (CIMD §5.1).

        Raises:
            CIMDError: as `resolve`.
        """
        try:
            return self.resolve(client_id)
        except CIMDError as error:
            copy = self._finder.resolver.stale_copy(client_id, error)
            if copy is None:
                raise
            return copy

    def check_identifier(self, client_id: str) -> None:
        """Raise unless the string is a registered client or an identifier that policy admits; makes no fetch.

        Servers call it before they ask a person to log in, so that an unusable request ends at once.

        Raises:
            CIMDError: `IdentifierError` or `PolicyDeniedError`.
        """
        if self.find_registered(client_id) is None:
            self._identify(client_id)

    def check_authorization_request(self) -> None:
        """Refuse Flask's current request unless it has an S256 challenge and may succeed; makes no fetch.

        For Authlib's own server: call it first in the view, before a log-in. Registered clients need no challenge.

        Raises:
            CIMDError: the extension answers it with a page.
        """
        check_plain_request(self)

    def readmit(self, metadata: ClientMetadata) -> ClientMetadata:
        """Return metadata seen earlier if today's policy still admits the client; makes no fetch.

        Applies the identifier rules, the operator's rules and every ``allow_client`` hook. Call it wherever a grant,
        a code or a token carries the metadata of an earlier request.

        Raises:
            CIMDError: `IdentifierError` or `PolicyDeniedError`.
        """
        identifier = None if metadata.source == "registered" else self._identify(metadata.client_id)
        return self._finder.resolver.readmit(metadata, identifier)

    def for_scope(self, metadata: ClientMetadata, scope: str | None) -> ClientMetadata:
        """Return the client that a request with this scope means; only bare ``http://localhost`` depends on it.

        Raises:
            IdentifierError: the identifier names no client with this scope.
        """
        return self._finder.resolver.for_scope(metadata, scope)

    # -- more about clients -----------------------------------------------------------------------------------------

    def explain(self, client_id: str, *, stranger: str | None = None) -> Explanation:
        """Fetch a client URL and return every check with its outcome, for the client's developer; stores nothing.

        Args:
            client_id: as it was written.
            stranger: network of a sender who may know nothing of this server; the limits of strangers hold then.
        """
        from .clients.explain import Explainer, explain_to  # for developers: no sign-in needs it

        if stranger is not None:
            return explain_to(stranger, client_id, self._state.for_strangers.parts)
        return Explainer(self._state.parts, self.resolver).explain(client_id)

    def logo_url(self, metadata: ClientMetadata, *, fetch: bool = True) -> str | None:
        """Return the URL on this server of a client's logo, or ``None`` if it has none that may be shown.

        The first call in a document's lifetime fetches the original, which takes up to two seconds: call it only
        for a page that a person who is logged in is about to see (CIMD §9.8), or with ``fetch=False``.
        """
        logos = self._state.logos
        if logos is None:
            return None
        key = logos.prepare(metadata) if fetch else logos.kept(metadata)
        return url_for("flask_cimd.clients.logo", key=key) if key else None

    def fetch(self, url: str, *, accept: str, max_size_for: Callable[[str], int]) -> Response:
        """GET a URL under the guard and the limits that hold for what clients' documents link to.

        Args:
            url: absolute https URL.
            accept: the ``Accept`` header.
            max_size_for: media type to the largest body in bytes; 0 refuses the media type.

        Raises:
            FetchError: the URL cannot be read, its host is denied, or a limit is reached.
        """
        return self._state.parts.linked.fetch(url, client_id="", accept=accept, max_size_for=max_size_for)

    # -- the app's own rules ----------------------------------------------------------------------------------------

    def allow_fetch(self, hook: FetchHookT) -> FetchHookT:
        """Register a rule that runs before the network: ``(ClientIdentifier) -> bool``.

        It does not run for clients that are fresh in the store.
        """
        self._fetch_hooks.append(hook)
        return hook

    def allow_client(self, hook: ClientHookT) -> ClientHookT:
        """Register a rule that runs on every use, stored or not: ``(ClientMetadata) -> bool``."""
        self._client_hooks.append(hook)
        return hook


def _logos_of(app: Flask, parts: ClientParts) -> Logos:
    from .clients.logo import serve_logos

    return serve_logos(app, parts)


def _is_storable(client_id: str) -> bool:
    # RFC 6749 appendix A.1: identifiers hold visible ASCII and spaces; databases fail on some of the rest, such as NUL.
    return client_id.isascii() and client_id.isprintable()

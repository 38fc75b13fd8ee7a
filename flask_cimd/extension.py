"""The Flask extension: one object, set up once per app."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakKeyDictionary

from flask import Flask, current_app, g, has_request_context, render_template, url_for

from .clients.admission import Admission
from .clients.keys import ClientKeys
from .clients.resolver import ClientHook, FetchHook, Hooks, Resolver
from .clients.stores import open_store
from .core.clock import Clock, utc_now
from .core.metadata import ClientMetadata
from .core.text import is_visible
from .errors import CIMDError, StorageError, TooManyFetchesError
from .publish.client import publish
from .settings import Settings

if TYPE_CHECKING:
    from blinker import Signal
    from flask_sqlalchemy import SQLAlchemy

    from .clients.logo import Logos

logger = logging.getLogger(__name__)

_LOGOS_IN_MEMORY = 200
_KEY_SETS_IN_MEMORY = 1000

RegisteredLookup = Callable[[str], Any]
FetchHookT = TypeVar("FetchHookT", bound=FetchHook)
ClientHookT = TypeVar("ClientHookT", bound=ClientHook)


class CIMD:
    """Turns a URL ``client_id`` into a client of the app's authorization server.

    Args:
        app: set up at once; otherwise call `init_app` in the app factory.
        db: the app's Flask-SQLAlchemy object, needed for ``CIMD_STORE = "sqlalchemy"``.
        registered: the app's own look-up; what it returns for a ``client_id`` is used as it is, and nothing
            is ever fetched for it (CIMD §7.2).
        clock: returns the current aware instant; tests inject their own.
    """

    publish_client = staticmethod(publish)

    def __init__(
        self,
        app: Flask | None = None,
        *,
        db: SQLAlchemy | None = None,
        registered: RegisteredLookup | None = None,
        clock: Clock = utc_now,
    ) -> None:
        self._clock = clock
        self._fetch_hooks: list[FetchHook] = []
        self._client_hooks: list[ClientHook] = []
        self._resolvers: WeakKeyDictionary[Flask, Resolver] = WeakKeyDictionary()
        self._registered: WeakKeyDictionary[Flask, RegisteredLookup] = WeakKeyDictionary()
        self._keys: WeakKeyDictionary[Flask, ClientKeys] = WeakKeyDictionary()
        self._logos: WeakKeyDictionary[Flask, Logos] = WeakKeyDictionary()
        if app is not None:
            self.init_app(app, db=db, registered=registered)

    def init_app(self, app: Flask, *, db: SQLAlchemy | None = None, registered: RegisteredLookup | None = None) -> None:
        """Read every ``CIMD_*`` key of the app's configuration and set the app up.

        The configuration is read once: later changes have no effect. The table in the README lists the keys.

        Raises:
            ConfigurationError: a setting is unusable.
            RuntimeError: this app is set up already.
        """
        if "cimd" in app.extensions:
            raise RuntimeError("this app has a CIMD already; create one CIMD and call init_app once per app")
        from .oauth.errors import ClientResolutionError

        settings = Settings.from_config(app.config)
        self._resolvers[app] = Resolver(
            settings=settings,
            store=open_store(
                settings.store,
                db=db,
                size=settings.cache_size,
                redis_url=settings.redis_url,
                kept_past_expiry=settings.stale_max,
            ),
            hooks=Hooks(allow_fetch=self._fetch_hooks, allow_client=self._client_hooks),
            notify=_notify,
            clock=self._clock,
        )
        key_sets = self._resolvers[app].cache.fetched(_KEY_SETS_IN_MEMORY)
        self._keys[app] = ClientKeys(self._resolvers[app], key_sets)
        if registered is not None:
            self._registered[app] = registered
        app.extensions["cimd"] = self
        app.register_error_handler(CIMDError, show_error)
        # Authlib's get_consent_grant lets it escape; everywhere else Authlib answers with it itself.
        app.register_error_handler(ClientResolutionError, lambda error: show_error(error.cause))
        app.register_blueprint(_templates())
        if settings.logos:
            self._set_up_logos(app, settings)

    def _set_up_logos(self, app: Flask, settings: Settings) -> None:
        from .clients.logo import Logos, logo_response

        store = self._resolvers[app].cache.fetched(_LOGOS_IN_MEMORY)
        # Without a secret key the names hold for this process alone, like its memory store.
        secret = str(app.secret_key or secrets.token_hex()).encode()
        self._logos[app] = logos = Logos(self._resolvers[app], store, secret=secret, max_size=settings.max_logo_size)
        app.add_url_rule("/cimd/logo/<key>.png", "flask_cimd.clients.logo", lambda key: logo_response(logos, key))

    def logo_url(self, metadata: ClientMetadata) -> str | None:
        """Return the address on this server of a client's logo, or ``None`` if it has none that may be shown.

        The first call in a document's lifetime fetches the original, for at most two seconds: call it only where
        a person who is logged in is about to look (CIMD §8.8).
        """
        logos = self._logos.get(current_app._get_current_object())  # type: ignore[attr-defined]
        key = logos.prepare(metadata) if logos is not None else None
        return url_for("flask_cimd.clients.logo", key=key) if key else None

    @property
    def settings(self) -> Settings:
        """The settings of the current app, as read by `init_app`."""
        return self.resolver.settings

    @property
    def admission(self) -> Admission:
        """Who may come into the current app: rules, tiers, pinned copies."""
        return self.resolver.admission

    @property
    def resolver(self) -> Resolver:
        """The current app's resolver."""
        return self._resolvers[current_app._get_current_object()]  # type: ignore[attr-defined]

    @property
    def client_keys(self) -> ClientKeys:
        """The published keys of the current app's clients."""
        return self._keys[current_app._get_current_object()]  # type: ignore[attr-defined]

    def resolve(self, client_id: str) -> ClientMetadata:
        """Return what the client behind a URL says about itself, validated.

        Within one request every call gives the same answer or the same error, so that one request sees one
        document.

        Raises:
            CIMDError: `IdentifierError`, `FetchError`, `DocumentError` or `PolicyDeniedError`.
        """
        if not has_request_context():
            return self.resolver.resolve(client_id)
        seen: dict[str, ClientMetadata | CIMDError] = g.setdefault("_cimd_seen", {})
        if client_id not in seen:
            try:
                seen[client_id] = self.resolver.resolve(client_id)
            except CIMDError as error:
                seen[client_id] = error
        outcome = seen[client_id]
        if isinstance(outcome, CIMDError):
            raise outcome
        return outcome

    def resolve_existing(self, client_id: str) -> ClientMetadata:
        """Return what a client that holds a grant says about itself today, from a stale copy if it must be.

        A copy serves for ``CIMD_STALE_MAX`` seconds past its lifetime while a refetch fails, and never once the URL
        answers 404 or 410. Do not ask a person for consent with it: that is what `resolve` is for (CIMD §5.1).

        Raises:
            CIMDError: as `resolve`.
        """
        try:
            return self.resolve(client_id)
        except CIMDError as error:
            copy = self.resolver.stale_copy(client_id, error)
            if copy is None:
                raise
            return copy

    def check_identifier(self, client_id: str) -> None:
        """Raise unless the string is a client identifier URL that policy lets in; costs no network.

        Servers call it before they ask a person to log in, so that nonsense ends at once.

        Raises:
            CIMDError: `IdentifierError` or `PolicyDeniedError`.
        """
        if self.find_registered(client_id) is None:
            self.resolver.check(client_id)

    def find_registered(self, client_id: str) -> Any:
        """Return the client that the app itself registered under this exact string, or ``None``.

        Raises:
            CIMDError: only where the app's look-up does, to say more than *unknown*.
        """
        lookup = self._registered.get(current_app._get_current_object())  # type: ignore[attr-defined]
        return lookup(client_id) if lookup and is_visible(client_id) else None

    def readmit(self, metadata: ClientMetadata) -> ClientMetadata:
        """Return metadata seen earlier if today's policy still admits the client; makes no fetch.

        Applies the identifier rules, the operator's rules and every ``allow_client`` hook. Call it wherever a grant,
        a code or a token carries the metadata of an earlier request.

        Raises:
            CIMDError: `IdentifierError` or `PolicyDeniedError`.
        """
        return self.resolver.readmit(metadata)

    def for_scope(self, metadata: ClientMetadata, scope: str | None) -> ClientMetadata:
        """Return the client that a request with this scope means; only bare ``http://localhost`` depends on it.

        Raises:
            IdentifierError: the identifier names no client with this scope.
        """
        return self.resolver.for_scope(metadata, scope)

    def query_client(self, client_id: str) -> Any:
        """Return the client for Authlib: the app's own by exact string, else the one behind the URL.

        ``None`` for a string that is neither; Authlib then answers ``invalid_client``.

        Raises:
            ClientResolutionError: an Authlib error that carries the `CIMDError` as ``cause``.
        """
        from .oauth.client import URLClient
        from .oauth.errors import ClientResolutionError

        try:
            client = self.find_registered(client_id)
            if client is not None or not client_id.startswith(("https://", "http://")):
                return client
            return URLClient(self.resolve(client_id))
        except CIMDError as error:
            raise ClientResolutionError(error) from error

    def allow_fetch(self, hook: FetchHookT) -> FetchHookT:
        """Register a rule that runs before the network: ``(ClientIdentifier) -> bool``.

        It does not run for clients that are still fresh in the store.
        """
        self._fetch_hooks.append(hook)
        return hook

    def allow_client(self, hook: ClientHookT) -> ClientHookT:
        """Register a rule that runs on every use, cached or not: ``(ClientMetadata) -> bool``."""
        self._client_hooks.append(hook)
        return hook


def _notify(signal: Signal, **values: object) -> None:
    if not signal.receivers:
        return
    app: Any = current_app._get_current_object()  # type: ignore[attr-defined]
    try:
        signal.send(app, **values)  # type: ignore[arg-type]  # the keywords are the receivers'
    except Exception:  # what counts sign-ins must not end them, nor those of others who wait for the same fetch
        logger.exception("a signal's receiver failed")


def show_error(error: CIMDError) -> tuple[str, int, dict[str, str]]:
    """Render the error as a page of our own: never a redirect, never remote text (CIMD §6, RFC 6749 §4.1.2.1).

    Apps replace it with ``app.register_error_handler(CIMDError, ...)``.
    """
    headers = {"Cache-Control": "no-store", "X-Frame-Options": "DENY"}
    if isinstance(error, TooManyFetchesError | StorageError):
        headers["Retry-After"] = str(error.retry_after)
    return render_template("flask_cimd/error.html", error=error), error.status, headers


def _templates() -> Any:
    from flask import Blueprint

    return Blueprint("flask_cimd", __name__, template_folder="templates")

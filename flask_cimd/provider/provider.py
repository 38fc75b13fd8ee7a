"""`Provider`: an authorization server with its pages, set up with one call."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

from flask import Flask

from ..core.atproto import SCOPE as ATPROTO
from ..core.clock import Clock, utc_now
from ..errors import ConfigurationError
from ..oauth import (
    AuthorizationServer,
    BearerScheme,
    DPoPScheme,
    Grant,
    IntrospectionEndpoint,
    Resource,
    ResourceProtector,
    ResourceServer,
    stored_access,
)
from ..oauth.in_memory import warn_of_memory
from ..oauth.server.resource_indicators import Resources
from ..oauth.server.storage import ProviderStorage
from . import checks, documents
from ._hook_calls import HookCalls
from .browser import Browser
from .endpoints import Endpoints
from .hooks import Hooks
from .login import flask_login_hooks, remember_login
from .pages import direct, exempt_from_csrf, pages
from .remembering import Remembering
from .shared_hosts import is_for_many
from .site import Site
from .upkeep import Upkeep
from .waiting import WaitingRequests

if TYPE_CHECKING:
    from flask_sqlalchemy import SQLAlchemy

    from ..oauth.server.context import ClientDirectory

HookT = TypeVar("HookT", bound=Callable[..., Any])

#: Key of ``app.extensions``: the providers of an app.
SITES = "cimd_providers"
_PAGES = ("/authorize", "/consent", "/apps", "/apps/revoke", "/authorize/<handle>")
_DIRECT = ("/token", "/par", "/revoke", "/introspect")


class Provider:
    """An OAuth server for clients that identify themselves by URL: endpoints, metadata, consent, connected apps.

    Set up one `Provider` for each issuer. If the app uses Flask-Login, `init_app` is enough; otherwise register
    `subject` and name the log-in view.

    Args:
        scopes: the scopes that clients may request, each with one sentence for the consent page.
        resources: further resources for which clients can request tokens (RFC 8707); or an object whose ``get`` looks
            them up by identifier. Their scopes need a sentence in ``scopes`` or ``texts``.
        texts: sentences for scopes that exist only at ``resources``.
        login_view: endpoint of the app's log-in view, which accepts the query parameter ``next``; unnecessary with
            Flask-Login or with a `login` hook.
        indieauth: ``False`` disables IndieAuth at this server: no ``me`` and ``profile`` in responses, no userinfo
            endpoint, no identity-only codes, and no requests of earlier versions. The setting ``CIMD_INDIEAUTH``
            determines whether web pages may be clients; all providers of an app share it.
        atproto: ``False`` refuses the scope ``atproto``; with ``True``, accounts need a DID from the `identity` hook.
        find_resource_server: returns a server that may introspect tokens, by its id; defaults to the storage's method.
        metadata: further members of the server's metadata document (RFC 8414).
        remembers_consent: offer to remember the consent for clients that no other client can impersonate: clients with
            a key, and clients whose redirect URI is on the https origin of their document. The box is initially clear.
        clock: returns the current time as an aware `datetime`; tests inject their own.
        options: further arguments of `flask_cimd.oauth.AuthorizationServer`, such as lifetimes.
    """

    def __init__(
        self,
        *,
        scopes: Mapping[str, str],
        resources: Iterable[Resource] | Resources = (),
        texts: Mapping[str, str] = MappingProxyType({}),
        login_view: str | None = None,
        indieauth: bool = True,
        atproto: bool = True,
        find_resource_server: Callable[[str], ResourceServer | None] | None = None,
        metadata: Mapping[str, Any] = MappingProxyType({}),
        remembers_consent: bool = True,
        clock: Clock = utc_now,
        **options: Any,
    ) -> None:
        self._scopes = checks.require_scopes(scopes)
        self._texts = {**checks.require_scopes(texts), **self._scopes}
        self._resources: Resources = (
            checks.require_resources(resources, self._texts) if isinstance(resources, Iterable) else resources
        )
        self._indieauth, self._atproto = indieauth, atproto
        self._find_resource_server = find_resource_server
        self._metadata = metadata
        self._remembers_consent = remembers_consent
        self._clock = clock
        self._options = options
        self._hooks = Hooks(**flask_login_hooks(login_view))

    # -- hooks ----------------------------------------------------------------------------------------------------

    def subject(self, hook: HookT) -> HookT:
        """Register the hook for the person who is logged in: ``() -> str | None``.

        Return a stable identifier of the account, an https URL or an opaque text of at most 2048 characters, or
        ``None``. Every grant stores it: never reuse it for another account.
        """
        self._hooks.subject = hook
        return hook

    def login(self, hook: HookT) -> HookT:
        """Register the log-in: ``(target, again) -> response``.

        The response starts the log-in, and the log-in redirects to ``target``, a path of this app. With ``again``, the
        person is already logged in and must log in again.
        """
        self._hooks.login = hook
        return hook

    def auth_time(self, hook: HookT) -> HookT:
        """Register the time of the log-in: ``() -> aware datetime | None``; needed for ``max_age`` (RFC 9470)."""
        self._hooks.auth_time = hook
        return hook

    def identity(self, hook: HookT) -> HookT:
        """Register the names of an account: ``(subject) -> Identity``; by default an https subject is its ``me``."""
        self._hooks.identity = hook
        return hook

    def claims(self, hook: HookT) -> HookT:
        """Register the claims of an account: ``(subject, scopes) -> mapping``.

        Userinfo returns them, and token responses have them as ``profile`` (IndieAuth §5.3.4); unused with
        ``indieauth=False``.
        """
        self._hooks.claims = hook
        return hook

    def before_consent(self, hook: HookT) -> HookT:
        """Register a rule that runs before the consent page: ``(ConsentRequest) -> "deny" | "skip" | response | None``.

        ``"skip"`` approves without a page: use it only for your own clients. A response replaces the page, for example
        a redirect to a second factor.
        """
        self._hooks.before_consent = hook
        return hook

    def on_decision(self, hook: HookT) -> HookT:
        """Register a listener for the outcome of requests: ``(Decision) -> None``; its failure has no effect."""
        self._hooks.on_decision = hook
        return hook

    def redirect_errors(self, hook: HookT) -> HookT:
        """Register the rule for redirects of errors: ``(client_id, redirect_uri, error, default) -> bool``.

        ``True`` sends the error to the client without a click. The default is ``True`` for trusted clients and for
        clients that this person has approved (RFC 9700 §4.11.2).
        """
        self._hooks.redirect_errors = hook
        return hook

    def resource_metadata(self, hook: HookT) -> HookT:
        """Register further members of a resource's metadata document: ``(Resource) -> mapping`` (RFC 9728 §2).

        For example ``dpop_signing_alg_values_supported`` for a resource that accepts DPoP tokens. By default, only the
        server's own document lists DPoP algorithms.
        """
        self._hooks.resource_metadata = hook
        return hook

    def available_scopes(self, hook: HookT) -> HookT:
        """Register the scopes that an account can honour: ``(subject) -> collection``; by default all of them.

        The consent page omits all other scopes, for example ``email`` for an account without an address.
        """
        self._hooks.available_scopes = hook
        return hook

    def fresh_log_in(self, hook: HookT) -> HookT:
        """Register the check before a person ends all access of their account: ``(target) -> response | None``.

        Return ``None`` if the person has authenticated recently, or a response that makes them authenticate and then
        redirects to ``target``, a path of this app. The default requires a log-in within the last 10 minutes if the app
        states the time of the log-in.
        """
        self._hooks.fresh_log_in = hook
        return hook

    def on_reuse(self, hook: HookT) -> HookT:
        """Register a listener for grants that end because a code or token was used twice: ``(Grant) -> None``."""
        self._hooks.on_reuse = hook
        return hook

    def on_access_change(self, hook: HookT) -> HookT:
        """Register a listener for what people change on the page of their apps: ``(AccessChange) -> None``."""
        self._hooks.on_access_change = hook
        return hook

    # -- setting up -----------------------------------------------------------------------------------------------

    def init_app(
        self,
        app: Flask,
        *,
        cimd: ClientDirectory,
        issuer: str,
        db: SQLAlchemy | None = None,
        storage: ProviderStorage | None = None,
        url_prefix: str = "",
        development: bool = False,
    ) -> Site:
        """Set an app up; call ``cimd.init_app`` first.

        Args:
            app: the app.
            cimd: the `CIMD` object of the app.
            issuer: the exact issuer: https, without final slash, query or fragment; it may have a path.
            db: the app's Flask-SQLAlchemy object; ``db.create_all()``, a migration or ``flask cimd create-tables``
                creates the tables.
            storage: a storage that replaces ``db``.
            url_prefix: prefix of all endpoints, such as ``/oauth``; the well-known documents stay at the root.
            development: accept an http issuer on loopback, as ``CIMD_ALLOW_LOOPBACK`` does.

        Raises:
            ConfigurationError: a value is missing or invalid; the message names the change to make.
        """
        if "cimd" not in app.extensions:
            raise ConfigurationError("call cimd.init_app(app) before provider.init_app(app)")
        checks.require_secret_key(app)
        with app.app_context():
            issuer = checks.require_issuer(issuer, allow_loopback=development or cimd.settings.allow_loopback)
        prefix = checks.require_prefix(url_prefix)
        name = checks.require_free_name(app.extensions.get(SITES, ()), issuer, prefix)
        paths = (*_PAGES, *_DIRECT, *(["/userinfo"] if self._indieauth else []))
        checks.require_free_paths(app, [prefix + path for path in paths])
        site = self._open(app, cimd, issuer, prefix, name, _storage(app, db, storage, issuer))
        self._serve(app, site)
        app.extensions.setdefault(SITES, []).append(site)
        return site

    def require_tables(self, app: Flask) -> None:
        """Raise if the tables of this provider are missing; call it after ``db.create_all()`` or the migrations.

        `init_app` cannot check this, because apps usually create tables after it. Without the tables, requests get
        status 503 with the slug ``tables-missing``, and the log names the command to run.

        Raises:
            ConfigurationError: a table or column is missing, or the database does not answer.
        """
        for site in app.extensions.get(SITES, ()):
            if site.hooks.hooks is self._hooks:
                checks.require_schema(app, site.storage)

    def _open(
        self, app: Flask, clients: ClientDirectory, issuer: str, prefix: str, name: str, storage: ProviderStorage
    ) -> Site:
        scopes = [word for word in self._scopes if word != ATPROTO]
        if self._atproto and ATPROTO in self._scopes:
            scopes.append(ATPROTO)

        def extras(grant: Grant) -> Mapping[str, Any]:
            return site.token_members(grant)

        server = AuthorizationServer(
            app,
            cimd=clients,
            storage=storage,
            issuer=issuer,
            scopes=scopes,
            resources=self._resources,
            token_extras=extras,
            indieauth=self._indieauth,
            answers_silently=self._remembers_consent,
            on_reuse=lambda grant: site.note_reuse(grant),  # noqa: PLW0108  the site is created below
            clock=self._clock,
            **self._options,
        )
        site = Site(
            server=server,
            clients=clients,
            storage=storage,
            waiting=WaitingRequests(storage, self._clock),
            upkeep=Upkeep.of_storage(storage, self._clock),
            browser=Browser(name, is_https=issuer.startswith("https://")),
            hooks=HookCalls(self._hooks),
            remembering=self._remembering(clients, storage),
            issuer=issuer,
            prefix=prefix,
            name=name,
            scope_texts=self._texts,
            clock=self._clock,
            metadata={
                "dpop_signing_alg_values_supported": list(server.dpop.algorithms),
                "introspection_endpoint_auth_methods_supported": ["client_secret_basic"],
                "require_pushed_authorization_requests": True if ATPROTO in scopes else None,
                **self._metadata,
            },
        )
        return site

    def _remembering(self, clients: ClientDirectory, storage: ProviderStorage) -> Remembering | None:
        if not self._remembers_consent:
            return None

        def is_shared(host: str) -> bool:
            settings = clients.settings
            return is_for_many(host, settings.service_hosts, settings.shared_domains)

        return Remembering(storage, self._clock, is_shared)

    def _serve(self, app: Flask, site: Site) -> None:
        find: Any = self._find_resource_server or getattr(site.storage, "find_resource_server", _nobody)
        introspection = IntrospectionEndpoint(site.server.context, find, members=site.introspected, allow_holder=True)
        protector = ResourceProtector(
            lambda secret: stored_access(site.server, secret),
            audience=site.issuer,
            schemes=(BearerScheme(), DPoPScheme(site.server.dpop)),
        )
        endpoints = Endpoints(site, introspection, protector)
        blueprints = pages(site, endpoints), direct(site, endpoints)
        for blueprint in blueprints:
            app.register_blueprint(blueprint, url_prefix=site.prefix or None)
        exempt_from_csrf(app, *blueprints)
        documents.serve(app, site)
        remember_login(app)


def _nobody(server_id: str) -> ResourceServer | None:  # noqa: ARG001  the protocol's parameter
    return None


def _storage(app: Flask, db: SQLAlchemy | None, storage: ProviderStorage | None, issuer: str) -> ProviderStorage:
    if storage is not None:
        return storage
    if db is None:
        raise ConfigurationError("the provider needs db= (Flask-SQLAlchemy), or storage=MemoryStorage() for a trial")
    from .storage import SQLAlchemyStorage

    warn_of_memory(app)
    return SQLAlchemyStorage(db, issuer)

"""The fixed parts of one authorization server, shared by its grants and endpoints."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

from ...clients.directory import ClientDirectory
from ...core.app_hooks import call_hook
from ...core.atproto import asks_for_atproto
from ...core.clock import Clock, utc_now
from ...core.digests import digest_of
from ...core.display import safe_for_log
from ...core.legacy import LegacyRules
from ...core.metadata import ClientMetadata
from ...core.proof import DEFAULT_ALGORITHMS
from ...core.resources import resource_key, resource_spellings
from ...errors import CIMDError, DocumentError, IdentifierError, RegistrationEndedError, UnavailableError
from ..client import MetadataClient, URLClient
from ..dpop import DPoP
from ..errors import ClientResolutionError, UnreadableGrantError
from ..resource_metadata import Resource
from .client_authentication import Authenticator
from .metadata import check_issuer
from .resource_indicators import Resources
from .storage import Code, Grant, Token, TokenStorage

__all__ = ["ClientDirectory", "ServerContext"]

logger = logging.getLogger(__name__)


def _ignore(grant: Grant) -> None:
    pass


def _no_extras(_: Grant) -> Mapping[str, Any]:
    return {}


def _no_resources() -> Mapping[str, Resource]:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerContext:
    """Settings and parts of one authorization server, for its grants and endpoints.

    `AuthorizationServer` creates its own. Create one to use single parts with Authlib's server class::

        context = ServerContext(clients=cimd, storage=storage, issuer="https://me.example", scopes=["profile"])
        server.register_grant(AuthorizationCodeGrant.bind(context), [RequirePKCE()])
        server.register_grant(RefreshTokenGrant.bind(context))
        server.register_endpoint(RevocationEndpoint.bind(context))
        pushed = PushedRequests(context)

    Attributes:
        clients: finds clients and applies the operator's policy; a `CIMD` is one.
        storage: stores grants, codes and tokens; also the replay cache of assertions and proofs.
        issuer: exact value of ``iss`` and of the metadata document; DPoP proofs must name its origin.
        scopes: scopes that this server grants; it ignores others.
        resources: further resources for which clients can request tokens (RFC 8707).
        code_lifetime: lifetime of codes; RFC 6749 §4.1.2 recommends 10 minutes at most.
        access_lifetime: lifetime of access tokens, unless the approval sets one.
        refresh_idle: maximum time without use; afterwards a refresh token expires.
        refresh_absolute: maximum age of a grant; afterwards its refresh token is refused.
        refresh_grace: time after its first rotation in which a refresh token may be presented again, at most
            `REPETITIONS` times; zero ends the grant at the first reuse.
        token_extras: returns further members of a token response, by grant.
        dpop_algorithms: accepted signature algorithms of DPoP proofs.
        indieauth: ``False`` disables IndieAuth: the server redeems no code for the identity alone, refuses requests
            without a scope or resource that it can grant, and answers no request of earlier versions of IndieAuth.
        answers_silently: ``True`` passes requests with ``prompt=none`` on: the caller approves or refuses them without
            a page. ``False`` refuses them.
        on_reuse: called with a grant that has ended because a single-use code or token was presented again.
        clock: returns the current time as an aware `datetime`.
        dpop: checks DPoP proofs; derived from the other attributes.
        authenticator: authenticates the clients of direct requests; derived from the other attributes.
    """

    clients: ClientDirectory
    storage: TokenStorage
    issuer: str
    scopes: Collection[str] = ()
    resources: Resources = field(default_factory=_no_resources)
    code_lifetime: timedelta = timedelta(seconds=60)
    access_lifetime: timedelta = timedelta(minutes=15)
    refresh_idle: timedelta = timedelta(days=90)
    refresh_absolute: timedelta = timedelta(days=365)
    refresh_grace: timedelta = timedelta(seconds=60)
    token_extras: Callable[[Grant], Mapping[str, Any]] = _no_extras
    dpop_algorithms: Collection[str] = DEFAULT_ALGORITHMS
    indieauth: bool = True
    answers_silently: bool = False
    on_reuse: Callable[[Grant], None] = _ignore
    clock: Clock = utc_now
    dpop: DPoP = field(init=False)
    authenticator: Authenticator = field(init=False)

    def __post_init__(self) -> None:
        """Check the issuer and create ``dpop`` and ``authenticator``.

        Raises:
            ConfigurationError: the issuer is neither https nor http on loopback, or has a query, fragment, user or
                trailing slash (RFC 8414 §2).
        """
        check_issuer(self.issuer, allow_http_loopback=True)
        dpop = DPoP(replay_cache=self.storage, origin=self.issuer, algorithms=self.dpop_algorithms, clock=self.clock)
        authenticator = Authenticator(
            clients=self.clients, replay_cache=self.storage, issuer=self.issuer, clock=self.clock
        )
        object.__setattr__(self, "dpop", dpop)
        object.__setattr__(self, "authenticator", authenticator)

    # -- clients --------------------------------------------------------------------------------------------------

    @property
    def auth_methods(self) -> tuple[str, ...]:
        """Client authentication methods that the current app enables."""
        return self.clients.settings.document_rules.auth_methods

    @property
    def legacy(self) -> LegacyRules:
        """The current app's rules for clients of IndieAuth's earlier versions."""
        return self.clients.settings.legacy if self.indieauth else LegacyRules.of_version(False)

    def query_client(self, client_id: str, scope: str | None) -> Any:
        """Return the client for a request with this scope, or ``None``.

        Raises:
            ClientResolutionError: an Authlib error that carries the `CIMDError` as ``cause``.
        """
        client = self.clients.query_client(client_id)
        if not isinstance(client, URLClient) or not client.metadata.is_built_here:
            return client
        try:
            return URLClient(self.clients.for_scope(client.metadata, scope))
        except CIMDError as error:
            raise ClientResolutionError(error) from error

    def client_of(self, client_id: str, client: ClientMetadata | None) -> ClientMetadata | None:
        """Return the metadata of a request's or grant's client under the current policy.

        Args:
            client_id: the raw identifier.
            client: ``AuthorizationRequest.client`` or ``Grant.client``; ``None`` looks the registered client up.

        Returns:
            ``None`` for a client that the app registered without metadata.

        Raises:
            CIMDError: the policy refuses the client, or no client is registered under this identifier.
        """
        if client is not None:
            return self.clients.readmit(client)
        registered = self.clients.find_registered(client_id)
        if registered is None:
            raise IdentifierError("unknown-client", client_id, hint="neither registered here nor an https URL")
        return registered.metadata if isinstance(registered, MetadataClient) else None

    def metadata_of(self, client_id: str, client: ClientMetadata | None) -> ClientMetadata:
        """Return the metadata of a request's or grant's client under the current policy; see `client_of`.

        Raises:
            CIMDError: as `client_of`; ``unknown-client`` for a client that the app registered without metadata.
        """
        found = self.client_of(client_id, client)
        if found is None:
            raise IdentifierError("unknown-client", client_id, hint="the app registered the client without metadata")
        return found

    # -- scopes and resources -------------------------------------------------------------------------------------

    def is_atproto(self, scope: str | None) -> bool:
        """Return whether a request with this scope follows the AT Protocol's profile here."""
        return asks_for_atproto(scope) and asks_for_atproto(" ".join(self.scopes))

    def grants_nothing(self, scope: str, resource: Collection[str]) -> bool:
        """Return whether a grant would be useless: without scope and resource, only IndieAuth redeems a code."""
        return not (scope or resource or self.indieauth)

    def find_resource(self, identifier: str) -> Resource | None:
        """Return a resource for which clients can request tokens; the issuer means the server's own endpoints."""
        if resource_key(identifier) == resource_key(self.issuer):
            return Resource(identifier=identifier, name=identifier, scopes=tuple(self.scopes))
        spellings = resource_spellings(identifier)
        found = (call_hook("resources", partial(self.resources.get, spelling)) for spelling in spellings)
        return next((resource for resource in found if resource is not None), None)

    def scope_at(self, scope: str, resources: Collection[str]) -> str:
        """Return the part of a granted scope that is defined at these resources (RFC 9700 §2.3)."""
        if not resources:
            return scope
        found = [known for known in map(self.find_resource, resources) if known]
        words = {word for known in found for word in known.scopes}
        return " ".join(word for word in scope.split() if word in words)

    # -- codes and tokens -----------------------------------------------------------------------------------------

    def find_code(self, secret: str) -> tuple[Grant, Code] | None:
        """Return a code with its grant, even if it is spent or expired.

        Raises:
            UnreadableGrantError: another version of this library wrote the client's metadata.
            ClientResolutionError: the storage does not answer.
        """
        with _as_oauth_errors():
            return self.storage.find_code(digest_of(secret))

    def find_token(self, secret: str) -> tuple[Grant, Token] | None:
        """Return an access or refresh token with its grant, even if it is spent, revoked or expired.

        Raises:
            UnreadableGrantError: another version of this library wrote the client's metadata.
            ClientResolutionError: the storage does not answer.
        """
        with _as_oauth_errors():
            return self.storage.find_token(digest_of(secret))

    def find_access_token(self, secret: str) -> tuple[Grant, Token] | None:
        """Return a valid access token with its grant; ``None`` if the current policy refuses the token's client.

        Raises:
            UnavailableError: the storage does not answer, or a hook failed; the token may be valid.
        """
        try:
            found = self.storage.find_token(digest_of(secret))
        except UnavailableError:
            raise
        except CIMDError:
            return None
        if found is None:
            return None
        grant, token = found
        is_alive = token.kind == "access" and token.is_alive(grant, self.clock())
        return found if is_alive and self._is_admitted(grant) else None

    def end_reused(self, grant: Grant) -> None:
        """Revoke a grant after the reuse of a code or token, and delete the remembered consents for its client."""
        self.storage.revoke_grant(grant.id, self.clock())
        self.storage.forget_consents(grant.subject, grant.client_id)
        self.on_reuse(grant)

    def _is_admitted(self, grant: Grant) -> bool:
        """Return whether the current policy admits a grant's client, as on every use (CIMD §9.9)."""
        try:
            if grant.client is None:
                self.clients.find_registered(grant.client_id)
            else:
                self.clients.readmit(grant.client)
        except RegistrationEndedError:
            return True  # the end of the registration stops only new tokens; issued tokens expire normally
        except UnavailableError:
            raise
        except CIMDError:
            return False
        return True


@contextmanager
def _as_oauth_errors() -> Iterator[None]:
    """Raise the errors of a storage's look-up as errors of the token endpoint."""
    try:
        yield
    except DocumentError as error:
        logger.warning("a grant of %s cannot be read: %s", safe_for_log(error.client_id), safe_for_log(error.hint))
        raise UnreadableGrantError from error
    except CIMDError as error:
        raise ClientResolutionError(error) from error

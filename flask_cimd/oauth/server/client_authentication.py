"""Client authentication at the token, revocation and pushed-request endpoints.

The client's document, or the snapshot in a grant, decides: a client that declares ``private_key_jwt`` sends an
assertion with every direct request (CIMD §6). Public clients need no document here, so an unreachable host does not
affect them. Each request looks the keys of other clients up, so it uses rotated keys and refuses removed ones.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from authlib.oauth2.rfc6749.errors import InvalidGrantError, InvalidRequestError

from ...clients.directory import ClientDirectory
from ...clients.keys import PublishedKey
from ...core.atproto import asks_for_atproto
from ...core.clock import Clock
from ...core.keys import ASSERTION_TYPE
from ...core.legacy import is_same_client
from ...core.metadata import ClientMetadata
from ...errors import AddressBlockedError, CIMDError, FetchError, UnavailableError
from ..client import URLClient
from ..errors import ClientResolutionError
from ..replay import ReplayCache, once_key
from .assertion import (
    Assertion,
    AssertionRefusedError,
    AssertionRules,
    ClientKey,
    check_claims,
    read_assertion,
    thumbprints,
    verify,
)
from .storage import Grant

logger = logging.getLogger(__name__)

KEY_METHOD = "private_key_jwt"
_REFUSED = "The code or token is invalid, expired, used or was issued to another client."


def _no_scope(_: Any) -> str:
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Authentication:
    """The outcome of client authentication for one request.

    Attributes:
        client: the client as Authlib sees it.
        method: ``none`` or ``private_key_jwt``.
        key: the key that signed the assertion; ``None`` without an assertion.
        replay_key: replay cache key of the assertion; `Authenticator.spend` stores it.
        expires_at: end of the key in the replay cache, an aware `datetime`.
    """

    client: Any
    method: str = "none"
    key: ClientKey | None = None
    replay_key: str | None = None
    expires_at: datetime | None = None


class KeyGoneError(InvalidGrantError):  # type: ignore[misc]  # Authlib is untyped
    """The client no longer publishes the key that a session is bound to; the session has ended (AT Protocol OAuth)."""


class Authenticator:
    """Authenticates the clients of direct requests.

    Authenticating a client and spending its assertion are two steps: between them a server may answer
    ``use_dpop_nonce``, and the client then repeats the request with the same assertion.

    Args:
        clients: finds clients and their keys.
        replay_cache: stores used assertions.
        issuer: required value of ``aud`` in assertions.
        clock: returns the current time as an aware `datetime`.
    """

    def __init__(self, *, clients: ClientDirectory, replay_cache: ReplayCache, issuer: str, clock: Clock) -> None:
        self._clients = clients
        self._replay_cache = replay_cache
        self._issuer = issuer
        self._clock = clock

    def check_grant(self, form: Mapping[str, str], grant: Grant, *, is_exchange: bool = False) -> Authentication:
        """Authenticate the client that presents a code or token of a grant.

        Args:
            form: the request's parameters.
            grant: the grant that the code or token belongs to.
            is_exchange: the client presents a code; the keys in the grant's snapshot are used without a fetch.

        Raises:
            OAuth2Error: authentication failed (RFC 6749 §5.2).
        """
        client_id = self._named(form)
        client = self._client_of(grant)
        if client_id != grant.client_id and not _is_other_spelling(client_id, client):
            raise InvalidGrantError(_REFUSED)
        accepted = _accepted(client, grant.auth_method)
        assertion = _presented(form)
        if assertion is None:
            if "none" in accepted:
                return Authentication(client=client)
            self._refuse_downgrade(grant)
            raise ClientResolutionError.unauthenticated("an assertion is required and missing")
        if KEY_METHOD not in accepted:
            raise ClientResolutionError.unauthenticated("this client's method is none, and an assertion was sent")
        until = self._check_claims(assertion, client_id, is_atproto=asks_for_atproto(grant.scope))
        try:
            keys = self._keys_of_grant(assertion, client, grant, is_exchange=is_exchange)
        except CIMDError as error:
            raise (
                ClientResolutionError.unavailable(error) if _may_pass(error) else ClientResolutionError(error)
            ) from error
        return self._verified(assertion, client, until, keys)

    def check_client(self, form: Mapping[str, str], scope_of: Callable[[Any], str] = _no_scope) -> Authentication:
        """Authenticate the client of a request that belongs to no grant yet, such as a pushed request.

        Resolves a client that identifies itself by URL.

        Args:
            form: the request's parameters.
            scope_of: returns the scope that a client may request here; it decides which rules an assertion must keep.

        Raises:
            OAuth2Error: ``invalid_request`` or ``invalid_client``.
        """
        client_id = self._named(form)
        assertion = _presented(form)
        if assertion is not None:
            # Before the client is known, either set of rules applies, so that an invalid assertion causes no fetch.
            self._check_claims(assertion, client_id, is_atproto="exp" not in assertion.claims)
        client = self._clients.query_client(client_id)
        if client is None:
            raise ClientResolutionError.unauthenticated("the client is neither registered nor a URL")
        accepted = _accepted(client, "")
        if assertion is None:
            if "none" not in accepted:
                raise ClientResolutionError.unauthenticated("an assertion is required and missing")
            return Authentication(client=client)
        if KEY_METHOD not in accepted:
            raise ClientResolutionError.unauthenticated("this client's method is none, and an assertion was sent")
        until = self._check_claims(assertion, client_id, is_atproto=asks_for_atproto(scope_of(client)))
        try:
            keys = self._keys_of(client, assertion.kid)
        except CIMDError as error:
            raise ClientResolutionError(error) from error
        return self._verified(assertion, client, until, keys)

    def spend(self, authentication: Authentication) -> None:
        """Mark the assertion as used, in one atomic step.

        Raises:
            OAuth2Error: ``invalid_client``: the assertion was used before.
        """
        if authentication.replay_key is None or authentication.expires_at is None:
            return
        if not self._replay_cache.use_once(authentication.replay_key, authentication.expires_at, self._clock()):
            raise ClientResolutionError.unauthenticated("the assertion was used before")

    # -- steps --------------------------------------------------------------------------------------------------

    def _named(self, form: Mapping[str, str]) -> str:
        """Return the ``client_id`` that the request names; an assertion's ``sub`` is enough (RFC 7521 §4.2)."""
        if form.get("client_id"):
            return form["client_id"]
        if form.get("client_assertion"):
            return _read(form["client_assertion"]).client_id
        raise InvalidRequestError("The parameter client_id is missing.")

    def _client_of(self, grant: Grant) -> Any:
        try:
            if grant.client is None:
                client = self._clients.find_registered(grant.client_id)
                if client is None:
                    raise ClientResolutionError.unauthenticated("the client is no longer registered")
                return client
            return URLClient(self._clients.readmit(grant.client))
        except CIMDError as error:
            raise ClientResolutionError(error) from error

    def _check_claims(self, assertion: Assertion, client_id: str, *, is_atproto: bool) -> datetime:
        rules = AssertionRules(
            issuer=self._issuer,
            audiences=self._clients.settings.assertion_audiences,
            is_atproto=is_atproto,
            require_typ=self._clients.settings.profile.require_assertion_typ,
        )
        try:
            return check_claims(assertion, client_id, rules, self._clock())
        except AssertionRefusedError as refused:
            raise ClientResolutionError.unauthenticated(str(refused)) from refused

    def _keys_of_grant(
        self, assertion: Assertion, client: Any, grant: Grant, *, is_exchange: bool
    ) -> Sequence[PublishedKey]:
        """Return the client's current keys; raise if the key that the session is bound to is no longer among them."""
        if grant.client is None:
            return self._keys_of(client, assertion.kid)
        if is_exchange and client.metadata.jwks is not None:
            keys = self._keys_of(client, assertion.kid)
            if any(key.get("kid") == assertion.kid for key in keys):
                return keys
        today = self._today(grant, client)
        keys = self._keys_of(today, assertion.kid)
        is_bound = grant.client_key is not None and KEY_METHOD in today.metadata.accepted_auth_methods
        if is_bound and str(grant.client_key).partition(" ")[0] not in thumbprints(keys):
            raise KeyGoneError(_REFUSED)
        return keys

    def _keys_of(self, client: Any, kid: str | None) -> Sequence[PublishedKey]:
        """Return a client's keys; for a client that the app registered, those in its attribute ``jwks``."""
        if isinstance(client, URLClient):
            return self._clients.client_keys.find(client.metadata, kid)
        jwks = getattr(client, "jwks", None)
        found = json.loads(jwks) if isinstance(jwks, str) else jwks
        keys: Sequence[PublishedKey] = found.get("keys", ()) if isinstance(found, Mapping) else ()
        return keys

    def _today(self, grant: Grant, client: URLClient) -> URLClient:
        """Return the client with its current metadata.

        While the document cannot be read, the snapshot in the grant serves as a stale copy for
        ``CIMD_STALE_MAX`` seconds.

        Raises:
            CIMDError: the document cannot be read, and the snapshot is too old.
        """
        try:
            return URLClient(self._clients.resolve_existing(grant.client_id))
        except FetchError as error:
            age = self._clock() - grant.created_at
            if _may_pass(error) and age < self._clients.settings.stale_max:
                return client
            raise

    def _refuse_downgrade(self, grant: Grant) -> None:
        """Refuse a client whose document says ``none`` now: its grant needs the key (CIMD §8.2)."""
        if grant.client is None:
            return
        try:
            today = self._clients.resolve_existing(grant.client_id)
        except UnavailableError:
            raise
        except CIMDError:
            return
        if KEY_METHOD not in today.accepted_auth_methods:
            raise InvalidGrantError(_REFUSED)

    def _verified(
        self, assertion: Assertion, client: Any, until: datetime, keys: Sequence[Mapping[str, Any]]
    ) -> Authentication:
        metadata: ClientMetadata | None = getattr(client, "metadata", None)
        try:
            key = verify(assertion, keys, metadata.signing_alg if metadata else None)
        except AssertionRefusedError as refused:
            raise ClientResolutionError.unauthenticated(str(refused)) from refused
        replay_key = once_key("assertion", assertion.client_id, assertion.jti)
        return Authentication(client=client, method=KEY_METHOD, key=key, replay_key=replay_key, expires_at=until)


def session_key(grant: Grant, authentication: Authentication) -> str | None:
    """Return the ``client_key`` to store in a grant at its code exchange; only AT Protocol sessions have one."""
    if authentication.key is None or not asks_for_atproto(grant.scope):
        return grant.client_key
    return grant.client_key or str(authentication.key)


def require_bound_key(grant: Grant, authentication: Authentication) -> None:
    """Refuse an assertion that was signed with a key other than the session's.

    Raises:
        InvalidGrantError: thumbprint, algorithm or ``kid`` differ (AT Protocol OAuth).
    """
    if grant.client_key is not None and str(authentication.key) != grant.client_key:
        raise InvalidGrantError(_REFUSED)


def _read(text: str) -> Assertion:
    try:
        return read_assertion(text)
    except AssertionRefusedError as refused:
        raise ClientResolutionError.unauthenticated(str(refused)) from refused


def _presented(form: Mapping[str, str]) -> Assertion | None:
    """Return the request's assertion, or ``None`` if it has none; an invalid assertion is an error."""
    if not {"client_assertion", "client_assertion_type"} & form.keys():
        return None
    if form.get("client_assertion_type") != ASSERTION_TYPE:
        raise ClientResolutionError.unauthenticated("client_assertion_type is not that of a JWT")
    return _read(form.get("client_assertion", ""))


def _is_other_spelling(client_id: str, client: Any) -> bool:
    return isinstance(client, URLClient) and is_same_client(client_id, client.metadata)


def _accepted(client: Any, settled: str) -> tuple[str, ...]:
    """Return the accepted methods: the session's own if it is ``private_key_jwt``, else those of the document."""
    offered = tuple(m for m in ("none", KEY_METHOD) if client.check_endpoint_auth_method(m, "token"))
    return tuple(m for m in offered if m != "none") if settled == KEY_METHOD else offered


def _may_pass(error: CIMDError) -> bool:
    """Return whether the same fetch may succeed later; a forbidden address or a deleted document will not."""
    return error.temporary and not isinstance(error, AddressBlockedError)

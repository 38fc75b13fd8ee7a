"""``private_key_jwt`` (RFC 7523) as a client authentication method of Authlib's own server class."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...clients.directory import ClientDirectory
from ...core.clock import Clock, utc_now
from ..replay import ReplayCache
from .client_authentication import KEY_METHOD, Authenticator
from .parameters import without_empty


class PrivateKeyJWT:
    """Client authentication method for Authlib::

        server.register_client_auth_method("private_key_jwt", PrivateKeyJWT(cimd, issuer=ISSUER, replay_cache=cache))

    Set ``TOKEN_ENDPOINT_AUTH_METHODS = ["private_key_jwt", "none"]`` on every grant, in this order: Authlib tries the
    methods in turn, and with ``none`` first it would ignore an assertion. Add the method to ``CIMD_AUTH_METHODS``.

    Args:
        clients: finds clients and their keys; a `CIMD` is one.
        issuer: the audience of assertions.
        replay_cache: stores used assertions for all processes; `MemoryReplayCache` works for one process.
        clock: returns the current time as an aware `datetime`.
    """

    def __init__(
        self, clients: ClientDirectory, *, issuer: str, replay_cache: ReplayCache, clock: Clock = utc_now
    ) -> None:
        self._authenticator = Authenticator(clients=clients, replay_cache=replay_cache, issuer=issuer, clock=clock)

    def __call__(self, query_client: Callable[[str], Any], request: Any) -> Any:  # noqa: ARG002  Authlib's signature
        """Return the client that a request's assertion authenticates, or ``None`` if the request has no assertion.

        Raises:
            OAuth2Error: the assertion is invalid; Authlib then tries no other method.
        """
        form = without_empty(request.form)
        if not {"client_assertion", "client_assertion_type"} & form.keys():
            return None
        authentication = self._authenticator.check_client(form)
        self._authenticator.spend(authentication)
        return authentication.client if authentication.method == KEY_METHOD else None

"""``private_key_jwt`` for Authlib's own server class, for apps that do not use the hardened one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...core.clock import Clock, utc_now
from ...extension import CIMD
from ..replay import ReplayCache
from .client_authentication import KEY_METHOD, Authenticator


class PrivateKeyJWT:
    """A client authentication method for Authlib::

        server.register_client_auth_method("private_key_jwt", PrivateKeyJWT(cimd, issuer=ISSUER, storage=storage))

    and on every grant ``TOKEN_ENDPOINT_AUTH_METHODS = ["private_key_jwt", "none"]``, in this order: Authlib asks one
    after the other, and with ``none`` first an assertion would be ignored. Add the method to ``CIMD_AUTH_METHODS``.

    Args:
        cimd: resolves clients and finds their keys.
        issuer: the audience of assertions.
        storage: remembers what was used, for all processes; `MemoryReplayCache` does so for one.
        clock: returns the current aware instant.
    """

    def __init__(self, cimd: CIMD, *, issuer: str, storage: ReplayCache, clock: Clock = utc_now) -> None:
        self._authenticator = Authenticator(cimd=cimd, storage=storage, issuer=issuer, clock=clock)

    def __call__(self, query_client: Callable[[str], Any], request: Any) -> Any:  # noqa: ARG002  Authlib's signature
        """Return the client that a request's assertion proves, or ``None`` if there is no assertion.

        Raises:
            OAuth2Error: there is one, and it proves nothing; it never falls back to another method.
        """
        if not {"client_assertion", "client_assertion_type"} & request.form.keys():
            return None
        authentication = self._authenticator.check_client(request.form)
        self._authenticator.spend(authentication)
        return authentication.client if authentication.method == KEY_METHOD else None

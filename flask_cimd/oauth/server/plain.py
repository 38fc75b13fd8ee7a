"""``private_key_jwt`` for Authlib's own server class, for apps that do not use the hardened one."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime
from threading import Lock
from typing import Any

from ...core.clock import utc_now
from ...extension import CIMD
from .client_authentication import KEY_METHOD, Authenticator
from .storage import SingleUse


class PrivateKeyJWT:
    """A client authentication method for Authlib::

        server.register_client_auth_method("private_key_jwt", PrivateKeyJWT(cimd, issuer=ISSUER, storage=storage))

    and on every grant ``TOKEN_ENDPOINT_AUTH_METHODS = ["private_key_jwt", "none"]``, in this order: Authlib asks one
    after the other, and with ``none`` first an assertion would be ignored. Add the method to ``CIMD_AUTH_METHODS``.

    Args:
        cimd: resolves clients and finds their keys.
        issuer: the audience of assertions.
        storage: remembers what was used, for all processes; `MemoryOnce` does so for one.
        clock: returns the current aware instant.
    """

    def __init__(self, cimd: CIMD, *, issuer: str, storage: SingleUse, clock: Callable[[], datetime] = utc_now) -> None:
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


class MemoryOnce:
    """Remembers what was used once, in this process alone: enough for one worker, and for tests."""

    def __init__(self) -> None:
        self._ends: OrderedDict[str, datetime] = OrderedDict()
        self._lock = Lock()

    def use_once(self, key: str, expires_at: datetime, now: datetime) -> bool:
        """Remember a key until it expires; ``False`` if it is remembered already."""
        with self._lock:
            for expired in [name for name, end in self._ends.items() if end <= now]:
                del self._ends[expired]
            if key in self._ends:
                return False
            self._ends[key] = expires_at
            return True

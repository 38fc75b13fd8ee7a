"""Guarded requests of a requests session to servers that a stranger named.

A server's metadata chooses where codes and assertions are sent, and a redirect may choose again. Every connection
goes to a vetted address, redirects included, and every request has one total deadline.
"""

from __future__ import annotations

import ssl
from functools import partial
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from ..errors import ResponseTooLargeError
from .connection import GuardedConnection, GuardedTLSConnection
from .guard import FetchSettings, Guard

#: Bytes of a response that is read at once; longer ones are read with ``stream=True``.
MOST_BYTES = 1024 * 1024
_CHUNK = 16384


class VettedAdapter(HTTPAdapter):
    """Makes each request of a requests session a guarded one.

    Args:
        settings: how connections are made.
        context: the TLS context.
        deadline: seconds for a request that has no ``timeout`` of its own.
    """

    def __init__(self, settings: FetchSettings, context: ssl.SSLContext, deadline: float) -> None:
        self._settings = settings
        self._context = context
        self._deadline = deadline
        super().__init__()

    def send(self, request: requests.PreparedRequest, stream: bool = False, timeout: Any = None, **more: Any) -> Any:  # type: ignore[override]  # the rest is passed on
        """Send one request; without ``stream`` its response is read as a whole, under the same deadline.

        Raises:
            FetchError: the address may not be connected to, or the response is too slow or too large.
            requests.RequestException: anything else.
        """
        deadline = timeout if isinstance(timeout, int | float) else self._deadline
        with Guard(self._settings, deadline) as guard:
            guard.aim(request.url or "")
            try:
                answer = _GuardedAdapter(guard, self._context).send(request, stream=True, timeout=timeout, **more)
                if not stream:
                    answer._content = _whole(answer)
            except requests.RequestException as exc:
                if guard.is_late:
                    raise guard.too_late() from exc
                raise
            # Cut inside the head or the body, a response can still look complete.
            if guard.is_late:
                raise guard.too_late()
            return answer


def _whole(answer: requests.Response) -> bytes:
    body = bytearray()
    for chunk in answer.iter_content(_CHUNK):
        body += chunk
        if len(body) > MOST_BYTES:
            answer.close()
            raise ResponseTooLargeError("too-large", hint=f"more than {MOST_BYTES} bytes")
    return bytes(body)


class _GuardedPool(HTTPConnectionPool):
    """Hands one guard to each of its connections."""

    ConnectionCls: Any = GuardedConnection

    def __init__(self, *args: Any, guard: Guard, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._guard = guard

    def _new_conn(self) -> Any:
        connection: Any = super()._new_conn()
        connection.guard = self._guard
        return connection


class _GuardedTLSPool(_GuardedPool, HTTPSConnectionPool):
    ConnectionCls = GuardedTLSConnection


class _GuardedAdapter(HTTPAdapter):
    """Makes the connections of one request guarded ones."""

    def __init__(self, guard: Guard, context: ssl.SSLContext) -> None:
        self._guard = guard
        self._context = context
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Create the pool manager with guarded connections and this TLS context."""
        super().init_poolmanager(*args, ssl_context=self._context, **kwargs)
        self._put_guard_into(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        """Return the manager for the proxy, under the same guard."""
        manager: Any = super().proxy_manager_for(proxy, ssl_context=self._context, **kwargs)
        self._put_guard_into(manager)
        return manager

    def _put_guard_into(self, manager: Any) -> None:
        manager.pool_classes_by_scheme = {
            "https": partial(_GuardedTLSPool, guard=self._guard),
            "http": partial(_GuardedPool, guard=self._guard),
        }

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:  # noqa: ARG002  requests calls it so
        """Leave the trust anchors to the context: requests would add certifi's to those of the operator."""
        conn.cert_reqs = "CERT_REQUIRED"

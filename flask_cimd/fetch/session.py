"""Guarded requests of a requests session to servers that a stranger named.

A server's metadata chooses where codes and assertions are sent, and a redirect may choose again. Every connection
goes to a vetted address, redirects included, and every request has one total deadline.
"""

from __future__ import annotations

import ssl
from functools import partial
from typing import Any

import requests
from requests.adapters import BaseAdapter, HTTPAdapter
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError

from ..errors import ResponseTooLargeError
from .connection import GuardedConnection, GuardedTLSConnection
from .guard import FetchSettings, Guard
from .idle import IdleConnections, Kept
from .response import BoundedResponse

#: Bytes of a response that is read at once; longer ones are read with ``stream=True``.
MOST_BYTES = 1024 * 1024
_CHUNK = 16384


class VettedAdapter(BaseAdapter):
    """Makes each request of a requests session a guarded one.

    A connection is kept for the next request to the same origin if its response was read to the end and nothing came
    after it. A kept connection that the server has closed meanwhile is replaced before anything is sent; one that
    fails under a GET or HEAD is replaced once; no other request is ever sent twice.

    Args:
        settings: how connections are made.
        context: the TLS context.
        deadline: seconds for a request that has no ``timeout`` of its own.
        idle: where connections wait.
    """

    def __init__(
        self, settings: FetchSettings, context: ssl.SSLContext, deadline: float, idle: IdleConnections | None = None
    ) -> None:
        self._settings = settings
        self._context = context
        self._deadline = deadline
        self._idle = IdleConnections() if idle is None else idle  # an empty one is false
        super().__init__()

    def close(self) -> None:
        """Close the connections that wait."""
        self._idle.close()

    def send(self, request: requests.PreparedRequest, stream: bool = False, timeout: Any = None, **more: Any) -> Any:  # type: ignore[override]  # the rest is passed on
        """Send one request; without ``stream`` its response is read as a whole, under the same deadline.

        Raises:
            FetchError: the address may not be connected to, or the response is too slow or too large.
            requests.RequestException: anything else.
        """
        deadline = timeout if isinstance(timeout, int | float) else self._deadline
        with Guard(self._settings, deadline) as guard:
            origin, is_repeatable = guard.aim(request.url or "").origin, _is_repeatable(request)
            kept = None if stream else self._idle.take(origin, is_repeatable=is_repeatable)
            adapter, made_at = self._adapter(kept, guard)
            try:
                try:
                    answer = adapter.send(request, stream=True, timeout=timeout, **more)
                except requests.ConnectionError:
                    adapter.close()
                    if kept is None or not is_repeatable or guard.is_late:
                        raise
                    adapter, made_at = self._adapter(None, guard)
                    answer = adapter.send(request, stream=True, timeout=timeout, **more)
                if not stream:
                    answer._content = _whole(answer)
            except requests.RequestException as exc:
                if guard.is_late:
                    raise guard.too_late() from exc
                raise
            # Cut inside the head or the body, a response can still look complete.
            if guard.is_late:
                raise guard.too_late()
        if not stream:
            self._keep_or_close(origin, adapter, made_at, answer)
        return answer

    def _adapter(self, kept: Kept | None, guard: Guard) -> tuple[_GuardedAdapter, float]:
        if kept is None:
            return _GuardedAdapter(guard, self._context), self._idle.now()
        kept.adapter.use(guard)
        return kept.adapter, kept.made_at

    def _keep_or_close(self, origin: str, adapter: _GuardedAdapter, made_at: float, answer: Any) -> None:
        original = getattr(answer.raw, "_original_response", None)
        if self._settings.proxy is None and isinstance(original, BoundedResponse) and not original.is_followed:
            self._idle.keep(origin, adapter, made_at)
        else:
            adapter.close()


def _is_repeatable(request: requests.PreparedRequest) -> bool:
    # A server takes a DPoP proof once (RFC 9449 §11.1).
    return request.method in ("GET", "HEAD") and not request.body and "DPoP" not in request.headers


def _whole(answer: requests.Response) -> bytes:
    body = _in_pieces(answer) if answer.raw.chunked else _at_once(answer)
    if len(body) > MOST_BYTES:
        answer.close()
        raise ResponseTooLargeError("too-large", hint=f"more than {MOST_BYTES} bytes")
    return body


def _at_once(answer: requests.Response) -> bytes:
    try:
        body: bytes = answer.raw.read(MOST_BYTES + 1, decode_content=True)
    except HTTPError as exc:
        raise requests.ConnectionError(exc, request=answer.request) from exc
    return body


def _in_pieces(answer: requests.Response) -> bytes:
    body = bytearray()
    for chunk in answer.iter_content(_CHUNK):
        body += chunk
        if len(body) > MOST_BYTES:
            break
    return bytes(body)


class _Aim:
    """The guard of the current request, shared by an adapter and its pools without a circle of references."""

    def __init__(self, guard: Guard) -> None:
        self.guard = guard


class _GuardedPool(HTTPConnectionPool):
    """Hands the guard of the current request to its connection."""

    ConnectionCls: Any = GuardedConnection

    def __init__(self, *args: Any, aim: _Aim, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._aim = aim

    def _get_conn(self, timeout: float | None = None) -> Any:
        # urllib3 closes a connection here that has ended, or on which bytes arrived that nobody asked for.
        connection: Any = super()._get_conn(timeout)
        connection.guard = self._aim.guard
        if connection.sock is not None and not connection.resume():
            connection.close()
        return connection


class _GuardedTLSPool(_GuardedPool, HTTPSConnectionPool):
    ConnectionCls = GuardedTLSConnection


class _GuardedAdapter(HTTPAdapter):
    """Makes guarded connections to one origin, one at a time."""

    def __init__(self, guard: Guard, context: ssl.SSLContext) -> None:
        self._aim = _Aim(guard)
        self._context = context
        super().__init__(pool_connections=1, pool_maxsize=1, max_retries=0)

    def use(self, guard: Guard) -> None:
        """Take the guard of the next request."""
        self._aim.guard = guard

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
            "https": partial(_GuardedTLSPool, aim=self._aim),
            "http": partial(_GuardedPool, aim=self._aim),
        }

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:  # noqa: ARG002  requests calls it so
        """Leave the trust anchors to the context: requests would add certifi's to those of the operator."""
        conn.cert_reqs = "CERT_REQUIRED"

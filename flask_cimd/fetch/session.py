"""Guarded requests of a requests session to servers that a stranger named.

A server's metadata or a redirect can choose the URLs that receive codes and assertions. Every connection, also after a
redirect, goes to a vetted address, and every request has one total deadline.
"""

from __future__ import annotations

import contextlib
import http.client
import ssl
from collections.abc import Iterator
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError, SSLError

from ..core.sentences import sentence
from ..errors import ResponseTooLargeError
from .connection import open_connection, proxy_headers
from .guard import FetchSettings, Guard
from .idle import IdleConnections, Kept
from .response import BoundedResponse

#: Maximum size of a response without ``stream=True``, in bytes.
MOST_BYTES = 1024 * 1024
_CHUNK = 16384


class VettedAdapter(HTTPAdapter):
    """Makes every request of a requests session guarded.

    The adapter keeps a connection for the next request to the same origin if the response was read completely and no
    byte followed it. It replaces a kept connection that the server has closed before it sends anything; if a kept
    connection fails during a GET or HEAD, it retries once. It sends no other request twice.

    The adapter uses urllib3's connections without its pools: pools take more time than the connection, and would
    choose the trust anchors, the proxy and the next connection themselves.

    Args:
        settings: settings of the connections.
        context: the TLS context.
        deadline: total deadline of a request without ``timeout``, in seconds.
        idle: store of idle connections.
    """

    def __init__(
        self, settings: FetchSettings, context: ssl.SSLContext, deadline: float, idle: IdleConnections | None = None
    ) -> None:
        self._settings = settings
        self._context = context
        self._deadline = deadline
        self._idle = IdleConnections() if idle is None else idle  # an empty store is false
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Create no pools."""

    def close(self) -> None:
        """Close the idle connections."""
        self._idle.close()

    def send(self, request: requests.PreparedRequest, stream: bool = False, timeout: Any = None, **_: Any) -> Any:  # type: ignore[override]  # the rest is ignored
        """Send one request; without ``stream``, read the whole response under the same deadline.

        The settings determine the trust anchors and the proxy; ``verify``, ``cert`` and ``proxies`` are ignored.

        Raises:
            FetchError: the address is blocked, or the response is too slow or too large.
            requests.RequestException: any other failure.
        """
        deadline = timeout if isinstance(timeout, int | float) else self._deadline
        with Guard(self._settings, deadline) as guard:
            origin, is_repeatable = guard.aim(request.url or "").origin, _is_repeatable(request)
            kept = None if stream else self._resumed(guard, origin, is_repeatable=is_repeatable)
            connection, made_at = (kept.connection, kept.made_at) if kept else self._connection(guard, request)
            try:
                try:
                    raw = _ask(connection, guard, request, timeout)
                except requests.ConnectionError:
                    connection.close()
                    if kept is None or not is_repeatable or guard.is_late:
                        raise
                    connection, made_at = self._connection(guard, request)
                    raw = _ask(connection, guard, request, timeout)
                answer = self.build_response(request, raw)
                if not stream:
                    answer._content = _whole(answer)
            except BaseException as exc:
                connection.close()
                if isinstance(exc, requests.RequestException) and guard.is_late:
                    raise guard.too_late() from exc
                raise
            # A response that ends inside the head or the body can still look complete.
            if guard.is_late:
                connection.close()
                raise guard.too_late()
        if stream:
            raw._connection, raw._pool = connection, _CLOSING
        else:
            self._keep_or_close(origin, connection, made_at, raw)
        return answer

    def _connection(self, guard: Guard, request: requests.PreparedRequest) -> tuple[Any, float]:
        return open_connection(guard, request.url or "", self._context), self._idle.now()

    def _resumed(self, guard: Guard, origin: str, *, is_repeatable: bool) -> Kept | None:
        """Return the idle connection of this origin, unless it has ended or the current rules refuse its address."""
        kept = self._idle.take(origin, is_repeatable=is_repeatable)
        if kept is None:
            return None
        kept.connection.guard = guard
        # A connection with unsolicited bytes is not used either.
        if kept.connection.is_connected and kept.connection.resume():
            return kept
        kept.connection.close()
        return None

    def _keep_or_close(self, origin: str, connection: Any, made_at: float, raw: Any) -> None:
        original = getattr(raw, "_original_response", None)
        if self._settings.proxy is None and isinstance(original, BoundedResponse) and not original.is_followed:
            self._idle.keep(origin, connection, made_at)
        else:
            connection.close()


def _ask(connection: Any, guard: Guard, request: requests.PreparedRequest, timeout: Any) -> Any:
    """Return urllib3's response with an unread body; raise errors as requests does."""
    headers: Any = request.headers
    if connection.proxy_is_forwarding:
        headers = {**headers, **proxy_headers(guard.settings)}
    chunked = not (request.body is None or "Content-Length" in headers)
    with _translated(request):
        if connection.is_closed:
            connection.connect()
        connection.timeout = timeout[1] if isinstance(timeout, tuple) else getattr(timeout, "read_timeout", timeout)
        # A server may answer and close the connection before it has read the whole request.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.request(
                request.method,
                guard.target,
                request.body,
                headers,
                chunked=chunked,
                preload_content=False,
                decode_content=False,
            )
        return connection.getresponse()


@contextlib.contextmanager
def _translated(request: requests.PreparedRequest) -> Iterator[None]:
    """Translate errors of the connection to those of requests."""
    try:
        yield
    except TimeoutError as exc:
        raise requests.ReadTimeout(exc, request=request) from exc
    except (ssl.SSLError, SSLError) as exc:
        raise requests.exceptions.SSLError(exc, request=request) from exc
    except (HTTPError, http.client.HTTPException, OSError) as exc:
        raise requests.ConnectionError(exc, request=request) from exc


class _Closing:
    """Replaces the pool to which urllib3 returns the connection of a streamed response; closes the connection."""

    def _put_conn(self, connection: Any) -> None:
        connection.close()


_CLOSING = _Closing()


def _is_repeatable(request: requests.PreparedRequest) -> bool:
    # A server accepts a DPoP proof once (RFC 9449 §11.1).
    return request.method in ("GET", "HEAD") and not request.body and "DPoP" not in request.headers


def _whole(answer: requests.Response) -> bytes:
    body = _in_pieces(answer) if answer.raw.chunked else _at_once(answer)
    if len(body) > MOST_BYTES:
        answer.close()
        raise ResponseTooLargeError("too-large", hint=sentence("more than %(most)s bytes", most=MOST_BYTES))
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

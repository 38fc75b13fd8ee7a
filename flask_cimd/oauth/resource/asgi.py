"""Protect an ASGI app, such as an MCP server, with a `ResourceProtector`.

app = ProtectedASGI(mcp.streamable_http_app(), protector, metadata=notes.metadata(issuer), needs=tool_scopes)
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Collection, Mapping, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request

from ..cors import ANY_ORIGIN, is_preflight
from ..resource_metadata import resource_metadata_url
from .protector import Admitted, ResourceProtector, TokensUnavailableError
from .schemes import TokenRefused

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class ProtectedASGI:
    """Passes requests with a valid token to the app, and serves the resource's metadata.

    Answers CORS preflight requests without a token; the protector's ``origins`` lists the allowed origins.

    The `Access` of a request is in ``scope["flask_cimd_access"]``.

    Args:
        app: the ASGI app to protect.
        protector: checks tokens; its ``find`` runs in a thread.
        metadata: the RFC 9728 document.
        needs: returns the scopes that a request body requires; may raise `TokenRefused` for an unreadable body.
        entry: scopes in the challenge for a request without a token.
        longest_body: maximum size of a body in bytes; a larger body gets status 413.
    """

    def __init__(
        self,
        app: App,
        protector: ResourceProtector,
        *,
        metadata: Mapping[str, Any],
        needs: Callable[[bytes], Collection[str]] = lambda body: (),  # noqa: ARG005
        entry: Collection[str] = (),
        longest_body: int = 1024 * 1024,
    ) -> None:
        self._app = app
        self._protector = protector
        self._metadata = metadata
        self._metadata_path = urlsplit(resource_metadata_url(protector.audience)).path
        self._needs = needs
        self._entry = entry
        self._longest_body = longest_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
        elif scope["path"] == self._metadata_path:
            await self._describe(scope, send)
        else:
            await self._guard_browsers(scope, receive, send)

    async def _describe(self, scope: Scope, send: Send) -> None:
        sent = _as_request(scope).headers
        if is_preflight(scope["method"], sent):
            await _answer(send, 204, None, ANY_ORIGIN.preflight(sent, "GET, HEAD, OPTIONS"))
        else:
            await _answer(send, 200, self._metadata, ANY_ORIGIN.headers(None))

    async def _guard_browsers(self, scope: Scope, receive: Receive, send: Send) -> None:
        sent, rule = _as_request(scope).headers, self._protector.cross_origin
        if is_preflight(scope["method"], sent):
            await _answer(send, 204, None, rule.preflight(sent))
        else:
            await self._guard(scope, receive, _with_headers(rule.headers(sent.get("Origin")), send))

    async def _guard(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            body = await _read(receive, self._longest_body)
        except _ClientLeft:
            return
        if body is None:
            await _answer(send, 413, {"error": "invalid_request"})
            return
        try:
            admitted = await asyncio.to_thread(self._admit, _as_request(scope), body)
        except TokenRefused as refused:
            challenge = self._protector.challenge(refused, refused.scope or self._needed_to_enter(body))
            members = {"error": refused.error or "unauthorized", "error_description": refused.description}
            await _answer(send, refused.status, members, {"WWW-Authenticate": challenge, **refused.headers})
        except TokensUnavailableError:
            await _answer(send, 503, {"error": "temporarily_unavailable"}, {"Retry-After": "5"})
        else:
            scope["flask_cimd_access"] = admitted.access
            await self._app(scope, _replay(body, receive), _with_headers(admitted.headers, send))

    def _needed_to_enter(self, body: bytes) -> Collection[str]:
        """Return the scopes of a first challenge, including those of this request (MCP scope selection)."""
        try:
            return list(dict.fromkeys([*self._entry, *self._needs(body)]))
        except TokenRefused:
            return self._entry

    def _admit(self, request: Request, body: bytes) -> Admitted:
        admitted = self._protector.admit(request=request)
        access = admitted.access
        try:
            self._protector.require(access, *self._needs(body))
        except TokenRefused as refused:
            refused.headers = {**admitted.headers, **refused.headers}
            refused.scheme = request.headers["Authorization"].partition(" ")[0]
            # Some clients then request exactly these scopes, and would lose their current scopes.
            refused.scope = list(dict.fromkeys([*sorted(access.scope), *refused.scope])) if refused.scope else ()
            raise
        return admitted


def _as_request(scope: Scope) -> Request:
    """Return the request for `ResourceProtector`, without its body."""
    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
    kept = [(name, value) for name, value in headers if name.lower() not in ("content-length", "transfer-encoding")]
    builder = EnvironBuilder(method=scope["method"], headers=kept)
    builder.query_string = scope.get("query_string", b"").decode("latin-1")
    # EnvironBuilder would decode the path a second time.
    path_info = scope["path"].encode(errors="replace").decode("latin-1")
    return Request({**builder.get_environ(), "PATH_INFO": path_info})


class _ClientLeft(Exception):  # noqa: N818  an outcome, not a fault
    """The client disconnected before the end of its request."""


async def _read(receive: Receive, longest: int) -> bytes | None:
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _ClientLeft
        body += bytes(message.get("body", b""))
        if len(body) > longest:
            return None
        if not message.get("more_body"):
            return body


def _replay(body: bytes, receive: Receive) -> Receive:
    """Return the body to the app again, then later messages, such as ``http.disconnect``."""
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> MutableMapping[str, Any]:
        return waiting.pop() if waiting else await receive()

    return replay


def _with_headers(headers: Mapping[str, str], send: Send) -> Send:
    """Return ``send`` for the app; it adds these headers to the app's response, unless that has its own."""
    added = _encoded(headers)

    async def send_with_headers(message: MutableMapping[str, Any]) -> None:
        if added and message["type"] == "http.response.start":
            own = [(bytes(name).lower(), value) for name, value in message.get("headers", ())]
            present = {name for name, _ in own} - {b"vary"}
            message = {**message, "headers": [*own, *(field for field in added if field[0] not in present)]}
        await send(message)

    return send_with_headers


def _encoded(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]


async def _answer(
    send: Send, status: int, members: Mapping[str, Any] | None, headers: Mapping[str, str] | None = None
) -> None:
    kept = None if members is None else {name: value for name, value in members.items() if value is not None}
    body = b"" if kept is None else json.dumps(kept).encode()
    kind = {} if kept is None else {"Content-Type": "application/json"}
    fields = {**kind, "Cache-Control": "no-store", **(headers or {})}
    await send({"type": "http.response.start", "status": status, "headers": _encoded(fields)})
    await send({"type": "http.response.body", "body": body})

"""The port in front of an ASGI app, told what servers tell it, without a server."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest

from flask_cimd.oauth import Access, ProtectedASGI, ResourceProtector

RESOURCE = "https://me.example/mcp"
ACCESS = Access(subject="https://me.example/", client_id="c", scope=frozenset({"read"}), audience=frozenset({RESOURCE}))


def exchange(scope: dict[str, Any], *messages: dict[str, Any]) -> tuple[list[Any], list[bytes]]:
    """Return what the port sends, and the bodies that reach the app behind it."""
    waiting, sent, reached = list(messages), [], []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        reached.append((await receive())["body"])
        await send({"type": "http.response.start", "status": 204, "headers": []})

    async def receive() -> dict[str, Any]:
        return waiting.pop(0)

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    protector = ResourceProtector({"good": ACCESS}.get, audience=RESOURCE)
    usual = {"type": "http", "method": "POST", "path": "/mcp", "headers": [(b"authorization", b"Bearer good")]}
    asyncio.run(ProtectedASGI(app, protector, metadata={})({**usual, **scope}, receive, send))
    return sent, reached


def test_a_whole_body_reaches_the_app() -> None:
    sent, reached = exchange(
        {}, {"type": "http.request", "body": b"a", "more_body": True}, {"type": "http.request", "body": b"b"}
    )
    assert (sent[0]["status"], reached) == (204, [b"ab"])


def test_a_body_that_was_cut_off_does_not() -> None:
    cut = ({"type": "http.request", "body": b"delete a", "more_body": True}, {"type": "http.disconnect"})
    assert exchange({}, *cut) == ([], [])


@pytest.mark.parametrize("path", ["//[", "http://[", "/\x00", "/\u00e9", "", "*"])
def test_a_path_that_is_no_url_is_a_path(path: str) -> None:
    sent, _ = exchange({"path": path, "headers": []}, {"type": "http.request"})
    assert sent[0]["status"] == 401

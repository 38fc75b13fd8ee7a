"""What `ProtectedASGI` lets pass, and what it answers itself: one request each, as ASGI messages."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection
from typing import Any

import pytest

from flask_cimd.oauth import Access, ProtectedASGI, ResourceProtector, TokenRefused, TokensUnavailableError

RESOURCE = "https://me.example/mcp"
METADATA = {"resource": RESOURCE, "scopes_supported": ["read", "write"]}
READER = Access(subject="me", client_id="c", scope=frozenset({"read"}), audience=frozenset({RESOURCE}))


def find(secret: str) -> Access | None:
    if secret == "outage":
        raise TokensUnavailableError("the storage does not answer")
    return READER if secret == "reader" else None


def needs(body: bytes) -> Collection[str]:
    if body == b"unreadable":
        raise TokenRefused(400, "invalid_request", "The body cannot be read.")
    return body.decode().split()


class Port:
    """A protected app and one connection to it.

    Attributes:
        reached: scopes of the connections that reached the app.
        received: the messages that the app received.
        sent: the messages that the client received.
    """

    def __init__(self) -> None:
        self.reached: list[Any] = []
        self.received: list[Any] = []
        self.sent: list[Any] = []
        protector = ResourceProtector(find, audience=RESOURCE)
        self._app = ProtectedASGI(
            self._behind, protector, metadata=METADATA, needs=needs, entry=("read",), longest_body=10
        )

    async def _behind(self, scope: Any, receive: Any, send: Any) -> None:
        self.reached.append(scope)
        if scope["type"] == "http":
            self.received += [await receive(), await receive()]
            await send({"type": "http.response.start", "status": 204, "headers": []})

    def connect(self, body: bytes = b"", token: str | None = "reader", **scope: Any) -> Port:
        headers = [] if token is None else [(b"authorization", f"Bearer {token}".encode())]
        usual = {"type": "http", "method": "POST", "path": "/mcp", "headers": headers, "query_string": b""}
        waiting = [{"type": "http.request", "body": body}, {"type": "http.disconnect"}]

        async def receive() -> Any:
            return waiting.pop(0)

        async def send(message: Any) -> None:
            self.sent.append(message)

        asyncio.run(self._app({**usual, **scope}, receive, send))
        return self

    @property
    def status(self) -> int:
        return int(self.sent[0]["status"])

    @property
    def headers(self) -> dict[str, str]:
        return {name.decode(): value.decode() for name, value in self.sent[0]["headers"]}

    @property
    def answer(self) -> Any:
        return json.loads(self.sent[1]["body"])


def test_a_living_token_reaches_the_app_with_its_access_and_the_news_after_the_body() -> None:
    port = Port().connect(b"read")
    assert (port.status, len(port.reached)) == (204, 1)
    assert port.reached[0]["flask_cimd_access"] == READER
    assert port.received == [
        {"type": "http.request", "body": b"read", "more_body": False},
        {"type": "http.disconnect"},
    ]


def test_the_start_of_the_app_needs_no_token() -> None:
    assert [scope["type"] for scope in Port().connect(type="lifespan").reached] == ["lifespan"]


def test_a_websocket_is_closed_whatever_it_presents() -> None:
    port = Port().connect(type="websocket")
    assert port.sent == [{"type": "websocket.close", "code": 1008}]
    assert port.reached == []


def test_the_metadata_is_for_everybody_and_for_scripts_of_any_origin() -> None:
    port = Port().connect(path="/.well-known/oauth-protected-resource/mcp", method="GET", token=None)
    assert (port.status, port.answer, port.reached) == (200, METADATA, [])
    assert port.headers["access-control-allow-origin"] == "*"


def test_the_longest_body_has_so_many_bytes() -> None:
    assert Port().connect(b"read " * 2).status == 204
    port = Port().connect(b"read " * 2 + b" ")
    assert (port.status, port.answer, port.reached) == (413, {"error": "invalid_request"}, [])


@pytest.mark.parametrize("token", [None, "dead"])
def test_without_a_living_token_the_challenge_names_what_this_request_needs(token: str | None) -> None:
    port = Port().connect(b"write", token=token)
    assert (port.status, port.reached) == (401, [])
    assert 'scope="read write"' in port.headers["www-authenticate"]
    assert port.headers["cache-control"] == "no-store"


def test_a_body_that_cannot_be_read_needs_the_scopes_of_entry() -> None:
    port = Port().connect(b"unreadable", token=None)
    assert port.status == 401
    assert 'scope="read"' in port.headers["www-authenticate"]
    refused = Port().connect(b"unreadable")
    assert (refused.status, refused.answer["error"], refused.reached) == (400, "invalid_request", [])


def test_a_missing_scope_is_named_beside_those_that_are_held() -> None:
    # Clients ask for exactly these scopes next.
    port = Port().connect(b"write")
    assert (port.status, port.answer["error"], port.reached) == (403, "insufficient_scope", [])
    assert 'scope="read write"' in port.headers["www-authenticate"]
    assert port.headers["www-authenticate"].startswith('Bearer error="insufficient_scope"')


def test_an_outage_lets_nobody_in() -> None:
    port = Port().connect(token="outage")
    assert (port.status, port.answer, port.reached) == (503, {"error": "temporarily_unavailable"}, [])
    assert port.headers["retry-after"] == "5"


def test_a_token_in_the_query_is_a_second_one() -> None:
    port = Port().connect(query_string=b"access_token=reader")
    assert (port.status, port.answer["error"], port.reached) == (400, "invalid_request", [])


def test_a_refusal_of_a_bound_token_names_its_own_scheme_first_and_its_nonce() -> None:
    class Fancy:
        name = "Fancy"

        def attributes(self) -> dict[str, str]:
            return {}

        def check(self, *_: Any) -> dict[str, str]:
            return {"Fancy-Nonce": "n"}

    class Plain(Fancy):
        name = "Plain"

    port = Port()
    port._app._protector = ResourceProtector(find, audience=RESOURCE, schemes=(Plain(), Fancy()))
    fancy = [(b"authorization", b"Fancy reader")]
    port.connect(b"write", headers=fancy)
    assert (port.status, port.headers["fancy-nonce"]) == (403, "n")
    assert port.headers["www-authenticate"].startswith('Fancy error="insufficient_scope"')


def test_a_length_that_is_none_is_not_read() -> None:
    # The body is read from the messages; what the header says of it does not matter any more.
    headers = [(b"authorization", b"Bearer reader"), (b"content-length", b"x"), (b"transfer-encoding", b"chunked")]
    assert Port().connect(headers=headers).status == 204


@pytest.mark.parametrize("path", ["/%61", "/a b", "/caf\u00e9"])
def test_a_path_is_decoded_once(path: str) -> None:
    seen: list[str] = []

    class Looking:
        name = "Bearer"

        def attributes(self) -> dict[str, str]:
            return {}

        def check(self, request: Any, *_: Any) -> dict[str, str]:
            seen.append(request.path)
            return {}

    port = Port()
    port._app._protector = ResourceProtector(find, audience=RESOURCE, schemes=(Looking(),))
    assert port.connect(path=path).status == 204
    assert seen == [path]

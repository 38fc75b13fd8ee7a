"""A client's session at a server that means harm: it chose the addresses that codes and assertions are sent to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import trustme

from flask_cimd.errors import AddressBlockedError, DeadlineExceededError, ResponseTooLargeError
from flask_cimd.fetch.fetcher import FetchSettings
from flask_cimd.publish.client import PublishedClient
from tests.support.origin import SocketOrigin, TLSOrigin, server_context

SERVER = "https://localhost"
JSON = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"

At = Callable[..., Any]


@pytest.fixture
def at(ca_bundle: Path) -> At:
    """Return a session at a server behind a port of this computer, which counts as a public one."""

    def open_session(port: int | None, **more: Any) -> Any:
        names = {"localhost": ("127.0.0.1", port)} if port else {}
        fetch = FetchSettings(ca_bundle=str(ca_bundle), development_hosts=names)
        members = {"redirect_uris": ["https://app.example/callback"]}
        client = PublishedClient(client_id="https://app.example/client.json", members=members, fetch=fetch)
        return client.session({"issuer": SERVER, "token_endpoint": f"{SERVER}/token"}, **more)

    return open_session


@pytest.fixture
def inside() -> Iterator[SocketOrigin]:
    """Run a service of the client's own network."""
    with SocketOrigin(lambda connection, _: connection.sendall(JSON + b"Content-Length: 2\r\n\r\n{}")) as found:
        yield found


def test_an_endpoint_on_a_special_use_address_gets_nothing(origin: TLSOrigin, at: At) -> None:
    with pytest.raises(AddressBlockedError):
        at(None).fetch_token(origin.url("/token"), code="c")
    with pytest.raises(AddressBlockedError):
        at(None).revoke_token(origin.url("/revoke"), token="t")
    assert origin.connections == 0


@pytest.mark.parametrize("status", [302, 307])
@pytest.mark.parametrize(
    ("scheme", "error"), [("http", requests.exceptions.InvalidSchema), ("https", AddressBlockedError)]
)
def test_no_redirect_leads_there_either(
    origin: TLSOrigin, inside: SocketOrigin, at: At, status: int, scheme: str, error: type[Exception]
) -> None:
    origin.serve("/token", b"", status=status, headers={"Location": f"{scheme}://127.0.0.1:{inside.port}/"})
    with pytest.raises(error):
        at(origin.port).fetch_token(code="c")
    assert (origin.count("/token"), inside.connections) == (1, 0)


def test_a_server_that_never_ends_costs_one_deadline(ca: trustme.CA, at: At) -> None:
    def drip(connection: Any, _: bytes) -> None:
        connection.sendall(JSON + b"\r\n")
        while not slow.stopping.wait(0.02):
            connection.sendall(b" ")

    with SocketOrigin(drip, server_context(ca, "localhost")) as slow, pytest.raises(DeadlineExceededError):
        at(slow.port, default_timeout=0.3).fetch_token(code="c")


def test_a_megabyte_is_enough_of_an_answer_unless_it_is_streamed(origin: TLSOrigin, at: At) -> None:
    session = at(origin.port, token={"access_token": "t", "token_type": "Bearer"})
    origin.serve("/export", b"x" * (1024 * 1024 + 1))
    with pytest.raises(ResponseTooLargeError):
        session.get(f"{SERVER}/export")
    assert len(session.get(f"{SERVER}/export", stream=True).content) == 1024 * 1024 + 1

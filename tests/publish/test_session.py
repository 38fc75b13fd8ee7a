"""A client's session at a server that means harm: it chose the addresses that codes and assertions are sent to."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from authlib.integrations.base_client import OAuthError

from flask_cimd.errors import (
    AddressBlockedError,
    DeadlineExceededError,
    FetchError,
    ResponseTooLargeError,
    UnexpectedResponseError,
)
from flask_cimd.fetch.fetcher import FetchSettings
from flask_cimd.publish import PublishedClient, SessionEndedError, UnsupportedServerError
from flask_cimd.publish.dpop import DPoPKey
from flask_cimd.publish.token_life import FileLocks, ProcessLocks, lock_name
from tests.support.origin import SocketOrigin, TLSOrigin, server_context

SERVER = "https://localhost"
JSON = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"

At = Callable[..., Any]


@pytest.fixture
def at(ca_bundle: Path) -> At:
    """Return a session at a server behind a port of this computer, which counts as a public one."""

    def open_session(port: int | None, **more: Any) -> Any:
        listed = {name: more.pop(name) for name in list(more) if name.endswith("_supported")}
        names = {"localhost": ("127.0.0.1", port)} if port else {}
        fetch = FetchSettings(ca_bundle=str(ca_bundle), development_hosts=names)
        members = {"redirect_uris": ["https://app.example/callback"]}
        client = PublishedClient(client_id="https://app.example/client.json", members=members, fetch=fetch)
        endpoints = {
            "authorization_endpoint": f"{SERVER}/authorize",
            "token_endpoint": f"{SERVER}/token",
            "pushed_authorization_request_endpoint": f"{SERVER}/par",
        }
        return client.session({"issuer": SERVER, **endpoints, **listed}, **more)

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


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("endpoint", ["token", "revoke", "par"])
def test_no_redirect_takes_a_secret_elsewhere(
    origin: TLSOrigin, inside: SocketOrigin, at: At, status: int, endpoint: str
) -> None:
    origin.serve(f"/{endpoint}", b"", status=status, headers={"Location": f"https://127.0.0.1:{inside.port}/"})
    session = at(origin.port)
    requests_of = {
        "token": lambda: session.fetch_token(code="c"),
        "revoke": lambda: session.revoke_token(f"{SERVER}/revoke", token="t"),
        "par": session.begin,
    }
    with pytest.raises(UnexpectedResponseError) as caught:
        requests_of[endpoint]()
    assert caught.value.slug == "redirect"
    assert (origin.count(f"/{endpoint}"), inside.connections) == (1, 0)


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


def issue(origin: TLSOrigin, **members: Any) -> None:
    origin.serve("/token", json.dumps(members).encode(), headers={"Content-Type": "application/json"})


def test_a_server_that_announces_dpop_may_not_issue_a_bearer_token(origin: TLSOrigin, at: At) -> None:
    issue(origin, access_token="t", token_type="Bearer")
    session = at(origin.port, dpop=True, dpop_signing_alg_values_supported=["ES256"])
    with pytest.raises(OAuthError) as caught:
        session.fetch_token(code="c")
    assert (caught.value.error, session.token) == ("invalid_token_type", None)
    assert b"\r\nDPoP: ey" in origin.requests[-1]


def test_a_server_without_dpop_issues_what_it_has(origin: TLSOrigin, at: At) -> None:
    issue(origin, access_token="t", token_type="Bearer", expires_in="3600")
    token = at(origin.port, dpop=True).fetch_token(code="c")
    assert (token["token_type"], token["expires_in"]) == ("Bearer", 3600)


def test_a_bound_session_takes_no_bearer_token_for_its_refresh_token(origin: TLSOrigin, at: At) -> None:
    key = DPoPKey.generate()
    token = {"access_token": "t", "refresh_token": "r", "token_type": "DPoP", "dpop_key": key.to_dict()}
    issue(origin, access_token="other", token_type="Bearer")
    session = at(origin.port, token=token)
    with pytest.raises(OAuthError) as caught:
        session.refresh_token()
    assert (caught.value.error, session.token["access_token"]) == ("invalid_token_type", "t")


def test_no_common_algorithm_of_proofs_ends_before_a_request(origin: TLSOrigin, at: At) -> None:
    with pytest.raises(UnsupportedServerError) as caught:
        at(origin.port, dpop=True, dpop_signing_alg_values_supported=["RS256"]).begin()
    assert (caught.value.slug, origin.connections) == ("dpop-algorithm", 0)


HELD = {"access_token": "a", "refresh_token": "r", "token_type": "Bearer"}


def test_a_refused_refresh_is_no_network_failure(origin: TLSOrigin, at: At) -> None:
    session = at(origin.port, token=HELD)
    for status, body, error in (
        (400, b'{"error": "invalid_grant"}', SessionEndedError),
        (503, b"{}", FetchError),
        (200, b"<html>", FetchError),
    ):
        origin.serve("/token", body, status=status, headers={"Content-Type": "application/json"})
        with pytest.raises(error):
            session.refresh_token()
    with pytest.raises(FetchError):
        at(1, token=HELD).refresh_token()
    assert session.token["refresh_token"] == "r"


def test_a_rotation_is_told_once_and_used_by_all(origin: TLSOrigin, at: At) -> None:
    issue(origin, access_token="b", refresh_token="r2", token_type="Bearer")
    kept: list[dict[str, Any]] = [HELD]
    lock = ProcessLocks()

    def refresh() -> None:
        more = {"update_token": lambda token, **_: kept.append(dict(token)), "load_token": lambda: kept[-1]}
        assert at(origin.port, token=HELD, token_lock=lock, **more).refresh_token()["access_token"] == "b"

    threads = [threading.Thread(target=refresh) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert origin.count("/token") == 1
    assert [token["refresh_token"] for token in kept] == ["r", "r2"]


_HOLDER = """
import sys
from pathlib import Path
from flask_cimd.publish.token_life import FileLocks, lock_name
with FileLocks(Path(sys.argv[1]))(lock_name("r")):
    print("held", flush=True)
    sys.stdin.readline()
print("released", flush=True)
"""


def test_processes_wait_for_each_other(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _HOLDER, str(tmp_path / "locks")]
    root = Path(__file__).parents[2]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        entered = threading.Event()

        def enter() -> None:
            with FileLocks(tmp_path / "locks")(lock_name("r")):
                entered.set()

        waiting = threading.Thread(target=enter)
        waiting.start()
        assert not entered.wait(0.2)
        other.stdin.write("\n")
        other.stdin.flush()
        assert entered.wait(20)
        waiting.join()
    assert lock_name("r") not in str(sorted(tmp_path.rglob("*")))

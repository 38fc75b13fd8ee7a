"""Workers that are killed during sign-ins lose and double nothing that was acknowledged; `make soak` does more."""

from __future__ import annotations

import signal
import socket
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.soak import rounds
from tests.support.browser import publish_client
from tests.support.databases import private_schema
from tests.support.gunicorn import gunicorn
from tests.support.origin import TLSOrigin


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_kill_9_loses_and_doubles_nothing(
    kind: str, tmp_path: Path, ca_bundle: Path, origin: TLSOrigin, request: pytest.FixtureRequest
) -> None:
    is_sqlite = kind == "sqlite"
    url = f"sqlite:///{tmp_path}/site.db" if is_sqlite else private_schema(request.getfixturevalue("postgres_url"))
    with gunicorn(tmp_path, database_url=url, workers=2, CIMD_CA_BUNDLE=str(ca_bundle)) as (process, owner):
        clients = [publish_client(origin, f"/{number}.json") for number in range(4)]
        for client in clients:
            owner.tokens(client)
        with rounds.killing(process.pid, every=0.5, most=2) as killed:
            tally = rounds.run(owner, clients, number=16)
            while not killed:
                tally.tokens += rounds.run(owner, clients, number=4).tokens
        assert tally.errors == []
        assert len(tally.tokens) >= 16
        assert rounds.lost(owner, tally.tokens) == []
    assert rounds.doubled(url) == 0


def test_sigterm_lets_the_request_in_flight_finish(tmp_path: Path, ca_bundle: Path) -> None:
    url = f"sqlite:///{tmp_path}/site.db"
    with gunicorn(tmp_path, database_url=url, workers=1, CIMD_CA_BUNDLE=str(ca_bundle)) as (process, owner):
        at = urlsplit(owner.base_url)
        with socket.create_connection((at.hostname, at.port), timeout=40) as connection:
            head = f"POST /token HTTP/1.1\r\nHost: {at.netloc}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
            connection.sendall(f"{head}Content-Length: 21\r\nExpect: 100-continue\r\n\r\n".encode())
            assert b"100 Continue" in connection.recv(100)  # a thread has it
            process.send_signal(signal.SIGTERM)
            connection.sendall(b"grant_type=nothing&a=")
            assert b" 400 " in connection.recv(4096).split(b"\r\n")[0]
        assert process.wait(40) == 0

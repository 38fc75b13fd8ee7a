"""Several processes, one store: one fetch, and no fetch lost with a killed leader."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme

from tests.support.origin import SocketOrigin, server_context
from tests.support.proves import proves
from tests.support.stores import SHARED

#: One worker: sets itself up, says "ready", and resolves each URL that it reads from its standard input.
WORKER = """
import json, sys
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from flask_cimd import CIMD, CIMDError
from flask_cimd.stores.redis import RedisStore, connect
config = json.loads(sys.argv[1])
prefix = config.pop("prefix")
app = Flask("worker")
app.config.update(config)
db = None
if "SQLALCHEMY_DATABASE_URI" in config:
    db = SQLAlchemy()
    db.init_app(app)
else:
    app.config["CIMD_STORE"] = RedisStore(connect("redis://127.0.0.1/0"), prefix=prefix)
cimd = CIMD()
cimd.init_app(app, db=db)
with app.app_context():
    if db is not None and config["create"]:
        db.create_all()
    print("ready", flush=True)
    for line in sys.stdin:
        try:
            print(cimd.resolve(line.strip()).client_name, flush=True)
        except CIMDError as error:
            print(f"{type(error).__name__} {error.slug}", flush=True)
"""


class Worker:
    def __init__(self, config: dict[str, Any]) -> None:
        command = [sys.executable, "-c", WORKER, json.dumps(config)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, url: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(url + "\n")
        self.process.stdin.flush()

    def answer(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)


@pytest.fixture(params=SHARED)
def config(request: pytest.FixtureRequest, ca_bundle: Path, tmp_path: Path) -> dict[str, Any]:
    found = {"CIMD_ALLOW_LOOPBACK": True, "CIMD_CA_BUNDLE": str(ca_bundle), "CIMD_FETCH_TIMEOUT": 2, "prefix": ""}
    if request.param == "redis":
        return found | {"prefix": request.getfixturevalue("private_redis")[1]}
    url = request.getfixturevalue("postgres_url") if request.param == "postgresql" else f"sqlite:///{tmp_path}/s.db"
    return found | {"SQLALCHEMY_DATABASE_URI": url, "CIMD_STORE": "sqlalchemy"}


@contextmanager
def workers(config: dict[str, Any], number: int) -> Iterator[list[Worker]]:
    with ExitStack() as stack:
        running = []
        for index in range(number):
            worker = Worker(config | {"create": index == 0})
            running.append(worker)
            stack.callback(close, worker)
            if index == 0:
                assert worker.answer() == "ready"
        for worker in running[1:]:
            assert worker.answer() == "ready"
        yield running


def close(worker: Worker) -> None:
    worker.process.kill()
    worker.process.wait(10)
    for pipe in (worker.process.stdin, worker.process.stdout):
        assert pipe is not None
        pipe.close()


class HeldOrigin:
    """An https origin that keeps every request waiting until it is released."""

    def __init__(self, ca: trustme.CA, *, status: str = "200 OK", headers: str = "") -> None:
        self.asked = threading.Semaphore(0)
        self.released = threading.Event()
        self._start = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\n{headers}Connection: close\r\n"
        self.socket = SocketOrigin(self._answer, server_context(ca, "localhost", "127.0.0.1", "::1"))
        self.url = f"https://localhost:{self.socket.port}/client.json"

    def _answer(self, connection: Any, head: bytes) -> None:
        self.asked.release()
        self.released.wait(20)
        document = {"client_id": self.url, "client_name": "App", "redirect_uris": [self.url]}
        body = json.dumps(document).encode()
        connection.sendall(f"{self._start}Content-Length: {len(body)}\r\n\r\n".encode() + body)


@proves("C-65")
def test_four_processes_fetch_an_unknown_document_once(config: dict[str, Any], ca: trustme.CA) -> None:
    origin = HeldOrigin(ca)
    with origin.socket, workers(config, 4) as running:
        for worker in running:
            worker.ask(origin.url)
        assert origin.asked.acquire(timeout=20)
        origin.released.set()
        assert [worker.answer() for worker in running] == ["App"] * 4
        assert len(origin.socket.requests) == 1


@proves("C-58", "L-30")
def test_a_failure_is_an_answer_to_all_who_waited_and_not_remembered(config: dict[str, Any], ca: trustme.CA) -> None:
    # Followers get the leader's error; the next request fetches anew
    origin = HeldOrigin(ca, status="503 Busy")
    with origin.socket, workers(config, 2) as running:
        running[0].ask(origin.url)
        assert origin.asked.acquire(timeout=20)
        running[1].ask(origin.url)
        origin.released.set()
        assert running[0].answer() == "UnexpectedResponseError status"
        assert running[1].answer() == "UnexpectedResponseError status"
        before = len(origin.socket.requests)
        running[1].ask(origin.url)
        assert running[1].answer() == "UnexpectedResponseError status"
        assert len(origin.socket.requests) == before + 1


def test_somebody_takes_over_when_the_leader_is_killed(config: dict[str, Any], ca: trustme.CA) -> None:
    origin = HeldOrigin(ca)
    with origin.socket, workers(config, 2) as running:
        leader, follower = running
        leader.ask(origin.url)
        assert origin.asked.acquire(timeout=20)
        follower.ask(origin.url)
        leader.kill()
        origin.released.set()
        assert follower.answer() == "App"
        assert len(origin.socket.requests) == 2


@proves("C-61")
def test_every_process_may_fetch_a_no_store_document(config: dict[str, Any], ca: trustme.CA) -> None:
    origin = HeldOrigin(ca, headers="Cache-Control: no-store\r\n")
    origin.released.set()
    with origin.socket, workers(config, 2) as running:
        for worker in running:
            worker.ask(origin.url)
        assert [worker.answer() for worker in running] == ["App", "App"]
    assert len(origin.socket.requests) == 2

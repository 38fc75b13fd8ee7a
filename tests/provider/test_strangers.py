"""Strangers who push requests: whatever they make the server fetch, people and their apps are served."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from threading import Event
from typing import Any

import pytest
import trustme
from flask import Flask

from flask_cimd.fetch import look_up
from flask_cimd.testing import ClientOrigin, DocumentClient
from tests.support.origin import SocketOrigin, server_context
from tests.support.statements import recorded

from .steps import Made, answer, ask, decide, logged_in, parameters, transaction

_NUMBERS = count()
#: Names whose look-up hangs.
_DEAD = ".dead.example"


def push(app: Flask, client: DocumentClient, peer: str = "192.0.2.1") -> Any:
    """Push a request as a stranger."""
    return app.test_client().post("/par", data=parameters(client), environ_base={"REMOTE_ADDR": peer})


def named(client_id: str) -> DocumentClient:
    """Return a client that publishes nothing."""
    return DocumentClient(client_id=client_id, redirect_uri="https://app.example/cb")


def error_of(response: Any) -> tuple[int, str]:
    return response.status_code, response.json["error"]


def let_in(app: Flask, client: DocumentClient) -> None:
    """Sign a person in to a client."""
    browser = logged_in(app)
    assert answer(decide(browser, transaction(ask(browser, client))))["code"]


@contextmanager
def hanging_documents(folder: Path, authority: trustme.CA) -> Iterator[tuple[SocketOrigin, Event]]:
    """Run a host that answers nothing until the event is set."""
    end = Event()

    def hang(connection: Any, _: bytes) -> None:
        end.wait(60)
        connection.sendall(b"HTTP/1.1 404 Not here\r\nContent-Length: 0\r\n\r\n")

    with SocketOrigin(hang, server_context(authority, "localhost")) as slow:
        try:
            yield slow, end
        finally:
            end.set()


@contextmanager
def occupied(app: Flask, clients: list[DocumentClient], is_full: Callable[[], bool]) -> Iterator[list[Any]]:
    """Push requests that hang, and go on once the places for them are full."""
    with ThreadPoolExecutor(len(clients)) as pool:
        pushes = [pool.submit(push, app, client, f"198.51.100.{n}") for n, client in enumerate(clients)]
        while not is_full() and not all(one.done() for one in pushes):
            Event().wait(0.01)
        yield pushes


class TestEightHangingDocuments:
    """Eight pushed requests name documents that never end."""

    @pytest.fixture
    def attacked(
        self, make: Callable[..., Made], client_origin: ClientOrigin, tmp_path: Path, ca: trustme.CA
    ) -> Iterator[tuple[Flask, DocumentClient]]:
        bundle = Path(client_origin.config["CIMD_CA_BUNDLE"])
        bundle.write_bytes(bundle.read_bytes() + ca.cert_pem.bytes())
        app, _ = make(config={"CIMD_FETCH_TIMEOUT": 10})
        known = client_origin.publish("/known.json")
        let_in(app, known)
        with hanging_documents(tmp_path, ca) as (slow, end), ExitStack() as stack:
            clients = [named(f"https://localhost:{slow.port}/{n}.json") for n in range(8)]
            stack.enter_context(occupied(app, clients, lambda: slow.connections >= 4))
            stack.callback(end.set)
            yield app, known

    def test_the_owner_gets_in_to_an_app_that_is_not_stored(
        self, attacked: tuple[Flask, DocumentClient], client_origin: ClientOrigin
    ) -> None:
        app, _ = attacked
        let_in(app, client_origin.publish("/new.json"))
        assert client_origin.fetches[-1] == "/new.json"

    def test_an_app_with_a_living_grant_pushes(
        self, attacked: tuple[Flask, DocumentClient], client_origin: ClientOrigin
    ) -> None:
        app, known = attacked
        assert push(app, known).status_code == 201

    def test_a_further_stranger_is_told_to_come_back(
        self, attacked: tuple[Flask, DocumentClient], client_origin: ClientOrigin
    ) -> None:
        app, _ = attacked
        refused = push(app, client_origin.publish("/stranger.json"))
        assert error_of(refused) == (503, "temporarily_unavailable")
        assert client_origin.fetches[-1] == "/known.json"


class TestThirtyInventedPaths:
    """Thirty pushed requests name documents of an app's site that do not exist."""

    @pytest.fixture
    def app(self, make: Callable[..., Made]) -> Flask:
        return make(config={"CIMD_SITE_FETCHES": 30})[0]

    def invent(self, app: Flask, site: ClientOrigin, number: int, peer: str = "192.0.2.66") -> list[Any]:
        """Push requests for that many paths; return the answers."""
        origin = site.publish("/client.json").client_id.removesuffix("/client.json")
        return [push(app, named(f"{origin}/made-up-{next(_NUMBERS)}.json"), peer) for _ in range(number)]

    def test_the_owner_gets_in(self, app: Flask, client_origin: ClientOrigin) -> None:
        self.invent(app, client_origin, 31)
        let_in(app, client_origin.publish("/client.json"))

    def test_they_are_charged_to_the_network_that_invents_them(self, app: Flask, client_origin: ClientOrigin) -> None:
        answers = self.invent(app, client_origin, 31)
        assert [error_of(one) for one in answers[:30]] == [(401, "invalid_client")] * 30
        assert error_of(answers[30]) == (503, "temporarily_unavailable")
        assert int(answers[30].headers["Retry-After"]) > 0
        assert len(client_origin.fetches) == 30

    def test_another_stranger_may_push_a_request_of_the_sites_own_app(
        self, app: Flask, client_origin: ClientOrigin
    ) -> None:
        self.invent(app, client_origin, 31)
        assert push(app, client_origin.publish("/client.json"), peer="192.0.2.7").status_code == 201

    def test_one_ipv6_customer_is_one_network(self, app: Flask, client_origin: ClientOrigin) -> None:
        self.invent(app, client_origin, 30, peer="2001:db8:1:2::3")
        assert error_of(self.invent(app, client_origin, 1, peer="2001:db8:1:3:4::5")[0])[0] == 503
        assert error_of(self.invent(app, client_origin, 1, peer="2001:db8:2:2::3")[0])[0] == 401

    def test_documents_that_exist_count_for_their_site_and_leave_the_owner_the_owners_share(
        self, app: Flask, client_origin: ClientOrigin
    ) -> None:
        published = [client_origin.publish(f"/{number}.json") for number in range(31)]
        statuses = [push(app, client, peer=f"192.0.2.{n}").status_code for n, client in enumerate(published)]
        assert statuses == [201] * 30 + [503]
        let_in(app, published[30])


class TestSixteenDeadNames:
    """Sixteen pushed requests name hosts whose name servers do not answer."""

    @pytest.fixture
    def hanging(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[list[str], Event]]:
        """Hang the look-ups of dead names in the system's resolver until the event is set; return the names."""
        real, end = socket.getaddrinfo, Event()
        asked: list[str] = []

        def getaddrinfo(host: Any, *args: Any, **options: Any) -> Any:
            if isinstance(host, str) and host.endswith(_DEAD):
                asked.append(host)
                end.wait(60)
                raise socket.gaierror(socket.EAI_AGAIN, "no answer")
            return real(host, *args, **options)

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
        yield asked, end
        end.set()

    def test_the_owner_and_apps_with_a_living_grant_get_in(
        self, make: Callable[..., Made], client_origin: ClientOrigin, hanging: tuple[list[str], Event]
    ) -> None:
        asked, end = hanging
        config = {"CIMD_MAX_FETCHES": 16, "CIMD_FETCH_TIMEOUT": 10, "CIMD_SITE_FETCHES": 100}
        app, _ = make(config={**config, "CIMD_ALLOWED_PORTS": None})
        known = client_origin.publish("/known.json")
        let_in(app, known)
        dead = [named(f"https://name{next(_NUMBERS)}{_DEAD}/c.json") for _ in range(16)]
        with ThreadPoolExecutor(16) as pool:
            for number, client in enumerate(dead):
                pool.submit(push, app, client, f"198.51.100.{number}")
            while len(asked) < look_up.FOR_STRANGERS.most:
                Event().wait(0.01)
            let_in(app, client_origin.publish("/new.json"))
            assert push(app, known).status_code == 201
            refused = push(app, client_origin.publish("/stranger.json"))
            assert error_of(refused) == (503, "temporarily_unavailable")
            end.set()


class TestWhatIsKnownCannotBeTimed:
    """A stranger's push does the same work whether somebody here uses the app or not."""

    def test_the_first_push_is_fetched_and_the_next_is_not(
        self, make: Callable[..., Made], client_origin: ClientOrigin
    ) -> None:
        app, _ = make()
        known, unknown = client_origin.publish("/known.json"), client_origin.publish("/unknown.json")
        let_in(app, known)
        before = len(client_origin.fetches)
        for client in (known, unknown, known, unknown):
            assert push(app, client).status_code == 201
        assert client_origin.fetches[before:] == ["/known.json", "/unknown.json"]

    def test_both_cost_the_same_statements(self, make: Callable[..., Made], client_origin: ClientOrigin) -> None:
        app, _ = make(config={"CIMD_STORE": "sqlalchemy"})
        known, unknown = client_origin.publish("/known.json"), client_origin.publish("/unknown.json")
        let_in(app, known)
        push(app, client_origin.publish("/warm.json"))
        with app.app_context():
            engine = app.extensions["sqlalchemy"].engine
        sent = []
        for client in (known, unknown, known, unknown):
            with recorded(engine) as statements:
                assert push(app, client).status_code == 201
            sent.append([statement for statement, _ in statements.statements])
        assert sent[0] == sent[1]
        assert sent[2] == sent[3]

    def test_a_push_stores_nothing_where_the_sign_ins_of_people_look(
        self, make: Callable[..., Made], client_origin: ClientOrigin
    ) -> None:
        app, _ = make()
        client = client_origin.publish()
        push(app, client)
        let_in(app, client)
        assert client_origin.fetches == ["/client.json"] * 2

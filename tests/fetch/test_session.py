"""Kept connections of a session: one origin, one user, seconds; and no byte of one response in the next."""

from __future__ import annotations

import gc
import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from threading import Event
from typing import Any

import pytest
import requests
import trustme

from flask_cimd.errors import DeadlineExceededError, ResponseTooLargeError, UnexpectedResponseError
from flask_cimd.fetch import idle
from flask_cimd.fetch.connection import new_tls_context
from flask_cimd.fetch.guard import FetchSettings
from flask_cimd.fetch.idle import IdleConnections
from flask_cimd.fetch.session import MOST_BYTES, VettedAdapter
from flask_cimd.publish.dpop import Nonces
from flask_cimd.publish.transport import GuardedSession
from tests.support.origin import Behaviour, SocketOrigin, read_head, server_context

_OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
Start = Callable[..., SocketOrigin]


class Clock:
    """Monotonic seconds that a test moves."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


class Closable:
    """Stands for an adapter in the bounds of `IdleConnections`."""

    is_closed = False

    def close(self) -> None:
        self.is_closed = True


@pytest.fixture
def start() -> Iterator[Start]:
    with ExitStack() as stack:
        yield lambda behave, *more: stack.enter_context(SocketOrigin(behave, *more))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def session(clock: Clock, ca_bundle: Path) -> Iterator[requests.Session]:
    with session_with(FetchSettings(allow_loopback=True, ca_bundle=str(ca_bundle)), clock) as made:
        yield made


def session_with(settings: FetchSettings, clock: Clock) -> requests.Session:
    made = requests.Session()
    made.trust_env = False
    for scheme in ("http://", "https://"):
        made.mount(scheme, VettedAdapter(settings, new_tls_context(settings.ca_bundle), 10, IdleConnections(clock)))
    return made


def answering(*answers: bytes | None) -> Behaviour:
    """Answer the requests of each connection in this order; ``None`` closes instead, once the request is read."""

    def behave(connection: socket.socket, head: bytes) -> None:
        for answer in answers:
            if not head or answer is None:
                return
            connection.sendall(answer)
            head = read_head(connection)
            if head:
                HEADS.append(head)

    return behave


#: Every further request on a kept connection, and its end as an empty one.
HEADS: list[bytes] = []


@pytest.fixture(autouse=True)
def _no_heads() -> None:
    HEADS.clear()


def url(origin: SocketOrigin, scheme: str = "http") -> str:
    return f"{scheme}://127.0.0.1:{origin.port}/"


def test_requests_to_one_origin_share_a_connection(start: Start, session: requests.Session) -> None:
    origin = start(answering(*[_OK] * 3))
    assert [session.get(url(origin)).text for _ in range(3)] == ["ok"] * 3
    assert origin.connections == 1


def test_a_connection_is_used_for_its_own_origin_alone(start: Start, session: requests.Session) -> None:
    first, second = (start(answering(_OK, _OK)) for _ in range(2))
    for origin in (first, second, first, second):
        session.get(url(origin))
    assert (first.connections, second.connections) == (1, 1)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_bytes_after_the_body_close_the_connection(
    start: Start, session: requests.Session, ca: trustme.CA, scheme: str
) -> None:
    forged = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged"
    context = server_context(ca, "127.0.0.1") if scheme == "https" else None
    origin = start(answering(_OK + forged, forged), context)
    assert [session.get(url(origin, scheme)).text for _ in range(2)] == ["ok", "ok"]
    assert origin.connections == 2


def test_bytes_after_the_last_chunk_close_the_connection(start: Start, session: requests.Session) -> None:
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
    origin = start(answering(chunked + b"HTTP/1.1 200 OK\r\n", _OK))
    assert [session.get(url(origin)).text for _ in range(2)] == ["ok", "ok"]
    assert origin.connections == 2


def test_a_whole_chunked_response_leaves_its_connection_open(start: Start, session: requests.Session) -> None:
    origin = start(answering(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", _OK))
    assert [session.get(url(origin)).text for _ in range(2)] == ["ok", "ok"]
    assert origin.connections == 1


def test_a_tls_connection_is_kept(start: Start, session: requests.Session, ca: trustme.CA) -> None:
    origin = start(answering(_OK, _OK), server_context(ca, "127.0.0.1"))
    assert [session.get(url(origin, "https")).text for _ in range(2)] == ["ok", "ok"]
    assert origin.connections == 1


def test_a_connection_that_the_server_closed_is_replaced_before_a_form_is_sent(
    start: Start, session: requests.Session
) -> None:
    closed = Event()

    def behave(connection: socket.socket, head: bytes) -> None:
        connection.sendall(_OK)
        connection.shutdown(socket.SHUT_RDWR)
        closed.set()

    origin = start(behave)
    session.get(url(origin))
    assert closed.wait(5)
    assert session.post(url(origin), data={"code": "c"}).text == "ok"
    assert [head.split()[0] for head in origin.requests] == [b"GET", b"POST"]


def test_a_get_that_meets_a_closing_connection_is_sent_again_once(start: Start, session: requests.Session) -> None:
    origin = start(answering(_OK, None))
    assert [session.get(url(origin)).text for _ in range(2)] == ["ok", "ok"]
    assert (origin.connections, len(HEADS)) == (2, 1)


def test_a_get_that_meets_a_closing_connection_of_its_own_is_not_sent_again(
    start: Start, session: requests.Session
) -> None:
    origin = start(answering(None))
    with pytest.raises(requests.ConnectionError):
        session.get(url(origin))
    assert origin.connections == 1


def test_a_form_that_meets_a_closing_connection_is_not_sent_again(start: Start, session: requests.Session) -> None:
    origin = start(answering(_OK, None))
    session.get(url(origin))
    with pytest.raises(requests.ConnectionError):
        session.post(url(origin), data={"code": "c"})
    assert (origin.connections, [head.split()[0] for head in HEADS]) == (1, [b"POST"])


def test_a_get_with_a_proof_that_meets_a_closing_connection_is_not_sent_again(
    start: Start, session: requests.Session
) -> None:
    origin = start(answering(_OK, None))
    session.get(url(origin))
    with pytest.raises(requests.ConnectionError):
        session.get(url(origin), headers={"DPoP": "proof"})
    assert (origin.connections, len(HEADS)) == (1, 1)


def test_connections_wait_where_the_caller_says(clock: Clock) -> None:
    kept = IdleConnections(clock)
    assert VettedAdapter(FetchSettings(), new_tls_context(None), 10, kept)._idle is kept


def test_the_rules_of_today_hold_for_a_kept_connection(start: Start, clock: Clock) -> None:
    before, after = (start(answering(_OK, _OK)) for _ in range(2))
    hosts = {"app.example": ("127.0.0.1", before.port)}
    with session_with(FetchSettings(allow_loopback=True, development_hosts=hosts), clock) as session:
        session.get("http://app.example/")
        hosts["app.example"] = ("127.0.0.1", after.port)
        session.get("http://app.example/")
    assert (before.connections, after.connections) == (1, 1)


def test_a_deadline_cuts_a_kept_connection(start: Start, session: requests.Session) -> None:
    def behave(connection: socket.socket, head: bytes) -> None:
        connection.sendall(_OK)
        read_head(connection)
        while not origin.stopping.wait(0.05):
            connection.sendall(b"H")

    origin = start(behave)
    session.get(url(origin))
    with pytest.raises(DeadlineExceededError) as caught:
        session.get(url(origin), timeout=0.4)
    assert (caught.value.slug, origin.connections) == ("deadline", 1)


def test_the_limit_of_bytes_holds_for_a_kept_connection(start: Start, session: requests.Session) -> None:
    size = MOST_BYTES + 1
    large = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + b"x" * size
    origin = start(answering(_OK, large))
    session.get(url(origin))
    with pytest.raises(ResponseTooLargeError):
        session.get(url(origin))
    assert origin.connections == 1


def test_a_connection_that_the_server_will_close_is_not_kept(start: Start, session: requests.Session) -> None:
    ending = _OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    origin = start(answering(ending, b"HTTP/1.1 500 Never sent\r\n\r\n"))
    assert [session.get(url(origin)).text for _ in range(2)] == ["ok", "ok"]
    assert origin.connections == 2


def test_a_streamed_response_does_not_give_its_connection_back(start: Start, session: requests.Session) -> None:
    origin = start(answering(_OK, _OK))
    for _ in range(2):
        with session.get(url(origin), stream=True) as answer:
            assert answer.content == b"ok"
    assert origin.connections == 2


def test_a_streamed_response_takes_no_kept_connection(start: Start, session: requests.Session) -> None:
    origin = start(answering(_OK, _OK))
    session.get(url(origin))
    with session.get(url(origin), stream=True) as answer:
        assert answer.content == b"ok"
    assert origin.connections == 2


def test_a_proxy_of_the_settings_makes_the_connection(start: Start, clock: Clock) -> None:
    # RFC 9112 §3.2.2: it is asked for the whole URL; RFC 9110 §9.3.6: TLS goes through it.
    refused = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"
    proxy = start(lambda connection, head: connection.sendall(refused if head.startswith(b"CONNECT") else _OK))
    settings = FetchSettings(allow_http=True, proxy=f"http://me:secret@127.0.0.1:{proxy.port}")
    with session_with(settings, clock) as session:
        assert session.get("http://app.example/a?b=c").text == "ok"
        with pytest.raises(requests.ConnectionError):
            session.get("https://app.example/")
    forwarded, tunnel = (head.lower() for head in proxy.requests)
    assert forwarded.startswith(b"get http://app.example/a?b=c http/1.1\r\n")
    assert b"\r\nproxy-authorization: basic " in forwarded
    assert tunnel.startswith(b"connect app.example:443 http/1.")
    assert proxy.connections == 2


# -- bounds -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "is_repeatable", "is_kept"),
    [
        (idle.MOST_IDLE - 0.1, True, True),
        (idle.MOST_IDLE, True, False),
        (idle.MOST_IDLE_ONCE - 0.1, False, True),
        (idle.MOST_IDLE_ONCE, False, False),
    ],
)
def test_a_connection_waits_for_seconds(clock: Clock, seconds: float, is_repeatable: bool, is_kept: bool) -> None:
    kept, adapter = IdleConnections(clock), Closable()
    kept.keep("https://a.example", adapter, clock.now)
    clock.now += seconds
    found = kept.take("https://a.example", is_repeatable=is_repeatable)
    assert (found is not None, adapter.is_closed) == (is_kept, not is_kept)


def test_a_connection_is_a_minute_old_at_most_however_often_it_is_used(clock: Clock) -> None:
    kept, adapter = IdleConnections(clock), Closable()
    for _ in range(60):
        kept.keep("https://a.example", adapter, 0.0)
        clock.now += 1.0
        found = kept.take("https://a.example", is_repeatable=True)
    assert (clock.now, found, adapter.is_closed) == (idle.MOST_AGE, None, True)


def test_a_request_closes_the_connections_of_others_that_waited_too_long(clock: Clock) -> None:
    kept, adapter = IdleConnections(clock), Closable()
    kept.keep("https://a.example", adapter, clock.now)
    clock.now += idle.MOST_IDLE
    assert kept.take("https://b.example", is_repeatable=True) is None
    assert (adapter.is_closed, len(kept)) == (True, 0)


def test_few_connections_wait_and_the_oldest_goes_first(clock: Clock) -> None:
    kept, adapters = IdleConnections(clock), [Closable() for _ in range(idle.MOST + 1)]
    for number, adapter in enumerate(adapters):
        kept.keep(f"https://{number}.example", adapter, clock.now)
    assert [adapter.is_closed for adapter in adapters] == [True] + [False] * idle.MOST


def test_a_connection_has_one_user(clock: Clock) -> None:
    kept = IdleConnections(clock)
    kept.keep("https://a.example", Closable(), clock.now)
    found = [kept.take("https://a.example", is_repeatable=True) for _ in range(2)]
    assert [one is not None for one in found] == [True, False]


def test_a_child_process_does_not_use_the_connections_of_its_parent(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = IdleConnections(clock)
    kept.keep("https://a.example", Closable(), clock.now)
    monkeypatch.setattr("os.getpid", lambda: -1)
    assert kept.take("https://a.example", is_repeatable=True) is None


# -- the client's session ---------------------------------------------------------------------------------------------


@pytest.fixture
def client_session() -> Iterator[GuardedSession]:
    with GuardedSession(FetchSettings(allow_loopback=True), Nonces(), client_id="https://app.example/c") as made:
        yield made


def test_cookies_of_a_server_are_neither_kept_nor_sent(start: Start, client_session: Any) -> None:
    origin = start(answering(_OK.replace(b"\r\n\r\n", b"\r\nSet-Cookie: a=b; Path=/\r\n\r\n"), _OK))
    for _ in range(2):
        client_session.get(url(origin), withhold_token=True)
    assert len(client_session.cookies) == 0
    assert origin.connections == 1
    assert b"cookie" not in HEADS[0].lower()


def test_a_form_on_a_kept_connection_follows_no_redirect(start: Start, client_session: Any) -> None:
    elsewhere = start(answering(_OK))
    redirect = b"HTTP/1.1 307 Found\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n" % url(elsewhere).encode()
    origin = start(answering(_OK, redirect))
    client_session.get(url(origin), withhold_token=True)
    with pytest.raises(UnexpectedResponseError) as caught:
        client_session.send_form(url(origin), {"code": "c"}, None, withhold_token=True)
    assert (caught.value.slug, origin.connections, elsewhere.connections) == ("redirect", 1, 0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # of Python 3.12: what the test is about
def test_a_child_does_not_wait_for_the_lock_of_a_thread_that_it_does_not_have() -> None:
    waiting = IdleConnections()
    with waiting._lock:  # as of another thread of the parent
        child = os.fork()
        if child == 0:
            signal.alarm(10)
            os._exit(0 if waiting.take("https://a.example", is_repeatable=True) is None else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_connections_of_a_session_that_was_dropped_are_closed() -> None:
    class Connection:
        is_open = True

        def close(self) -> None:
            self.is_open = False

    idle, connection = IdleConnections(), Connection()
    idle.keep("https://app.example", connection, idle.now())
    del idle
    gc.collect()
    assert not connection.is_open

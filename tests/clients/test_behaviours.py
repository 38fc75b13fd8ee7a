"""How client hosts misbehave, through the whole resolver. The table is ``tests/vectors/behaviours.json``.

Every case ends in one of our own errors, in its phase, after at most one connection, with nothing stored.
"""

import json
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme

from flask_cimd.clients import ClientResolver, MemoryStore, Settings
from flask_cimd.clients.parts import assemble
from flask_cimd.errors import CIMDError, DocumentError, FetchError
from tests.support.clock import Clock
from tests.support.origin import SocketOrigin, server_context
from tests.support.proves import proves
from tests.support.vectors import vectors

HOST = "client.example.com"
URL = f"https://{HOST}/client.json"
DOCUMENT = json.dumps({"client_id": URL, "redirect_uris": [f"https://{HOST}/cb"]})
Contexts = Callable[[str], ssl.SSLContext]


@pytest.fixture(scope="module")
def contexts(ca: trustme.CA) -> Contexts:
    """Return a function that makes each server's TLS context once."""
    now = datetime.now(UTC)
    certificates: dict[str, Callable[[], trustme.LeafCert]] = {
        "good": lambda: ca.issue_cert(HOST),
        "old": lambda: ca.issue_cert(HOST),
        "another name": lambda: ca.issue_cert("other.example.com"),
        "a parent domain": lambda: ca.issue_cert("example.com"),
        "an address only": lambda: ca.issue_cert("127.0.0.1"),
        "an unknown authority": lambda: trustme.CA().issue_cert(HOST),
        "an expired certificate": lambda: ca.issue_cert(HOST, not_after=now - timedelta(days=1)),
        "a certificate for next year": lambda: ca.issue_cert(HOST, not_before=now + timedelta(days=365)),
    }
    made: dict[str, ssl.SSLContext] = {}

    def context(name: str) -> ssl.SSLContext:
        if name not in made:
            made[name] = server_context(ca, HOST)
            if name != "good":
                made[name] = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                certificates[name]().configure_cert(made[name])
        return made[name]

    return context


class Handshake(SocketOrigin):
    """Takes the connection and never speaks TLS: ends it, answers in plain HTTP, or says nothing."""

    def __init__(self, manner: str) -> None:
        super().__init__(lambda *_: None)
        self._manner = manner

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            if self._manner == "plain":
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
            if self._manner != "hang up":
                self.stopping.wait(10)


def behaviour(case: dict[str, Any]) -> Callable[[SocketOrigin, socket.socket], None]:
    """Return what the origin does: send the case's bytes, then end, drip or flood."""

    def behave(origin: SocketOrigin, connection: socket.socket) -> None:
        connection.settimeout(0.5)  # a reader that is gone does not always say so when its buffer is full
        connection.sendall(written(case["sends"], case, origin.port))
        while "flood" in case and not origin.stopping.is_set():
            connection.sendall(case["flood"].encode() * (4096 // len(case["flood"]) + 1))
        while "drip" in case and not origin.stopping.wait(0.02):
            connection.sendall(case["drip"].encode())

    return behave


def written(text: str, case: dict[str, Any], port: int) -> bytes:
    piece, size = case.get("fill", ("", 0))
    document = DOCUMENT if "@fill@" in text else (DOCUMENT + piece * size)[: max(size, len(DOCUMENT))]
    for name, value in {
        "@document@": document,
        "@length@": str(len(document)),
        "@hexlength@": f"{len(document):x}",
        "@url@": URL,
        "@port@": str(port),
        "@fill@": (piece * size)[:size],
    }.items():
        text = text.replace(name, value)
    return text.encode("latin-1")


@pytest.fixture
def start(contexts: Contexts) -> Iterator[Callable[[dict[str, Any]], SocketOrigin]]:
    with ExitStack() as stack:

        def run(case: dict[str, Any]) -> SocketOrigin:
            manner = case.get("tls", "good")
            if manner in {"plain", "hang up", "silent"}:
                return stack.enter_context(Handshake(manner))
            if manner == "nobody":
                with SocketOrigin(lambda *_: None) as gone:
                    return gone
            behave = behaviour(case)
            origin: SocketOrigin = SocketOrigin(
                lambda connection, _: behave(origin, connection),
                old_context(contexts) if manner == "old" else contexts(manner),
            )
            return stack.enter_context(origin)

        yield run


def old_context(contexts: Contexts) -> ssl.SSLContext:
    context = contexts("old")
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):  # that is the point
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    return context


def resolver_for(case: dict[str, Any], origin: SocketOrigin, ca_bundle: Path, store: MemoryStore) -> ClientResolver:
    settings = Settings.from_config(
        {
            "CIMD_ALLOW_LOOPBACK": True,
            "CIMD_DEVELOPMENT_HOSTS": {} if "names" in case else {HOST: ("127.0.0.1", origin.port)},
            "CIMD_CA_BUNDLE": str(ca_bundle),
            "CIMD_FETCH_TIMEOUT": 0.25 if case["slug"] == "deadline" else 5,
            "CIMD_INDIEAUTH": "2024" if case.get("fallback", True) else False,
        }
    )

    def resolve(host: str, port: int) -> list[str]:
        if case["names"] is None:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        return list(case["names"])

    clock = Clock()
    parts = assemble(settings, store, clock=clock, resolve=resolve if "names" in case else None)
    return ClientResolver(settings, parts=parts)


def titled(name: str) -> list[Any]:
    return [
        pytest.param(*param.values, id=f"{param.values[0]['row']} {param.values[0]['title']}")
        for param in vectors(name)
    ]


@proves("C-30", "C-58", "C-59", "C-123", "L-01", "L-33")
@pytest.mark.parametrize("case", titled("behaviours"))
def test_a_client_host_behaves(case: dict[str, Any], start: Any, ca_bundle: Path) -> None:
    origin, store = start(case), MemoryStore()
    resolver = resolver_for(case, origin, ca_bundle, store)
    if case["slug"] is None:
        assert resolver.resolve(URL).redirect_uris == (f"https://{HOST}/cb",)
        assert (origin.connections, len(origin.requests)) == (1, 1)
        return
    with pytest.raises(CIMDError) as caught:
        resolver.resolve(URL)
    error = caught.value
    # Our own error, in its phase, telling the visitor no address and no word of the answer
    assert error.slug in ([case["slug"]] if isinstance(case["slug"], str) else case["slug"])
    if isinstance(error, FetchError):
        assert error.phase == case["phase"]
    if isinstance(error, DocumentError):
        assert case["problem"] in {problem.rule for problem in error.problems}
    assert case.get("hint", "") in error.hint
    assert "127.0.0.1" not in error.public_message + error.hint
    # Nothing is stored; no second connection, no second request.
    assert len(store) == 0
    assert origin.connections == case.get("connections", 1)
    assert len(origin.requests) == case.get("requests", 1)


def test_the_table_is_large_and_every_case_is_its_own() -> None:
    cases = [param.values[0] for param in vectors("behaviours")]
    titles = {case["title"] for case in cases}
    hostile = [case for case in cases if case["slug"]]
    assert len(titles) == len(cases)
    assert len(hostile) >= 60

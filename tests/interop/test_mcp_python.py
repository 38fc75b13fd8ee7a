"""Real MCP clients from PyPI, unmodified: discover, consent, token, call, refresh, step-up, revoke."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
import trustme

from tests.support.demo import Browser, free_ports, redirect_parameters
from tests.support.mcp import RunningNotes, running_notes, running_tls_notes
from tests.support.origin import TLSOrigin, publish_document, server_context
from tests.support.programs import Program
from tests.support.python_env import python_env, running_python

SCRIPTS = Path(__file__).parent / "mcp_python"
REDIRECT = "http://localhost:{port}/callback"


@pytest.fixture(scope="module", params=["http", "https"])
def notes(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, ca: trustme.CA, ca_bundle: Path
) -> Iterator[RunningNotes]:
    """Run the notes on plain loopback, then by TLS under a private authority."""
    folder, trusted = tmp_path_factory.mktemp("notes"), {"CIMD_CA_BUNDLE": str(ca_bundle)}
    plain = request.param == "http"
    with (
        running_notes(folder, **trusted)
        if plain
        else running_tls_notes(folder, server_context(ca, "localhost"), **trusted)
    ) as running:
        yield running


@pytest.fixture(scope="module")
def client_id(ca: trustme.CA) -> Iterator[str]:
    """Publish a document without a port in its redirect URI, as command line clients do."""
    with TLSOrigin(ca) as origin:
        yield publish_document(
            origin,
            redirect_uris=["http://localhost/callback"],
            grant_types=["authorization_code", "refresh_token"],
        )


class Person:
    """The owner at their browser, for one program."""

    def __init__(self, owner: Browser, program: Program, *, follows: bool) -> None:
        self._owner, self._program, self._follows = owner, program, follows
        self.asked: list[dict[str, str]] = []

    def do(self, **command: Any) -> dict[str, Any]:
        """Send a command, approve whatever the program asks for, and return its result."""
        return self._until_done(self._program.ask(**command))

    def connect(self) -> None:
        """Wait until the program is connected."""
        assert self._until_done(self._program.receive()) == {"connected": True}

    def _until_done(self, message: dict[str, Any]) -> dict[str, Any]:
        while "authorize" in message:
            parameters = parse_qs(urlsplit(message["authorize"]).query)
            self.asked.append({name: values[0] for name, values in parameters.items()})
            answer = self._owner.press(self._owner.get(message["authorize"]), "Approve")
            assert answer.status_code == 303, answer.text
            if self._follows:
                requests.get(answer.headers["Location"], timeout=10)
                message = self._program.receive()
            else:
                message = self._program.ask(**redirect_parameters(answer))
        return message


Start = Callable[[RunningNotes, str], AbstractContextManager[Program]]


def _sdk(version: str) -> Start:
    def start(notes: RunningNotes, client_id: str) -> AbstractContextManager[Program]:
        python = python_env(f"mcp-{version}", f"mcp{version}")
        redirect_uri = REDIRECT.format(port=free_ports())
        trusted = {"SSL_CERT_FILE": notes.demo.environment["CIMD_CA_BUNDLE"]}
        arguments = (notes.url, client_id, redirect_uri)
        return running_python(python, SCRIPTS / "sdk_client.py", *arguments, environment=trusted)

    return start


def _fastmcp(notes: RunningNotes, client_id: str) -> AbstractContextManager[Program]:
    python = python_env("fastmcp", "fastmcp>=4")
    trusted = {"SSL_CERT_FILE": notes.demo.environment["CIMD_CA_BUNDLE"]}
    arguments = (notes.url, client_id, str(free_ports()))
    return running_python(python, SCRIPTS / "fastmcp_client.py", *arguments, environment=trusted)


CLIENTS: dict[str, tuple[Start, bool]] = {
    "mcp 1": (_sdk("<2"), False),
    "mcp 2": (_sdk(">=2"), False),
    "fastmcp": (_fastmcp, True),
}


@pytest.mark.parametrize("name", CLIENTS)
def test_client_signs_in_calls_refreshes_steps_up_and_is_turned_away(  # M-02 M-06 M-07 M-22 M-41 M-46 M-61 M-65
    notes: RunningNotes, client_id: str, name: str
) -> None:
    start, follows = CLIENTS[name]
    with start(notes, client_id) as program:
        person = Person(notes.demo.owner(), program, follows=follows)
        person.connect()
        assert [asked["client_id"] for asked in person.asked] == [client_id]
        assert person.asked[0]["scope"] == "notes:read"
        assert person.asked[0]["resource"] == notes.url
        assert person.asked[0]["code_challenge_method"] == "S256"
        assert person.do(call="list_notes")["text"] is not None

        first = person.do(tokens=True)
        assert first["scope"] == "notes:read"
        person.do(expire=True)
        person.do(call="list_notes")
        renewed = person.do(tokens=True)
        assert renewed["access_token"] != first["access_token"]
        assert renewed["refresh_token"] != first["refresh_token"]
        assert len(person.asked) == 1, "a refresh asks nobody"

        written = person.do(call="write_note", arguments={"text": f"Hello from {name}"})
        assert f"Hello from {name}" in written["text"][0]
        assert len(person.asked) == 2, "exactly one round of consent"
        assert set(person.asked[1]["scope"].split()) == {"notes:read", "notes:write"}

        held = person.do(tokens=True)
        ended = notes.demo.browser().post("/revoke", {"token": held["refresh_token"], "client_id": client_id})
        assert ended.status_code == 200
        assert notes.call(held["access_token"]).status_code == 401
        person.do(call="list_notes")
        assert len(person.asked) == 3, "after revocation the person is asked again"

"""Real MCP clients from PyPI, unmodified: discover, consent, token, call, refresh, step-up, revoke."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.support.demo import free_ports
from tests.support.mcp import RunningNotes
from tests.support.person import Person
from tests.support.programs import Program
from tests.support.proves import proves
from tests.support.python_env import python_env, running_python

SCRIPTS = Path(__file__).parent / "mcp_python"
REDIRECT = "http://localhost:{port}/callback"


Start = Callable[[RunningNotes, str], AbstractContextManager[Program]]


def _sdk(version: str) -> Start:
    def start(notes: RunningNotes, client_id: str) -> AbstractContextManager[Program]:
        python = python_env(f"mcp-{version}")
        redirect_uri = REDIRECT.format(port=free_ports())
        trusted = {"SSL_CERT_FILE": notes.demo.environment["CIMD_CA_BUNDLE"]}
        arguments = (notes.url, client_id, redirect_uri)
        return running_python(python, SCRIPTS / "sdk_client.py", *arguments, environment=trusted)

    return start


def _fastmcp(notes: RunningNotes, client_id: str) -> AbstractContextManager[Program]:
    python = python_env("fastmcp")
    trusted = {"SSL_CERT_FILE": notes.demo.environment["CIMD_CA_BUNDLE"]}
    arguments = (notes.url, client_id, str(free_ports()))
    return running_python(python, SCRIPTS / "fastmcp_client.py", *arguments, environment=trusted)


CLIENTS: dict[str, tuple[Start, bool]] = {
    "mcp 1": (_sdk("1"), False),
    "mcp 2": (_sdk("2"), False),
    "fastmcp": (_fastmcp, True),
}


@proves("M-02", "M-06", "M-07", "M-22", "M-41", "M-46", "M-61", "M-65")
@pytest.mark.parametrize("name", CLIENTS)
def test_client_signs_in_calls_refreshes_steps_up_and_is_turned_away(
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

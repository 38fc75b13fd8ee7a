"""Real MCP clients that have no URL fall back to registration, where the site is a bridge for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.interop.test_mcp_python import CLIENTS
from tests.support.demo import free_ports
from tests.support.mcp import RunningNotes, running_notes
from tests.support.node import running_node
from tests.support.person import Person
from tests.support.programs import Program
from tests.support.proves import proves

Start = Callable[[RunningNotes, str], AbstractContextManager[Program]]


@pytest.fixture(scope="module")
def bridge(tmp_path_factory: pytest.TempPathFactory, ca_bundle: Path) -> Iterator[RunningNotes]:
    folder, trusted = tmp_path_factory.mktemp("bridge"), {"CIMD_CA_BUNDLE": str(ca_bundle)}
    with running_notes(folder, DEMO_DYNAMIC_REGISTRATION="1", **trusted) as running:
        yield running


def _node(script: str) -> Start:
    def start(notes: RunningNotes, client_id: str) -> AbstractContextManager[Program]:
        trusted = {"NODE_EXTRA_CA_CERTS": notes.demo.environment["CIMD_CA_BUNDLE"]}
        redirect_uri = f"http://localhost:{free_ports()}/callback"
        return running_node("mcp_node", script, notes.url, client_id, redirect_uri, environment=trusted)

    return start


ALL: dict[str, tuple[Start, bool]] = {
    **CLIENTS,
    "typescript 1": (_node("v1.mjs"), False),
    "typescript 2": (_node("v2.mjs"), False),
}


@proves("M-37", "M-61")
@pytest.mark.parametrize("name", ALL)
def test_a_client_without_a_url_registers_itself_and_works(bridge: RunningNotes, name: str) -> None:
    start, follows = ALL[name]
    with start(bridge, "") as program:
        person = Person(bridge.demo.owner(), program, follows=follows)
        person.connect()
        client_id = person.asked[0]["client_id"]
        assert client_id.startswith("registered-")
        assert person.asked[0]["scope"] == "notes:read"
        assert "text" in person.do(call="list_notes")

        if name in CLIENTS:  # what it registered for does not keep it from asking for more
            person.do(call="write_note", arguments={"text": f"Registered {name}"})
            assert set(person.asked[1]["scope"].split()) == {"notes:read", "notes:write"}
        assert {asked["client_id"] for asked in person.asked} == {client_id}

        held = person.do(tokens=True)
        ended = bridge.demo.browser().post("/revoke", {"token": held["access_token"], "client_id": client_id})
        assert ended.status_code == 200
        assert bridge.call(held["access_token"]).status_code == 401
        renewed = bridge.demo.browser().refresh(client_id, held["refresh_token"])
        assert renewed.status_code == 200, "its refresh token goes on"


@proves("M-30")
@pytest.mark.parametrize("name", ["mcp 2", "typescript 2"])
def test_a_client_with_a_url_never_registers(bridge: RunningNotes, client_id: str, name: str) -> None:
    start, follows = ALL[name]
    with start(bridge, client_id) as program:
        person = Person(bridge.demo.owner(), program, follows=follows)
        person.connect()
        assert [asked["client_id"] for asked in person.asked] == [client_id]

"""Real MCP and OAuth clients from npm, unmodified: discover, consent, token, call, refresh, step-up, revoke."""

from __future__ import annotations

import subprocess

import pytest

from tests.support.demo import RunningDemo, free_ports
from tests.support.examples import RunningExample
from tests.support.mcp import RunningNotes
from tests.support.node import node_executable, node_project, running_node
from tests.support.person import Person
from tests.support.proves import proves

PROJECT = "mcp_node"


def _redirect_uri() -> str:
    return f"http://localhost:{free_ports()}/callback"


def _trust(notes: RunningNotes) -> dict[str, str]:
    return {"NODE_EXTRA_CA_CERTS": notes.demo.environment["CIMD_CA_BUNDLE"]}


def _end(notes: RunningNotes, client_id: str, secret: str) -> None:
    assert notes.demo.browser().post("/revoke", {"token": secret, "client_id": client_id}).status_code == 200


@proves("M-02", "M-06", "M-07", "M-12", "M-22", "M-46", "M-63", "M-64")
@pytest.mark.parametrize("script", ["v2.mjs", "v1.mjs"])
def test_sdk_signs_in_calls_refreshes_steps_up_and_is_turned_away(
    notes: RunningNotes, client_id: str, script: str
) -> None:
    arguments = (notes.url, client_id, _redirect_uri())
    with running_node(PROJECT, script, *arguments, environment=_trust(notes)) as program:
        person = Person(notes.demo.owner(), program)
        person.connect()
        assert [asked["client_id"] for asked in person.asked] == [client_id]
        assert person.asked[0]["scope"] == "notes:read"
        assert person.asked[0]["resource"] == notes.url
        first = person.do(tokens=True)
        assert first["scope"] == "notes:read"

        _end(notes, client_id, first["access_token"])
        assert "text" in person.do(call="list_notes")
        renewed = person.do(tokens=True)
        assert renewed["refresh_token"] != first["refresh_token"]
        assert len(person.asked) == 1, "a refresh asks nobody"

        writing = {"call": "write_note", "arguments": {"text": f"Hello from {script}"}}
        written = person.do(**writing)
        if script == "v1.mjs":  # it tries to widen its grant by a refresh, which no server may allow
            assert "403 after trying upscoping" in written["failed"]
            person.do(forget=True)
            written = person.do(**writing)
        assert f"Hello from {script}" in written["text"][0]
        assert len(person.asked) == 2, "exactly one round of consent"
        assert set(person.asked[1]["scope"].split()) == {"notes:read", "notes:write"}

        _end(notes, client_id, person.do(tokens=True)["refresh_token"])
        assert "text" in person.do(call="list_notes")
        assert len(person.asked) == 3, "after revocation the person is asked again"


@proves("M-01", "M-04", "M-22", "M-46", "O-51", "O-73")
@pytest.mark.parametrize("script", ["oauth4webapi.mjs", "openid_client.mjs"])
def test_strict_client_finds_nothing_wrong(notes: RunningNotes, client_id: str, script: str) -> None:
    arguments = (notes.url, client_id, _redirect_uri(), notes.demo.base_url)
    with running_node(PROJECT, script, *arguments, environment=_trust(notes)) as program:
        found = Person(notes.demo.owner(), program).wait()
    assert (found["status"], found["scope"], found["rotated"]) == (200, "notes:read", True)
    challenge = found["challenges"][0]
    assert challenge["scheme"] == "bearer"
    assert challenge["parameters"]["error"] == "invalid_token"
    assert challenge["parameters"]["scope"] == "notes:read"


@proves("M-23", "M-24", "M-25", "M-47", "M-48")
def test_conformance_suite_for_authorization_servers_passes(notes: RunningNotes, client_id: str) -> None:
    output = run_conformance_suite(notes.demo, notes.url, client_id)
    print(output)
    assert "FAILURE" not in output
    assert "WARNING" not in output


def run_conformance_suite(site: RunningDemo | RunningExample, resource: str, client_id: str) -> str:
    """Run the suite for authorization servers with a person who approves, and return what it prints."""
    folder = node_project(PROJECT)
    suite = folder / "node_modules" / "@modelcontextprotocol" / "conformance" / "dist" / "index.js"
    command = [node_executable(folder), str(suite), "authorization", "--url", site.base_url]
    command += ["--client-id", client_id, "--resource", resource, "--port", str(free_ports()), "--verbose"]
    trust = {"NODE_EXTRA_CA_CERTS": site.environment["CIMD_CA_BUNDLE"]}
    with subprocess.Popen(
        command, cwd=folder, env=trust, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            assert process.stdout is not None
            printed = []
            owner = site.owner()
            for line in process.stdout:
                printed.append(line)
                if line.startswith(f"{site.base_url}/authorize?"):
                    answer = owner.press(owner.get(line.strip()), "Approve")
                    owner.session.get(answer.headers["Location"], timeout=10)
            assert process.wait(30) == 0, "".join(printed)
        finally:
            process.kill()
    return "".join(printed)

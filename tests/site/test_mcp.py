"""The notes for programs that speak MCP: a process of its own, tokens checked by introspection."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import trustme

from tests.support.browser import publish_client
from tests.support.mcp import RunningNotes, running_notes
from tests.support.origin import TLSOrigin
from tests.support.proves import proves

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def notes(tmp_path_factory: pytest.TempPathFactory, ca_bundle: Path) -> Iterator[RunningNotes]:
    with running_notes(tmp_path_factory.mktemp("notes"), CIMD_CA_BUNDLE=str(ca_bundle)) as running:
        yield running


@pytest.fixture(scope="module")
def client_id(ca: trustme.CA) -> Iterator[str]:
    with TLSOrigin(ca) as origin:
        yield publish_client(origin)


def token(notes: RunningNotes, client_id: str, scope: str, resource: str | None = None) -> str:
    found = notes.demo.owner().tokens(client_id, scope=scope, resource=resource or notes.url)
    return str(found["access_token"])


def challenge(answer: requests.Response) -> dict[str, str | None]:
    scheme, _, parameters = answer.headers["WWW-Authenticate"].partition(" ")
    assert scheme == "Bearer"
    return requests.utils.parse_dict_header(parameters)


def result(answer: requests.Response) -> Any:
    assert answer.status_code == 200, answer.text
    return answer.json()["result"]


@proves("M-01", "M-02", "M-04", "M-05", "M-06", "M-09", "M-22")
def test_nobody_comes_in_without_a_token(notes: RunningNotes) -> None:
    answer = notes.call(None)
    assert answer.status_code == 401
    found = challenge(answer)
    assert found["scope"] == "notes:read"
    assert "error" not in found
    document = requests.get(str(found["resource_metadata"]), timeout=10).json()
    assert document["resource"] == notes.url
    assert document["authorization_servers"] == [notes.demo.base_url]
    assert document["scopes_supported"] == ["notes:read", "notes:write"]


@proves("M-06")
def test_first_request_may_name_more_than_the_entry(notes: RunningNotes) -> None:
    assert challenge(notes.tool(None, "write_note", text="Hello"))["scope"] == "notes:read notes:write"
    assert challenge(notes.post(None, b"not json"))["scope"] == "notes:read"


@proves("M-07", "M-60")
def test_tools_read_and_write_by_scope(notes: RunningNotes, client_id: str) -> None:
    reader, writer = token(notes, client_id, "notes:read"), token(notes, client_id, "notes:read notes:write")
    written = result(notes.tool(writer, "write_note", text="Hello from a program"))["structuredContent"]
    assert "Hello from a program" in notes.demo.browser().get(written["url"]).text
    listed = result(notes.tool(reader, "list_notes"))["structuredContent"]["result"]
    assert written["slug"] in [note["slug"] for note in listed]
    refused = notes.tool(reader, "write_note", text="Not mine to write")
    assert refused.status_code == 403
    assert challenge(refused)["scope"] == "notes:read notes:write"
    assert challenge(refused)["error"] == "insufficient_scope"
    assert notes.tool(reader, "delete_note", slug=written["slug"]).status_code == 403
    assert result(notes.tool(writer, "delete_note", slug=written["slug"]))["isError"] is False
    assert notes.demo.browser().get(written["url"]).status_code == 410


@proves("M-05", "M-10")
def test_foreign_and_dead_tokens_are_refused(notes: RunningNotes, client_id: str) -> None:
    elsewhere = token(notes, client_id, "profile", f"{notes.demo.base_url}/api/profile")
    issuer = token(notes, client_id, "profile", notes.demo.base_url)
    revoked = token(notes, client_id, "notes:read")
    assert notes.call(revoked).status_code == 200
    assert notes.demo.browser().post("/revoke", {"token": revoked, "client_id": client_id}).status_code == 200
    for secret in (elsewhere, issuer, revoked, "made-up"):
        answer = notes.call(secret)
        assert (answer.status_code, challenge(answer)["error"]) == (401, "invalid_token")


@proves("M-11")
def test_token_in_the_query_is_refused(notes: RunningNotes, client_id: str) -> None:
    secret = token(notes, client_id, "notes:read")
    assert notes.post(None, b"{}", f"?access_token={secret}").status_code == 401


@pytest.mark.parametrize(
    "body",
    [
        b'{"jsonrpc":"2.0","id":1,"method":"tools/list","method":"tools/call","params":{"name":"write_note"}}',
        b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"list_notes","name":"write_note"}}',
        b'[{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"write_note"}}]',
        b"not json",
        b"\xff\xfe",
        b"[" * 5000,
        b'{"jsonrpc":"2.0","id":1,"method":NaN}',
    ],
)
def test_message_that_two_readers_could_read_differently_is_refused(
    notes: RunningNotes, client_id: str, body: bytes
) -> None:
    answer = notes.post(token(notes, client_id, "notes:read"), body)
    assert (answer.status_code, challenge(answer)["error"]) == (400, "invalid_request")


def test_path_that_is_no_part_of_a_url_is_refused_like_any_other(notes: RunningNotes) -> None:
    answer = requests.post(notes.url.removesuffix("/mcp") + "//%5B", timeout=10)
    assert answer.status_code == 401


def test_body_that_is_too_long_is_refused(notes: RunningNotes) -> None:
    assert notes.post(None, b"[" * (1024 * 1024 + 1)).status_code == 413


def test_stream_of_news_is_not_offered(notes: RunningNotes, client_id: str) -> None:
    headers = {"Authorization": f"Bearer {token(notes, client_id, 'notes:read')}", "Accept": "text/event-stream"}
    answer = requests.get(notes.url, headers=headers, timeout=10)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")
    assert requests.get(notes.url, timeout=10).status_code == 401


def test_tool_explains_what_it_cannot_do(notes: RunningNotes, client_id: str) -> None:
    writer = token(notes, client_id, "notes:read notes:write")
    for name, arguments in (("read_note", {"slug": "nothing"}), ("write_note", {"text": ""}), ("unknown", {})):
        answer = notes.tool(writer, name, **arguments)
        assert answer.status_code == 200, answer.text
        assert "Traceback" not in answer.text
        body = json.loads(answer.text)
        assert body.get("error") or body["result"]["isError"] is True


@pytest.mark.parametrize(
    ("name", "value", "status"),
    [("Host", "evil.example", 421), ("Host", "localhost", 421), ("Origin", "https://evil.example", 403)],
)
def test_page_of_another_name_for_this_address_is_refused(
    notes: RunningNotes, client_id: str, name: str, value: str, status: int
) -> None:
    # DNS rebinding: a browser believes that the address belongs to the page's own site.
    reader = token(notes, client_id, "notes:read")
    assert notes.call(reader).status_code == 200
    headers = {
        "Authorization": f"Bearer {reader}",
        "Accept": "application/json, text/event-stream",
        "Content-Type": "application/json",
        name: value,
    }
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    assert requests.post(notes.url, json=message, headers=headers, timeout=10).status_code == status

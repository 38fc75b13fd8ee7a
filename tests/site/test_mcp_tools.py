"""The tools of the MCP endpoint by themselves: bounds, deleted notes, and what stops the start."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flask_cimd import ConfigurationError
from tests.support.browser import Site

mcp = pytest.importorskip("flask_cimd_site.site.mcp")
TOOL_ERROR: Any = pytest.importorskip("mcp.server.mcpserver.exceptions").ToolError


@pytest.fixture
def tools(site: Site) -> Any:
    return mcp.Tools(site.app)


@pytest.mark.parametrize(("limit", "number"), [(-1, 1), (0, 1), (2, 2), (50, 50), (51, 50), (10**9, 50)])
def test_one_to_fifty_notes_are_listed(site: Site, tools: Any, limit: int, number: int) -> None:
    written = []
    for index in range(51):
        written.append(tools.write_note(f"note {index}").slug)
        site.clock.forward(seconds=1)
    assert [note.slug for note in tools.list_notes(limit)] == written[::-1][:number]


def test_a_deleted_note_is_neither_read_nor_deleted_again(site: Site, tools: Any) -> None:
    slug = tools.write_note("short-lived").slug
    assert tools.read_note(slug).text == "short-lived"
    assert tools.delete_note(slug).slug == slug
    for tool in (tools.read_note, tools.delete_note):
        with pytest.raises(TOOL_ERROR, match="There is no note with this slug"):
            tool(slug)
    assert slug not in [note.slug for note in tools.list_notes()]


@pytest.mark.parametrize("slug", ["nothing", "../login", "\0"])
def test_a_note_that_is_not_there_is_an_error_for_the_model(tools: Any, slug: str) -> None:
    with pytest.raises(TOOL_ERROR, match="There is no note with this slug"):
        tools.read_note(slug)


@pytest.mark.parametrize("text", ["", " ", "x" * 200_000])
def test_text_that_is_no_note_is_an_error_for_the_model(tools: Any, text: str) -> None:
    with pytest.raises(TOOL_ERROR):
        tools.write_note(text)
    assert tools.list_notes() == []


@pytest.mark.parametrize("missing", ["DEMO_MCP_URL", "DEMO_MCP_ID", "DEMO_MCP_SECRET"])
def test_without_an_address_or_credentials_the_endpoint_does_not_start(tmp_path: Path, missing: str) -> None:
    given = {
        "DEMO_DEVELOPMENT": "1",
        "DEMO_BASE_URL": "http://127.0.0.1:5000",
        "DEMO_DATABASE_URL": f"sqlite:///{tmp_path}/demo.db",
        "DEMO_MCP_URL": "http://127.0.0.1:5008/mcp",
        "DEMO_MCP_ID": "id",
        "DEMO_MCP_SECRET": "secret",
    }
    assert mcp.create_asgi(given) is not None
    with pytest.raises(ConfigurationError, match="DEMO_MCP_URL, DEMO_MCP_ID and DEMO_MCP_SECRET must be set"):
        mcp.create_asgi(given | {missing: ""})

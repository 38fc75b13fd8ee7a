"""The sample MCP client: press, approve, see the notes; asked once more before it writes."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.support.browser import Browser, soup
from tests.support.demo import running_demo
from tests.support.proves import proves
from tests.support.requirements import need

pytestmark = pytest.mark.slow


@proves("M-02", "M-07", "M-46")
def test_person_reads_and_writes_notes_through_the_sample(tmp_path: Path) -> None:
    need(find_spec("mcp"), "the extra mcp is not installed")
    with running_demo(tmp_path, samples=True) as demo:
        owner, app = demo.owner(), Browser(demo.samples["Assistant"])

        asked_for: list[set[str]] = []

        def approve(sent: object) -> None:
            page = owner.get(sent.headers["Location"])  # type: ignore[attr-defined]  # it is a response by now
            asked_for.append({str(box["value"]) for box in soup(page).select("[name=scope]")})
            back = owner.press(page, "Approve").headers["Location"]
            assert app.get(back).status_code == 303

        approve(app.press(app.get("/"), f"Sign in as {demo.base_url}/"))
        page = app.press(app.get("/"), "Read my notes")
        assert "There are no notes yet." in soup(page).get_text()
        approve(app.press(page, "Publish", text="Hello from the assistant"))
        assert asked_for == [{"notes:read"}, {"notes:read", "notes:write"}]
        page = app.get("/")
        assert soup(page).select("#answer li"), "the call that waited was made"
        assert "Hello from the assistant" in demo.browser().get("/").text
        assert not soup(app.get("/")).select("#answer"), "and is told once"
        page = app.press(app.get("/"), "Publish", text="A second one")
        assert "A second one" in demo.browser().get("/").text

"""A page in Chromium that is an MCP client of another origin: a whole session if it is listed, none if it is not."""

from __future__ import annotations

import http.server
import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import trustme

from tests.support.mcp import RunningNotes, running_notes
from tests.support.origin import TLSOrigin, publish_document
from tests.support.proves import proves
from tests.support.requirements import need

PAGE = Path(__file__).with_name("mcp_page.html").read_bytes()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pages:
    """The same page at two origins, one of them listed."""

    listed: str
    unlisted: str
    notes: RunningNotes


@contextmanager
def served_page(settings: dict[str, str]) -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            is_data = self.path == "/settings.json"
            body = json.dumps(settings).encode() if is_data else PAGE
            self.send_response(200)
            self.send_header("Content-Type", "application/json" if is_data else "text/html")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.fixture(scope="module")
def pages(ca: trustme.CA, ca_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    need(find_spec("mcp"), "the extra mcp is not installed")
    settings: dict[str, str] = {}
    with ExitStack() as stack:
        listed, unlisted = (stack.enter_context(served_page(settings)) for _ in range(2))
        origin = stack.enter_context(TLSOrigin(ca))
        settings["client"] = publish_document(
            origin, redirect_uris=[f"{listed}/", f"{unlisted}/"], grant_types=["authorization_code", "refresh_token"]
        )
        environment = {"CIMD_CA_BUNDLE": str(ca_bundle), "DEMO_MCP_ORIGINS": listed}
        notes = stack.enter_context(running_notes(tmp_path_factory.mktemp("page"), **environment))
        settings["mcp"] = notes.url
        yield Pages(listed=listed, unlisted=unlisted, notes=notes)


def shown(page: Any) -> dict[str, Any]:
    page.wait_for_function("document.querySelector('output').textContent !== 'idle'")
    found: dict[str, Any] = json.loads(page.locator("output").inner_text())
    return found


@proves("M-01", "M-02", "M-22")
def test_a_page_of_a_listed_origin_does_a_whole_session(open_page: Any, pages: Pages) -> None:
    page = open_page().page
    page.goto(pages.listed)
    page.get_by_role("button", name="Connect").click()
    page.get_by_label("Password").fill(pages.notes.demo.password)
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("button", name="Approve").click()
    page.wait_for_url(f"{pages.listed}/**")
    assert shown(page) == {
        "server": "notes",
        "tools": 4,
        "failed": [False, False],
        "scope": "notes:read notes:write",
        "ended": 200,
        "after": 401,
        "challenge": "Bearer",
    }


def test_a_page_of_another_origin_does_not_even_learn_where_to_sign_in(open_page: Any, pages: Pages) -> None:
    page = open_page().page
    page.goto(pages.unlisted)
    page.get_by_role("button", name="Connect").click()
    assert shown(page) == {"error": "TypeError: Failed to fetch"}

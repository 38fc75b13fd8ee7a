"""The official browser client of the AT Protocol in a real page: every request crosses origins (AT-44, AT-83)."""

from __future__ import annotations

import http.server
import subprocess
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.support.chromium import chromium
from tests.support.demo import RunningDemo, running_demo
from tests.support.node import node_executable, node_project
from tests.support.proves import proves

playwright = pytest.importorskip("playwright.sync_api")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDemo]:
    """Run a demo."""
    with running_demo(tmp_path_factory.mktemp("browser")) as running:
        yield running


@pytest.fixture(scope="module")
def app_url(demo: RunningDemo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve the page and its script at an origin of its own."""
    project, folder = node_project("atproto_node"), tmp_path_factory.mktemp("page")
    bundle = [project / "node_modules" / "esbuild" / "bin" / "esbuild", "browser.mjs", "--bundle", "--format=esm"]
    if not bundle[0].read_bytes().startswith(b"\x7fELF"):
        bundle = [Path(node_executable(project)), *bundle]
    made = subprocess.run([*bundle, f"--outfile={folder / 'app.js'}"], cwd=project, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    page = (project / "page.html").read_text().replace("SITE", demo.base_url)
    (folder / "index.html").write_text(page)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _quiet_handler(folder)) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()


def _quiet_handler(folder: Path) -> Any:
    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args, directory=str(folder))

        def log_message(self, *_: Any) -> None:
            pass

    return Handler


@pytest.fixture
def page(demo: RunningDemo) -> Iterator[Any]:
    """Open a page in a fresh profile, in which the owner is logged in at the site."""
    with chromium() as browser:
        page = browser.new_context().new_page()
        page.goto(f"{demo.base_url}/login")
        page.get_by_label("Password").fill(demo.password)
        page.get_by_role("button", name="Log in").click()
        yield page


def shows(page: Any, text: str) -> None:
    """Wait until the app says this."""
    playwright.expect(page.locator("output")).to_have_text(text, timeout=20000)


def ask(page: Any, app_url: str, entered: str) -> None:
    """Begin a sign-in, and wait for the site's own page."""
    page.goto(app_url)
    shows(page, "nobody")
    page.get_by_label("Handle").fill(entered)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Approve").wait_for(timeout=20000)


@pytest.mark.parametrize("entered", ["owner.test", "did", "url"])
def test_signs_in_calls_refreshes_restores_and_signs_out(
    demo: RunningDemo, app_url: str, page: Any, entered: str
) -> None:
    did = f"did:web:localhost%3A{urlsplit(demo.base_url).port}"

    ask(page, app_url, {"did": did, "url": demo.base_url}.get(entered, entered))
    page.get_by_role("button", name="Approve").click()
    shows(page, f"signed in as {did} of the page")
    page.get_by_role("button", name="Call").click()
    shows(page, "session of owner.test")
    page.get_by_role("button", name="Foreign").click()
    shows(page, "501 MethodNotImplemented")
    page.get_by_role("button", name="Refresh").click()
    shows(page, f"refreshed for {did}")
    page.goto(app_url)
    shows(page, f"signed in as {did} restored")
    page.get_by_role("button", name="Sign out").click()
    shows(page, "signed out")
    page.goto(app_url)
    shows(page, "nobody")


@proves("AT-80")
def test_a_denial_reaches_the_page(app_url: str, page: Any) -> None:
    ask(page, app_url, "owner.test")

    page.get_by_role("button", name="Deny").click()

    playwright.expect(page.locator("output")).to_contain_text("failed", timeout=20000)

"""Chromium as installed on this machine, driven by Playwright, and what every page of ours must keep to."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from .requirements import need

DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 360, "height": 740}


@contextmanager
def chromium(*arguments: str) -> Iterator[Any]:
    """Start the browser with further command line arguments."""
    need(importlib.util.find_spec("playwright"), "the Python package playwright is not installed")
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    need(path, "Chromium is not installed")
    with _driver() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", *arguments])
        yield browser
        browser.close()


#: The one driver of this process while it runs: Playwright refuses a second one in the same thread.
_drivers: list[Any] = []


@contextmanager
def _driver() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    if _drivers:
        yield _drivers[0]
        return
    with sync_playwright() as playwright:
        _drivers.append(playwright)
        try:
            yield playwright
        finally:
            _drivers.clear()


class Watch:
    """Remembers what a page asked the network for and complained about.

    Attributes:
        hosts: host and port of every request.
        complaints: errors of the console: blocked content, failed scripts.
    """

    def __init__(self, page: Any) -> None:
        self.page = page
        self.hosts: set[str] = set()
        self.complaints: list[str] = []
        page.on("request", lambda request: self.hosts.add(urlsplit(request.url).netloc))
        page.on("console", lambda message: self._note(message))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _note(self, message: Any) -> None:
        # A page that answers 4xx is an error to the console too; those are meant.
        if message.type == "error" and "status of 4" not in message.text:
            self.complaints.append(message.text)

    def require_calm(self, *allowed: str) -> None:
        """Fail if the page spoke to anybody else, complained, or is wider than the screen."""
        assert self.hosts <= set(allowed), f"requests to {self.hosts - set(allowed)}"
        assert not self.complaints
        too_wide = self.page.evaluate(
            """() => [...document.querySelectorAll('body, body *')]
                .filter(e => e.getBoundingClientRect().right > document.documentElement.clientWidth + 0.5)
                .map(e => e.outerHTML.slice(0, 80))"""
        )
        assert not too_wide, f"wider than the screen: {too_wide}"
        assert self.page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def shoot(page: Any, folder: Path, name: str) -> Path:
    """Save a picture of the whole page."""
    path = folder / f"{name}.png"
    page.screenshot(path=path, full_page=True)
    return path

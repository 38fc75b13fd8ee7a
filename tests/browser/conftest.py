"""One Chromium for all tests of this folder, and pages that are watched."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.support.chromium import DESKTOP, PHONE, Watch, chromium, shoot
from tests.support.demo import RunningDemo, running_demo


@pytest.fixture(scope="package")
def browser() -> Iterator[Any]:
    """Start Chromium; it ends with this folder, since its event loop would be in the way of others."""
    with chromium() as started:
        yield started


@pytest.fixture(scope="package")
def sample_demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDemo]:
    """Run a demo with its sample apps."""
    with running_demo(tmp_path_factory.mktemp("samples"), samples=True) as demo:
        yield demo


@pytest.fixture(params=[DESKTOP, PHONE], ids=["desktop", "phone"])
def screen(request: pytest.FixtureRequest) -> dict[str, int]:
    """Return the size of a screen."""
    found: dict[str, int] = request.param
    return found


@pytest.fixture
def open_page(browser: Any) -> Iterator[Callable[..., Watch]]:
    """Return a function that opens a watched page in a browser profile of its own; keywords are Playwright's."""
    with ExitStack() as stack:

        def opened(**options: Any) -> Watch:
            context = browser.new_context(**options)
            stack.callback(context.close)
            context.set_default_timeout(20_000)
            return Watch(context.new_page())

        yield opened


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Any, str], Path]:
    """Return a function that saves a picture, in ``SCREENSHOTS`` if that is set, for somebody to look at."""
    chosen = os.environ.get("SCREENSHOTS")
    folder = Path(chosen) if chosen else tmp_path_factory.mktemp("screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return lambda page, name: shoot(page, folder, name)

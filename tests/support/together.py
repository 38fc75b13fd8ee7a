"""Many browsers that do the same at one moment."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any, Protocol

from tests.support.browser import Browser

AT_ONCE = 50


class HasBrowsers(Protocol):
    """A site under test that hands out fresh browsers."""

    def browser(self) -> Browser:
        """Return a fresh browser."""


def together(site: HasBrowsers, work: Callable[[Browser], Any]) -> list[Any]:
    """Do the same from `AT_ONCE` browsers at one moment, and return what each got."""
    barrier = Barrier(AT_ONCE)

    def one(_: int) -> Any:
        browser = site.browser()
        barrier.wait(60)
        return work(browser)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(one, range(AT_ONCE)))

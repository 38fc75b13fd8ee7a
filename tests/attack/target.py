"""What is attacked: a running site, its owner's browser, and origins that the attacker controls."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import trustme

from tests.support.browser import Browser
from tests.support.origin import TLSOrigin


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One running site.

    Attributes:
        name: for the report.
        owner: a browser that is logged in.
        origin: an https origin that the attacker controls and the site trusts.
        ca: the authority that the site trusts.
        is_short: leave out the attacks that take long.
    """

    name: str
    owner: Browser
    origin: TLSOrigin
    ca: trustme.CA
    is_short: bool

    def stranger(self) -> Browser:
        """Return a browser that is not logged in."""
        return Browser(self.owner.base_url)

    def forged(self) -> Browser:
        """Return a browser with the owner's cookies, as a page of the attacker could make it send requests."""
        browser = Browser(self.owner.base_url)
        browser.session.cookies.update(self.owner.session.cookies)
        return browser


#: What was tried, and whether the site held.
Outcome = tuple[str, bool]
Attack = Callable[[Target], Iterator[Outcome]]

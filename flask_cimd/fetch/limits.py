"""How many documents of one site are fetched in a while, so that nobody turns this server into a hammer.

A *site* is what one owner registers (``example.com`` with everything below it), as far as the extra ``sites``
knows: it brings the Public Suffix List. Without it, each host is a site of its own. Domains that host strangers
side by side are in that list or in ``CIMD_SHARED_DOMAINS``, so that neighbours do not lock each other out.
"""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from collections.abc import Callable
from threading import Lock

from ..core.policy import HostPattern
from ..errors import TooManyFetchesError

#: So many sites are counted at once; the one that was quiet for longest is forgotten first.
_MOST_SITES = 10_000

SiteOf = Callable[[str], str]


class SiteLimits:
    """Counts fetches by site, in this process.

    Args:
        most: fetches of one site within ``window`` seconds.
        site_of: returns the site of a lower-case host.
        exempt: hosts that are not counted.
        clock: seconds that only rise.
    """

    def __init__(
        self,
        most: int,
        window: float,
        *,
        site_of: SiteOf,
        exempt: Callable[[str], bool] = lambda _: False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most = most
        self._window = window
        self._site_of = site_of
        self._exempt = exempt
        self._clock = clock
        self._lock = Lock()
        self._fetches: OrderedDict[str, deque[float]] = OrderedDict()

    def count(self, host: str, client_id: str) -> None:
        """Count a fetch that is about to begin, or raise.

        Raises:
            TooManyFetchesError: slug ``too-many-fetches-of-site``, with the seconds to wait.
        """
        host = host.lower()
        if self._exempt(host):
            return
        site, now = self._site_of(host), self._clock()
        with self._lock:
            fetches = self._fetches.setdefault(site, deque())
            self._fetches.move_to_end(site)
            while fetches and fetches[0] <= now - self._window:
                fetches.popleft()
            if len(fetches) >= self._most:
                wait = int(fetches[0] + self._window - now) + 1
                hint = f"this site was asked {self._most} times in {self._window:g} seconds"
                raise TooManyFetchesError("too-many-fetches-of-site", client_id, hint=hint, retry_after=wait)
            fetches.append(now)
            while len(self._fetches) > _MOST_SITES:
                self._fetches.popitem(last=False)


def site_finder(shared: tuple[HostPattern, ...] = ()) -> SiteOf:
    """Return the function from a host to its site.

    Args:
        shared: domains under which everybody has a name of their own, such as ``.pages.example``.
    """
    try:
        from publicsuffixlist import PublicSuffixList
    except ImportError:
        return lambda host: host
    suffixes = PublicSuffixList()

    def site_of(host: str) -> str:
        for pattern in shared:
            suffix = "." + pattern.text.lstrip(".")
            if host.endswith(suffix):
                return host.removesuffix(suffix).rpartition(".")[2] + suffix
        return suffixes.privatesuffix(host) or host

    return site_of

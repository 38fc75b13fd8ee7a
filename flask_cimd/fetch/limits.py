"""The limits on fetches: how many run at once, how often a site is asked, and how soon after a failure.

A *site* is what one owner registers (``example.com`` with everything below it), as far as the extra ``sites`` knows:
it brings the Public Suffix List. Without it, each host is a site of its own. Domains that host strangers side by side
are in that list or in ``CIMD_SHARED_DOMAINS``, so that neighbours do not lock each other out.
"""

from __future__ import annotations

import functools
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from threading import BoundedSemaphore, Lock
from typing import Any

from ..core.identifier import ClientIdentifier
from ..core.policy import HostPattern
from ..core.requester import current_stranger
from ..core.sentences import sentence
from ..errors import CIMDError, FetchError, GoneError, TooManyFetchesError

#: Number of sites or networks counted at once; the one asked longest ago is forgotten first.
_MAX_KEYS = 10_000
#: Multiple of the limit of a site: so many URLs without a document count for the networks that named them alone.
_REFUNDS = 10
#: Number of failures remembered at once.
_MAX_FAILURES = 1000
#: Failures in these phases concern a whole host; a bad response concerns one URL, and its neighbours may be fine.
_HOST_PHASES = frozenset({"resolve", "connect", "tls"})

SiteOf = Callable[[str], str]


class _Windows:
    """Sliding windows by key: the instants of the newest events, in memory and bounded."""

    def __init__(self, most: int, window: float, clock: Callable[[], float]) -> None:
        self._most = most
        self._window = window
        self._clock = clock
        self._lock = Lock()
        self._times: OrderedDict[str, deque[float]] = OrderedDict()

    def wait(self, key: str) -> int | None:
        """Return the seconds until another event fits, or ``None`` if one fits now."""
        with self._lock:
            return self._wait(self._times.get(key), self._clock())

    def add(self, key: str) -> None:
        """Add an event."""
        with self._lock:
            self._of(key).append(self._clock())

    def take(self, key: str) -> int | None:
        """Add an event if it fits; otherwise return the seconds to wait."""
        now = self._clock()
        with self._lock:
            times = self._of(key)
            wait = self._wait(times, now)
            if wait is None:
                times.append(now)
            return wait

    def undo(self, key: str) -> None:
        """Take back the newest event."""
        with self._lock:
            if times := self._times.get(key):
                times.pop()

    def _of(self, key: str) -> deque[float]:
        times = self._times.setdefault(key, deque())
        self._times.move_to_end(key)
        while len(self._times) > _MAX_KEYS:
            self._times.popitem(last=False)
        return times

    def _wait(self, times: deque[float] | None, now: float) -> int | None:
        while times and times[0] <= now - self._window:
            times.popleft()
        return int(times[0] + self._window - now) + 1 if times and len(times) >= self._most else None


class SiteLimits:
    """Counts fetches by site, in this process.

    Args:
        most: number of fetches of one site within ``window``.
        window: in seconds.
        site_of: returns the site of a lower-case host.
        exempt: hosts that are not counted.
        clock: returns seconds that only rise.
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
        self._fetches = _Windows(most, window, clock)

    def count(self, host: str, client_id: str) -> None:
        """Count a fetch that is about to begin, or raise.

        Raises:
            TooManyFetchesError: slug ``too-many-fetches-of-site``, with the seconds to wait.
        """
        host = host.lower()
        if self._exempt(host):
            return
        wait = self._fetches.take(self._site_of(host))
        if wait is not None:
            hint = sentence(
                "this site was asked %(number)s times in %(seconds)s seconds",
                number=self._most,
                seconds=f"{self._window:g}",
            )
            raise TooManyFetchesError("too-many-fetches-of-site", client_id, hint=hint, retry_after=wait)

    def refund(self, host: str) -> None:
        """Take back the newest fetch that was counted for the site of a host."""
        host = host.lower()
        if not self._exempt(host):
            self._fetches.undo(self._site_of(host))

    def times(self, factor: int) -> SiteLimits:
        """Return a new counter with a limit that is so many times as high."""
        more = self._most * factor
        return SiteLimits(more, self._window, site_of=self._site_of, exempt=self._exempt, clock=self._clock)


class NotFoundLimits:
    """Counts the URLs without a document that each network made this server ask for, in this process.

    Args:
        most: number of them within ``window``.
        window: in seconds.
        clock: returns seconds that only rise.
    """

    def __init__(self, most: int, window: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._window = window
        self._found = _Windows(most, window, clock)

    def check(self, network: str, client_id: str) -> None:
        """Raise if a network has reached the limit.

        Raises:
            TooManyFetchesError: slug ``too-many-not-found``, with the seconds to wait.
        """
        wait = self._found.wait(network)
        if wait is not None:
            hint = sentence(
                "this network named %(number)s URLs without a document in %(seconds)s seconds",
                number=self._most,
                seconds=f"{self._window:g}",
            )
            raise TooManyFetchesError("too-many-not-found", client_id, hint=hint, retry_after=wait)

    def count(self, network: str) -> None:
        """Count a URL that answered 404 or 410."""
        self._found.add(network)


class FetchBudget:
    """The limits of one app on its fetches; ask once per fetch, and hold the context until the fetch has ended.

    Args:
        simultaneous: number of fetches that may run at once. One more raises rather than waits, so that many slow
            hosts cannot hold all threads of a worker.
        documents: the limit of each site on fetches of documents.
        linked: the same for key sets and logos. It is apart, so that strangers who name a site in their documents
            cannot use up what the site's own clients need.
        pause: how long a URL that failed is not fetched again (CIMD §5.2 forbids to store errors: only *that* it
            failed is remembered); zero never refuses.
        clock: returns the current aware instant.
        not_found: the limit of each network on URLs without a document. With it, a URL that answers 404 or 410 counts
            for the network of the `Stranger` who named it instead of for its site: strangers who make paths up
            cannot use up what the site's clients need.
    """

    def __init__(
        self,
        *,
        simultaneous: int,
        documents: SiteLimits,
        linked: SiteLimits,
        pause: timedelta,
        clock: Callable[[], datetime],
        not_found: NotFoundLimits | None = None,
    ) -> None:
        self._not_found = not_found
        self._slots = BoundedSemaphore(simultaneous)
        self._documents = documents
        self._refunds = documents.times(_REFUNDS)
        self._linked = linked
        self._failures = _Failures(pause, clock)

    @contextmanager
    def for_document(self, identifier: ClientIdentifier, *, after_failure: bool = False) -> Iterator[None]:
        """Admit one fetch of a client's document.

        Args:
            identifier: whose document is fetched.
            after_failure: fetch even if the URL failed a moment ago.

        Raises:
            TooManyFetchesError: slug ``too-many-fetches``, ``too-many-fetches-of-site`` or ``too-many-not-found``;
                nothing was fetched.
            FetchError: slug ``backing-off``; nothing was fetched.
        """
        if not after_failure:
            self._failures.check(identifier)
        with self._slot(identifier.raw), self._charged_for_not_found(identifier):
            self._documents.count(identifier.host, identifier.raw)
            yield

    @contextmanager
    def _charged_for_not_found(self, identifier: ClientIdentifier) -> Iterator[None]:
        stranger = current_stranger()
        if self._not_found is None or stranger is None:
            yield
            return
        self._not_found.check(stranger.network, identifier.raw)
        try:
            yield
        except GoneError:
            self._not_found.count(stranger.network)
            # Many networks together must not make this server flood a site: past this number the site counts them.
            with suppress(TooManyFetchesError):
                self._refunds.count(identifier.host, identifier.raw)
                self._documents.refund(identifier.host)
            raise

    @contextmanager
    def for_linked(self, host: str, client_id: str) -> Iterator[None]:
        """Admit one fetch of something that a document links to.

        Raises:
            TooManyFetchesError: as `for_document`.
        """
        with self._slot(client_id):
            self._linked.count(host, client_id)
            yield

    def note_failure(self, identifier: ClientIdentifier, error: CIMDError) -> None:
        """Refuse the URL, or its whole host if that could not be reached, for ``pause``."""
        self._failures.note(identifier, error)

    @contextmanager
    def _slot(self, client_id: str) -> Iterator[None]:
        if not self._slots.acquire(blocking=False):
            raise TooManyFetchesError("too-many-fetches", client_id, hint="CIMD_MAX_FETCHES fetches are running")
        try:
            yield
        finally:
            self._slots.release()


class _Failures:
    """URLs that failed a moment ago and hosts that could not be reached; in memory and bounded."""

    def __init__(self, pause: timedelta, clock: Callable[[], datetime]) -> None:
        self._pause = pause
        self._clock = clock
        self._ends: OrderedDict[str, datetime] = OrderedDict()
        self._lock = Lock()

    def check(self, identifier: ClientIdentifier) -> None:
        if not self._pause:
            return
        now = self._clock()
        with self._lock:
            ends = [self._ends.get(key) for key in (identifier.raw, identifier.display_host)]
        if any(end is not None and now < end for end in ends):
            raise FetchError(
                "backing-off", identifier.raw, hint="it failed less than CIMD_FAILURE_BACKOFF ago", phase="resolve"
            )

    def note(self, identifier: ClientIdentifier, error: CIMDError) -> None:
        if not self._pause or isinstance(error, TooManyFetchesError):  # a limit of ours says nothing about the host
            return
        keys = [identifier.raw]
        if isinstance(error, FetchError) and error.phase in _HOST_PHASES:
            keys.append(identifier.display_host)
        with self._lock:
            for key in keys:
                self._ends[key] = self._clock() + self._pause
                self._ends.move_to_end(key)
            while len(self._ends) > _MAX_FAILURES:
                self._ends.popitem(last=False)


def site_finder(shared: tuple[HostPattern, ...] = ()) -> SiteOf:
    """Return the function from a host to its site.

    Args:
        shared: domains under which everybody has a name of their own, such as ``.pages.example``.
    """
    try:
        from publicsuffixlist import PublicSuffixList
    except ImportError:
        return lambda host: host

    def site_of(host: str) -> str:
        for pattern in shared:
            suffix = "." + pattern.text.lstrip(".")
            if host.endswith(suffix):
                return host.removesuffix(suffix).rpartition(".")[2] + suffix
        return _parsed(PublicSuffixList).privatesuffix(host) or host

    return site_of


@functools.cache
def _parsed(kind: Callable[[], Any]) -> Any:
    """Return the list, parsed once a process and by its first fetch: that takes longer than an app's set-up."""
    return kind()

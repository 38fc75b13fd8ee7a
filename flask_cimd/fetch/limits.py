"""Limits on fetches: simultaneous fetches, fetches per site, and the pause after a failure.

A *site* is a registrable domain with its subdomains, according to the Public Suffix List of the extra ``sites``.
Without that extra, each host is a site. Domains on which unrelated owners have subdomains are in that list or in
``CIMD_SHARED_DOMAINS``, so that these owners do not share a limit.
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

#: Maximum number of sites or networks counted; the least recently used one is dropped first.
_MAX_KEYS = 10_000
#: Multiple of a site's limit: up to this number, URLs without a document count only for the networks that named them.
_REFUNDS = 10
#: Maximum number of stored failures.
_MAX_FAILURES = 1000
#: Failures in these phases concern a whole host; a bad response concerns only one URL.
_HOST_PHASES = frozenset({"resolve", "connect", "tls"})

SiteOf = Callable[[str], str]


class _Windows:
    """Sliding windows by key: the times of the newest events, in bounded memory."""

    def __init__(self, most: int, window: float, clock: Callable[[], float]) -> None:
        self._most = most
        self._window = window
        self._clock = clock
        self._lock = Lock()
        self._times: OrderedDict[str, deque[float]] = OrderedDict()

    def wait(self, key: str) -> int | None:
        """Return the seconds until the limit allows another event, or ``None`` if it allows one now."""
        with self._lock:
            return self._wait(self._times.get(key), self._clock())

    def add(self, key: str) -> None:
        """Add an event."""
        with self._lock:
            self._of(key).append(self._clock())

    def take(self, key: str) -> int | None:
        """Add an event if the limit allows it; otherwise return the seconds to wait."""
        now = self._clock()
        with self._lock:
            times = self._of(key)
            wait = self._wait(times, now)
            if wait is None:
                times.append(now)
            return wait

    def undo(self, key: str) -> None:
        """Remove the newest event."""
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
        most: maximum number of fetches of one site within ``window``.
        window: length of the sliding window, in seconds.
        site_of: returns the site of a lower-case host.
        exempt: hosts that are not counted.
        clock: returns monotonic seconds.
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
        """Count a fetch before it starts, or raise.

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
        """Remove the newest counted fetch of a host's site."""
        host = host.lower()
        if not self._exempt(host):
            self._fetches.undo(self._site_of(host))

    def times(self, factor: int) -> SiteLimits:
        """Return a new counter whose limit is ``factor`` times this limit."""
        more = self._most * factor
        return SiteLimits(more, self._window, site_of=self._site_of, exempt=self._exempt, clock=self._clock)


class NotFoundLimits:
    """Counts the URLs without a document that each network made this process fetch.

    Args:
        most: maximum number of such URLs per network within ``window``.
        window: length of the sliding window, in seconds.
        clock: returns monotonic seconds.
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
        """Count a URL whose response had the status 404 or 410."""
        self._found.add(network)


class FetchBudget:
    """The limits of one app on its fetches; enter a context once per fetch, and leave it after the fetch.

    Args:
        simultaneous: maximum number of simultaneous fetches. A further fetch raises at once, so that slow hosts cannot
            occupy all threads of a worker.
        documents: limit of each site on document fetches.
        linked: separate limit of each site on fetches of key sets and logos, so that strangers whose documents name a
            site cannot exhaust the limit of the site's own clients.
        pause: minimum time between a failed fetch of a URL and the next; zero means no pause. Only the fact of the
            failure is stored, because CIMD §5.2 forbids storing errors.
        clock: returns the current time as an aware `datetime`.
        not_found: limit of each network on URLs without a document. With it, a URL with the status 404 or 410 counts
            for the network of the `Stranger` instead of for its site, so that invented paths cannot exhaust the limit
            of the site's clients.
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
            identifier: the client of the document.
            after_failure: ignore the pause after a failure.

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
            # Above this number the fetches count for the site: many networks together must not flood it.
            with suppress(TooManyFetchesError):
                self._refunds.count(identifier.host, identifier.raw)
                self._documents.refund(identifier.host)
            raise

    @contextmanager
    def for_linked(self, host: str, client_id: str) -> Iterator[None]:
        """Admit one fetch of a URL in a document.

        Raises:
            TooManyFetchesError: as `for_document`.
        """
        with self._slot(client_id):
            self._linked.count(host, client_id)
            yield

    def note_failure(self, identifier: ClientIdentifier, error: CIMDError) -> None:
        """Refuse the URL for ``pause``; after a failure to connect, refuse its whole host."""
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
    """URLs whose fetch failed recently and hosts that were unreachable recently, in bounded memory."""

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
        if not self._pause or isinstance(error, TooManyFetchesError):  # a local limit is no failure of the host
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
    """Return a function that returns the site of a host.

    Args:
        shared: domains whose subdomains belong to unrelated owners, such as ``.pages.example``.
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
    """Return the parsed list; the first fetch of a process parses it, because parsing is slow."""
    return kind()

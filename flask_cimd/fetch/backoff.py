"""Remembers for a few seconds *that* a URL failed, never what it answered (CIMD §5.2 forbids to store errors).

Off by default: the very next request after a failure may succeed. In memory and bounded.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Lock

from ..core.identifier import ClientIdentifier
from ..errors import CIMDError, FetchError

_SIZE = 1000
#: What a whole host is at fault for; a bad answer is that of one URL, and its neighbours may be fine.
_HOST_PHASES = frozenset({"resolve", "connect", "tls"})


class Backoff:
    """Refuses URLs that failed a moment ago, and hosts that could not be reached.

    Args:
        pause: how long; zero never refuses anything.
        clock: returns the current aware instant.
    """

    def __init__(self, pause: timedelta, clock: Callable[[], datetime]) -> None:
        self._pause = pause
        self._clock = clock
        self._ends: OrderedDict[str, datetime] = OrderedDict()
        self._lock = Lock()

    def check(self, identifier: ClientIdentifier) -> None:
        """Raise if the URL or its host failed just now.

        Raises:
            FetchError: slug ``backing-off``; nothing was fetched.
        """
        now = self._clock()
        with self._lock:
            ends = [self._ends.get(key) for key in (identifier.raw, identifier.display_host)]
        if any(end is not None and now < end for end in ends):
            raise FetchError(
                "backing-off", identifier.raw, hint="it failed less than CIMD_FAILURE_BACKOFF ago", phase="resolve"
            )

    def note(self, identifier: ClientIdentifier, error: CIMDError) -> None:
        """Remember a failure."""
        if not self._pause:
            return
        keys = [identifier.raw]
        if isinstance(error, FetchError) and error.phase in _HOST_PHASES:
            keys.append(identifier.display_host)
        with self._lock:
            for key in keys:
                self._ends[key] = self._clock() + self._pause
                self._ends.move_to_end(key)
            while len(self._ends) > _SIZE:
                self._ends.popitem(last=False)

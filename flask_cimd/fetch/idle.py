"""Connections of one session that wait for its next request to the same origin.

A connection is kept for one origin, for seconds, and for one user at a time. It is not kept past its bounds: the name
is looked up and its addresses are vetted anew once a connection is a minute old.
"""

from __future__ import annotations

import os
import time
import weakref
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Any

#: Connections that wait in one session; the one that waits longest is closed first.
MOST = 4
#: Seconds since the connection was made.
MOST_AGE = 60.0
#: Seconds without a request, before one that may be repeated if the server closes the connection meanwhile.
MOST_IDLE = 4.0
#: The same before a request that must not be repeated: servers rarely close a connection so soon.
MOST_IDLE_ONCE = 1.0


@dataclass(slots=True)
class Kept:
    """A connection that waits.

    Attributes:
        connection: has ``close``.
        made_at: when the connection was made, on the monotonic clock.
        idle_since: when its last response ended.
        process: a connection is of no use to a child of the process that made it.
    """

    connection: Any
    made_at: float
    idle_since: float
    process: int


class IdleConnections:
    """At most `MOST` connections, each of one origin; used by any thread.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        self._kept: OrderedDict[str, Kept] = OrderedDict()
        # Sessions are often dropped without being closed.
        weakref.finalize(self, _close_dropped, self._kept).atexit = False
        _instances.add(self)

    def take(self, origin: str, *, is_repeatable: bool) -> Kept | None:
        """Return the connection to an origin, for the caller alone, and close those that waited too long."""
        most_idle, now = MOST_IDLE if is_repeatable else MOST_IDLE_ONCE, self._clock()
        with self._lock:
            found = self._kept.pop(origin, None)
            ended = [name for name, kept in self._kept.items() if not _is_usable(kept, now, MOST_IDLE)]
            over = [self._kept.pop(name) for name in ended]
        if found is not None and not _is_usable(found, now, most_idle):
            over.append(found)
            found = None
        _close(over)
        return found

    def keep(self, origin: str, connection: Any, made_at: float) -> None:
        """Keep a connection whose last response was read to its end."""
        kept = Kept(connection, made_at, self._clock(), os.getpid())
        with self._lock:
            over = [self._kept.pop(origin)] if origin in self._kept else []
            self._kept[origin] = kept
            while len(self._kept) > MOST:
                over.append(self._kept.popitem(last=False)[1])
        _close(over)

    def now(self) -> float:
        """Return the present on the clock."""
        return self._clock()

    def close(self) -> None:
        """Close all of them."""
        with self._lock:
            over = list(self._kept.values())
            self._kept.clear()
        _close(over)

    def reset(self) -> None:
        """Make the lock anew in a child process: a thread that the child does not have may hold the parent's."""
        self._lock = Lock()

    def __len__(self) -> int:
        """Return how many connections wait."""
        return len(self._kept)


def _is_usable(kept: Kept, now: float, most_idle: float) -> bool:
    return kept.process == os.getpid() and now - kept.made_at < MOST_AGE and now - kept.idle_since < most_idle


def _close(over: list[Kept]) -> None:
    for kept in over:
        kept.connection.close()


def _close_dropped(kept: OrderedDict[str, Kept]) -> None:
    _close(list(kept.values()))


_instances: weakref.WeakSet[IdleConnections] = weakref.WeakSet()


def _reset_all() -> None:
    for instance in _instances:
        instance.reset()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset_all)

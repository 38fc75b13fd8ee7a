"""The total deadline of one fetch, enforced by cutting its connection.

A timeout of a socket starts anew with every byte, so a peer that sends one byte a second is never too slow for it.
One daemon thread a process shuts down the sockets whose time is up; it is started by the first fetch and waits
without waking up while no fetch is under way.
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
import os
import socket
import time
from threading import Condition, Lock, Thread


class Deadline:
    """The end of one fetch on the monotonic clock; a context manager around everything the fetch does.

    Args:
        seconds: from now on, for look-up, connect, TLS, head and body together.

    Attributes:
        ends_at: on `time.monotonic`.
        has_passed: the deadline cut the connection, or would have cut one.
        is_over: the fetch ended, in time or not.
    """

    def __init__(self, seconds: float) -> None:
        self.ends_at = time.monotonic() + seconds
        self.has_passed = False
        self.is_over = False
        self._lock = Lock()
        self._socket: socket.socket | None = None

    def __enter__(self) -> Deadline:
        _cutter.add(self)
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self.is_over = True
            if self._socket is not None:
                self._socket.close()
                self._socket = None

    def seconds_left(self) -> float:
        """Return the seconds until the end; 0 once it has passed."""
        left = self.ends_at - time.monotonic()
        return 0.0 if self.has_passed else max(0.0, left)

    def watch(self, connected: socket.socket) -> None:
        """Cut this connection when time is up, at once if it already is; forget the connection watched before.

        A duplicate of the socket is kept: TLS wrapping detaches the original, and a detached socket cannot be cut.
        A socket of TLS has no `dup` of its own.
        """
        with self._lock:
            if self._socket is not None:
                self._socket.close()
            copy = os.dup(connected.fileno())
            self._socket = socket.socket(connected.family, connected.type, connected.proto, fileno=copy)
            if self.has_passed:
                _shut_down(self._socket)

    def expire(self) -> None:
        """Cut the watched connection, and every connection that is watched later."""
        with self._lock:
            if self.is_over:
                return
            self.has_passed = True
            if self._socket is not None:
                _shut_down(self._socket)


def _shut_down(connected: socket.socket) -> None:
    with contextlib.suppress(OSError):  # the peer was faster
        connected.shutdown(socket.SHUT_RDWR)


class _Cutter:
    """The thread that ends deadlines, ordered by their ends. Deadlines that are over wait for their turn to leave."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Begin anew: after a fork, the child has neither the parent's thread nor its fetches."""
        self._changed = Condition(Lock())
        self._order = itertools.count()
        self._deadlines: list[tuple[float, int, Deadline]] = []
        self._thread: Thread | None = None

    def add(self, deadline: Deadline) -> None:
        """Take a deadline up; the thread wakes only if this one is the first to end."""
        with self._changed:
            is_first = not self._deadlines or deadline.ends_at < self._deadlines[0][0]
            heapq.heappush(self._deadlines, (deadline.ends_at, next(self._order), deadline))
            if self._thread is None:
                self._thread = Thread(target=self._run, name="cimd-deadlines", daemon=True)
                self._thread.start()
            elif is_first:
                self._changed.notify()

    def _run(self) -> None:
        while True:
            self._wait_for_next().expire()

    def _wait_for_next(self) -> Deadline:
        with self._changed:
            while True:
                while self._deadlines and self._deadlines[0][2].is_over:
                    heapq.heappop(self._deadlines)
                left = self._deadlines[0][0] - time.monotonic() if self._deadlines else None
                if left is not None and left <= 0:
                    return heapq.heappop(self._deadlines)[2]
                self._changed.wait(left)


_cutter = _Cutter()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_cutter.reset)

"""Connect to the first of a host's vetted addresses that accepts (Happy Eyeballs, RFC 8305 §4 and §5)."""

from __future__ import annotations

import errno
import selectors
import socket
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack

#: Seconds between two attempts; RFC 8305 §5: "recommended to be 250 milliseconds".
ATTEMPT_DELAY = 0.25
#: Maximum number of addresses tried in one fetch, so that a name with thousands of addresses causes no port scan.
MOST_ATTEMPTS = 20
_UNDER_WAY = frozenset({0, errno.EINPROGRESS, errno.EWOULDBLOCK})
#: poll() needs no file descriptor; Windows has no poll() and uses select().
_Selector = getattr(selectors, "PollSelector", selectors.SelectSelector)

Target = tuple[str, int]


def alternate(targets: Sequence[Target]) -> list[Target]:
    """Return the targets with alternating address families, beginning with the first target's (RFC 8305 §4)."""
    first = [target for target in targets if _family(target) == _family(targets[0])]
    other = [target for target in targets if _family(target) != _family(targets[0])]
    shared = min(len(first), len(other))
    pairs = [target for pair in zip(first, other, strict=False) for target in pair]
    return pairs + first[shared:] + other[shared:]


def _family(target: Target) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in target[0] else socket.AF_INET


def connect_first(
    targets: Sequence[Target], *, attempt_timeout: float, seconds_left: Callable[[], float]
) -> tuple[socket.socket, str] | None:
    """Return a connection to the first target that accepts, and its address; ``None`` if no target accepts in time.

    An attempt starts when the previous one has failed or is 250 ms old. After a success, all others are closed.

    Args:
        targets: pairs of IP address and port.
        attempt_timeout: timeout of one attempt, in seconds.
        seconds_left: returns the seconds until the deadline of the fetch.
    """
    if len(targets) == 1:
        return _connect_to(targets[0], min(attempt_timeout, seconds_left()))
    with _Attempts(alternate(targets)[:MOST_ATTEMPTS], attempt_timeout) as attempts:
        while (left := seconds_left()) > 0 and attempts.begin_due():
            if connected := attempts.wait(left):
                return connected
    return None


def _connect_to(target: Target, timeout: float) -> tuple[socket.socket, str] | None:
    if timeout <= 0:
        return None
    try:
        attempt = socket.socket(_family(target), socket.SOCK_STREAM)
    except OSError:  # this machine has no IPv6
        return None
    attempt.settimeout(timeout)
    try:
        attempt.connect(target)
    except OSError:
        attempt.close()
        return None
    except BaseException:
        attempt.close()
        raise
    return attempt, target[0]


class _Attempts(ExitStack):
    """The pending attempts of one fetch; leaving the ``with`` block closes the unsuccessful ones."""

    def __init__(self, targets: Sequence[Target], timeout: float) -> None:
        super().__init__()
        self._waiting = deque(targets)
        self._timeout = timeout
        self._next_at = 0.0
        self._ends: dict[socket.socket, tuple[float, str]] = {}
        self._selector = self.enter_context(_Selector())
        self.callback(self._close_all)

    def _close_all(self) -> None:
        for attempt in self._ends:
            attempt.close()

    def begin_due(self) -> bool:
        """Start the attempts that are due; return whether any is pending."""
        while self._waiting and (not self._ends or time.monotonic() >= self._next_at):
            target = self._waiting.popleft()
            if self._begin(target):
                self._next_at = time.monotonic() + ATTEMPT_DELAY
        return bool(self._ends)

    def _begin(self, target: Target) -> bool:
        try:
            attempt = socket.socket(_family(target), socket.SOCK_STREAM)
        except OSError:  # this machine has no IPv6
            return False
        attempt.setblocking(False)
        if attempt.connect_ex(target) not in _UNDER_WAY:
            attempt.close()
            return False
        self._selector.register(attempt, selectors.EVENT_WRITE)
        self._ends[attempt] = (time.monotonic() + self._timeout, target[0])
        return True

    def wait(self, left: float) -> tuple[socket.socket, str] | None:
        """Wait until an attempt succeeds, fails or times out, or until the next one is due."""
        until = min(end for end, _ in self._ends.values())
        if self._waiting:
            until = min(until, self._next_at)
        ready = self._selector.select(max(0.0, min(left, until - time.monotonic())))
        for key, _ in ready:
            if key.fileobj.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0:
                self._selector.unregister(key.fileobj)
                return key.fileobj, self._ends.pop(key.fileobj)[1]
            self._give_up(key.fileobj)
        now = time.monotonic()
        for attempt in [attempt for attempt, (end, _) in self._ends.items() if end <= now]:
            self._give_up(attempt)
        return None

    def _give_up(self, attempt: socket.socket) -> None:
        self._selector.unregister(attempt)
        del self._ends[attempt]
        attempt.close()
        self._next_at = 0.0  # RFC 8305 §5: a failure starts the next attempt at once

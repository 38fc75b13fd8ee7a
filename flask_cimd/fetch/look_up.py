"""Name look-ups in a bounded pool of threads: the system's resolver cannot be interrupted, only left alone."""

from __future__ import annotations

import os
import socket
import weakref
from collections.abc import Callable
from queue import Empty, SimpleQueue
from threading import Lock, Thread

from ..core.sentences import sentence
from ..errors import TooManyFetchesError

#: Name and port to addresses.
Resolve = Callable[[str, int], list[str]]
_Outcome = list[str] | BaseException
_Task = tuple[Resolve, str, int, "SimpleQueue[_Outcome]"]


def look_up(host: str, port: int) -> list[str]:
    """Return every address of a name, without duplicates, in the order of the system's resolver (RFC 6724)."""
    answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(answer[4][0]) for answer in answers))


class LookUps:
    """Runs name look-ups, a bounded number at once, in daemon threads that are kept for the next ones.

    Args:
        most: look-ups that may hang at the same time; one more is refused at once instead of waiting.
    """

    def __init__(self, most: int = 16) -> None:
        self.most = most
        self.reset()
        _instances.add(self)

    def reset(self) -> None:
        """Begin anew: after a fork, the child has none of the parent's threads."""
        self._lock = Lock()
        self._tasks: SimpleQueue[_Task] = SimpleQueue()
        self._under_way = self._threads = 0

    def run(self, resolve: Resolve, host: str, port: int, seconds: float) -> list[str]:
        """Return what ``resolve`` answers, or raise what it raises.

        Raises:
            TooManyFetchesError: slug ``too-many-look-ups``.
            TimeoutError: there was no answer within ``seconds``; its thread stays occupied until there is one.
        """
        answer: SimpleQueue[_Outcome] = SimpleQueue()
        self._begin()
        self._tasks.put((resolve, host, port, answer))
        try:
            outcome = answer.get(timeout=seconds)
        except Empty as exc:
            raise TimeoutError from exc
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    def _begin(self) -> None:
        """Count a look-up and make sure that a thread is free for it."""
        with self._lock:
            if self._under_way >= self.most:
                raise _refuse(sentence("%(number)s name look-ups are under way", number=self.most))
            if self._under_way == self._threads:
                try:
                    Thread(target=self._work, name="cimd-look-up", daemon=True).start()
                except RuntimeError as exc:
                    raise _refuse("no thread can be started for a name look-up") from exc
                self._threads += 1
            self._under_way += 1

    def _work(self) -> None:
        while True:
            resolve, host, port, answer = self._tasks.get()
            try:
                outcome: _Outcome = resolve(host, port)
            except BaseException as exc:  # noqa: BLE001  belongs to the fetch that waits for it
                outcome = exc
            with self._lock:
                self._under_way -= 1
            answer.put(outcome)


def _refuse(hint: str) -> TooManyFetchesError:
    return TooManyFetchesError("too-many-look-ups", hint=hint, phase="resolve")


_instances: weakref.WeakSet[LookUps] = weakref.WeakSet()
#: The look-ups of this process, of whichever app: for people, for strangers, and for strangers' requests of clients
#: that have a grant. Names whose servers hang occupy those of their own requester alone.
SHARED = LookUps()
FOR_STRANGERS = LookUps()
FOR_KNOWN_CLIENTS = LookUps()


def _reset_all() -> None:
    for instance in _instances:
        instance.reset()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset_all)

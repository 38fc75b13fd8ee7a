"""Name look-ups in a bounded pool of threads, because the system's resolver cannot be interrupted."""

from __future__ import annotations

import os
import socket
import weakref
from collections.abc import Callable
from queue import Empty, SimpleQueue
from threading import Lock, Thread

from ..core.sentences import sentence
from ..errors import TooManyFetchesError

#: Returns the addresses for a host name and a port.
Resolve = Callable[[str, int], list[str]]
_Outcome = list[str] | BaseException
_Task = tuple[Resolve, str, int, "SimpleQueue[_Outcome]"]


def look_up(host: str, port: int) -> list[str]:
    """Return every address of a name once, in the order of the system's resolver (RFC 6724)."""
    answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(answer[4][0]) for answer in answers))


class LookUps:
    """Runs a bounded number of simultaneous name look-ups in reused daemon threads.

    Args:
        most: maximum number of simultaneous look-ups; a further look-up raises at once.
    """

    def __init__(self, most: int = 16) -> None:
        self.most = most
        self.reset()
        _instances.add(self)

    def reset(self) -> None:
        """Reset the state after a fork: the child process has none of the parent's threads."""
        self._lock = Lock()
        self._tasks: SimpleQueue[_Task] = SimpleQueue()
        self._under_way = self._threads = 0

    def run(self, resolve: Resolve, host: str, port: int, seconds: float) -> list[str]:
        """Return the result of ``resolve``, or raise its error.

        Raises:
            TooManyFetchesError: slug ``too-many-look-ups``.
            TimeoutError: no result within ``seconds``; the thread stays occupied until the resolver returns.
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
        """Count a look-up, and start a thread if none is free."""
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
            except BaseException as exc:  # noqa: BLE001  the waiting fetch raises it
                outcome = exc
            with self._lock:
                self._under_way -= 1
            answer.put(outcome)


def _refuse(hint: str) -> TooManyFetchesError:
    return TooManyFetchesError("too-many-look-ups", hint=hint, phase="resolve")


_instances: weakref.WeakSet[LookUps] = weakref.WeakSet()
#: The look-up pools of this process, shared by all apps: for users, for strangers, and for strangers' requests for
#: clients with a grant. A name whose DNS server hangs occupies only the pool of its requester.
SHARED = LookUps()
FOR_STRANGERS = LookUps()
FOR_KNOWN_CLIENTS = LookUps()


def _reset_all() -> None:
    for instance in _instances:
        instance.reset()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset_all)

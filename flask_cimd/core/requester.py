"""The origin of a fetch: a person who is logged in, or a stranger whose request the server cannot refuse unread.

A server marks the requests of strangers; everything else is fetched for people and for clients with a grant. The limits
of the two are apart, so that strangers cannot use up what people need.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


def _none(_: str) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Stranger:
    """A requester who is not logged in.

    Attributes:
        network: network of the sender's address; empty if it is unknown.
        has_grant: says whether a client, by its raw identifier, has a living grant; it is asked only once the limits
            of strangers are reached, so that the time of an answer does not tell which clients have one.
    """

    network: str = ""
    has_grant: Callable[[str], bool] = _none


_STRANGER: ContextVar[Stranger | None] = ContextVar("flask_cimd_stranger", default=None)


@contextmanager
def asked_by(stranger: Stranger) -> Iterator[None]:
    """Apply the limits of strangers to the fetches of this block."""
    token = _STRANGER.set(stranger)
    try:
        yield
    finally:
        _STRANGER.reset(token)


def current_stranger() -> Stranger | None:
    """Return the stranger for whom the current code runs; ``None`` for a person or a client with a grant."""
    return _STRANGER.get()

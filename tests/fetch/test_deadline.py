"""The deadline of a fetch cuts its connection, whenever that was opened."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from flask_cimd.fetch.deadline import Deadline

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def connected() -> Iterator[Pair]:
    """Return both ends of a connection; reading from the far end raises `TimeoutError` while it is not cut."""
    near, far = socket.socketpair()
    far.settimeout(0.2)
    with near, far:
        yield near, far


def test_a_connection_is_cut_when_the_deadline_passes(connected: Pair) -> None:
    near, far = connected
    with Deadline(60) as deadline:
        deadline.watch(near)
        with pytest.raises(TimeoutError):
            far.recv(1)
        deadline.expire()
        assert far.recv(1) == b""


def test_a_connection_opened_after_the_deadline_is_cut_at_once(connected: Pair) -> None:
    near, far = connected
    with Deadline(60) as deadline:
        deadline.expire()
        deadline.watch(near)
        assert far.recv(1) == b""


def test_a_deadline_that_passes_after_the_fetch_cuts_nothing(connected: Pair) -> None:
    near, far = connected
    with Deadline(60) as deadline:
        deadline.watch(near)
    deadline.expire()

    assert not deadline.has_passed
    with pytest.raises(TimeoutError):
        far.recv(1)

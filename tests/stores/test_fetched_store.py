"""Where logos and key sets are kept: one contract for every store."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import timedelta

import pytest

from flask_cimd.stores import Fetched, FetchedStore, MemoryFetchedStore
from flask_cimd.stores.sqlalchemy_shared import PRUNE_EVERY
from tests.support.clock import Clock
from tests.support.stores import SHARED, opened_store

KEY = hashlib.sha256(b"key").hexdigest()


@pytest.fixture(params=["memory", *SHARED])
def store(request: pytest.FixtureRequest) -> Iterator[FetchedStore]:
    with opened_store(request.param, request, size=3) as beside:
        yield beside.fetched or MemoryFetchedStore(3)


@pytest.mark.parametrize("content", [b"bytes + more\x00\xff", b"", None])
def test_what_is_put_comes_back(store: FetchedStore, clock: Clock, content: bytes | None) -> None:
    kept = Fetched(content, clock() + timedelta(minutes=1))
    store.put(KEY, kept, clock())
    assert store.get(KEY) == kept


def test_what_is_newer_takes_the_place(store: FetchedStore, clock: Clock) -> None:
    for content in (b"old", None, b"new"):
        store.put(KEY, Fetched(content, clock() + timedelta(minutes=1)), clock())
    found = store.get(KEY)
    assert found is not None
    assert found.content == b"new"


def test_the_unknown_is_a_miss(store: FetchedStore) -> None:
    assert store.get(KEY) is None


def test_so_many_are_kept_and_no_more(store: FetchedStore, clock: Clock) -> None:
    # whoever has many names can publish many key sets
    names = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(4 * PRUNE_EVERY)]
    for seconds, name in enumerate(names):
        store.put(name, Fetched(b"keys", clock() + timedelta(hours=1, seconds=seconds)), clock())
    assert len([name for name in names if store.get(name)]) <= 3 + PRUNE_EVERY
    assert store.get(names[-1]) is not None

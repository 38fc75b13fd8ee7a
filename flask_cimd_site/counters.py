"""Counters of the rate limits that all workers share: in Redis if ``CIMD_STORE`` names it, else in the database."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from datetime import datetime
from itertools import count
from typing import Any, Protocol

from flask import Flask
from limits.storage import MemoryStorage, storage_from_string
from sqlalchemy import Column, Engine, Integer, String, Table, case, delete
from sqlalchemy.exc import SQLAlchemyError

from flask_cimd_site.models import Instant, db, insert_into

logger = logging.getLogger(__name__)

#: Number of increments after which a process deletes the counters that have ended.
_FORGET_EVERY = 256

table = Table(
    "rate_limit",
    db.metadata,
    Column("key", String(64), primary_key=True),
    Column("hits", Integer, nullable=False),
    Column("ends_at", Instant, nullable=False, index=True),
)


class Counters(Protocol):
    """Counters with an end; the storages of `limits` are such."""

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Add to a counter and return its value; a new one ends after ``expiry`` seconds."""


class DatabaseCounters:
    """Counters in the site's database; each increment is one statement.

    Args:
        app: the site.
        clock: returns the current time as an aware `datetime`.
    """

    def __init__(self, app: Flask, clock: Callable[[], datetime]) -> None:
        self._app = app
        self._clock = clock
        self._increments = count(1)

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Add to a counter and return its value; a new one ends after ``expiry`` seconds."""
        return self.add(key, expiry, amount)[0]

    def add(self, key: str, expiry: int, amount: int = 1) -> tuple[int, float]:
        """Do as `incr`, and return the value with the seconds until the counter ends."""
        now = self._clock().timestamp()
        with self._app.app_context():
            engine = db.engine
        # A transaction apart from the request's own: a request that fails is counted, too.
        with engine.begin() as connection:
            row = connection.execute(increment(engine.dialect.name, key, now, expiry, amount)).one()
        if next(self._increments) % _FORGET_EVERY == 0:
            _forget(engine, now)
        return int(row.hits), float(row.ends_at) - now


def _forget(engine: Engine, now: float) -> None:
    """Delete the counters that have ended, in a transaction of its own: its failure or its locks undo no increment."""
    try:
        with engine.begin() as connection:
            connection.execute(delete(table).where(table.c.ends_at <= now))
    except SQLAlchemyError as exc:
        logger.warning("the counters that have ended cannot be deleted: %s", type(exc).__name__)


def increment(dialect: str, key: str, now: float, expiry: int, amount: int) -> Any:
    """Return the statement that adds to a counter and returns its value.

    Args:
        dialect: ``sqlite`` or ``postgresql``.
        key: tells this counter from others.
        now: seconds since 1970.
        expiry: seconds until a new counter ends.
        amount: what is added.
    """
    values = {"key": hashlib.sha256(key.encode()).hexdigest(), "hits": amount, "ends_at": now + expiry}
    has_ended = table.c.ends_at <= now
    changes = {
        "hits": case((has_ended, amount), else_=table.c.hits + amount),
        "ends_at": case((has_ended, now + expiry), else_=table.c.ends_at),
    }
    added = insert_into(table, dialect).values(values).on_conflict_do_update(index_elements=["key"], set_=changes)
    return added.returning(table.c.hits, table.c.ends_at)


class _WithFallback:
    """Counts in this process while the shared counters do not answer."""

    def __init__(self, shared: Counters) -> None:
        self._shared = shared
        self._own = MemoryStorage()

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        try:
            return self._shared.incr(key, expiry, amount)
        except _ERRORS as exc:
            logger.warning("the counters of the rate limits do not answer: %s", type(exc).__name__)
            return self._own.incr(key, expiry, amount=amount)


def _redis_errors() -> tuple[type[Exception], ...]:
    try:
        from redis.exceptions import RedisError
    except ImportError:
        return ()
    return (RedisError,)


_ERRORS: tuple[type[Exception], ...] = (SQLAlchemyError, OSError, *_redis_errors())


def shared_counters(app: Flask, store: str, clock: Callable[[], datetime]) -> Counters:
    """Return the counters of the site.

    Args:
        app: the site.
        store: ``CIMD_STORE``.
        clock: returns the current time as an aware `datetime`.
    """
    is_redis = store.startswith(("redis://", "rediss://", "unix://"))
    uri = store.replace("unix://", "redis+unix://", 1) if store.startswith("unix://") else store
    counters: Counters = storage_from_string(uri) if is_redis else DatabaseCounters(app, clock)  # type: ignore[assignment]  # limits' type includes its asynchronous storages
    return _WithFallback(counters)

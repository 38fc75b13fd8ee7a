"""Where resolved clients are kept between requests. A new store is one file here and one line in `open_store`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from ..errors import ConfigurationError
from .fetched import FetchedStore, ForgivingStore, MemoryFetchedStore
from .memory import MemoryStore
from .port import KEPT_PAST_EXPIRY, STORE_TROUBLE, ClientStore, Entry, Lease, Leases, StoreError
from .records import MemoryRecords, Records

if TYPE_CHECKING:
    from flask_sqlalchemy import SQLAlchemy

__all__ = [
    "STORE_TROUBLE",
    "ClientStore",
    "Entry",
    "FetchedStore",
    "Lease",
    "Leases",
    "MemoryRecords",
    "MemoryStore",
    "Records",
    "StoreError",
    "open_fetched_store",
    "open_store",
]

#: How many entries are kept where ``CIMD_CACHE_SIZE`` is not set: in one process, and in a store that many share.
MEMORY_SIZE = 1000
SHARED_SIZE = 1_000_000


def open_store(
    chosen: Any,
    *,
    db: SQLAlchemy | None,
    size: int | None = None,
    redis_url: str | None = None,
    kept_past_expiry: timedelta = KEPT_PAST_EXPIRY,
) -> ClientStore:
    """Return the store that ``CIMD_STORE`` names, or the object it is.

    Raises:
        ConfigurationError: ``sqlalchemy`` without a database, ``redis`` without its URL or package.
    """
    if chosen == "memory":
        return MemoryStore(size or MEMORY_SIZE)
    if chosen == "sqlalchemy":
        if db is None:
            raise ConfigurationError('CIMD_STORE = "sqlalchemy" needs init_app(app, db=db)')
        from .sqlalchemy import SQLAlchemyStore

        return SQLAlchemyStore(db, size or SHARED_SIZE)
    if chosen == "redis":
        return _open_redis(redis_url, size or SHARED_SIZE, kept_past_expiry)
    store: ClientStore = chosen
    return store


def open_fetched_store(store: ClientStore, *, clock: Callable[[], datetime], size: int) -> FetchedStore:
    """Return where logos and key sets are kept: beside the clients if they are shared, else some in this process."""
    beside = getattr(store, "fetched_store", None)
    return ForgivingStore(beside(clock)) if beside is not None else MemoryFetchedStore(size)


def _open_redis(url: str | None, size: int, kept_past_expiry: timedelta) -> ClientStore:
    if not url:
        raise ConfigurationError('CIMD_STORE = "redis" needs CIMD_REDIS_URL, such as redis://127.0.0.1:6379/0')
    try:
        from .redis import RedisStore, connect
    except ImportError as exc:
        raise ConfigurationError('CIMD_STORE = "redis" needs the extra: pip install "flask-cimd[redis]"') from exc
    try:
        return RedisStore(connect(url), size=size, kept_past_expiry=kept_past_expiry)
    except ValueError as exc:
        raise ConfigurationError("CIMD_REDIS_URL must begin with redis://, rediss:// or unix://") from exc

"""Open the store that ``CIMD_STORE`` names. A new store needs a module in `flask_cimd.stores` and a case here."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from ..errors import ConfigurationError
from ..stores import KEPT_PAST_EXPIRY, ClientStore, MemoryStore

if TYPE_CHECKING:
    from flask_sqlalchemy import SQLAlchemy

#: Default of ``CIMD_CACHE_SIZE``, in entries: for the memory of one process, and for a store that processes share.
MEMORY_SIZE = 1000
SHARED_SIZE = 1_000_000


def open_store(
    chosen: Any,
    *,
    db: SQLAlchemy | None = None,
    size: int | None = None,
    kept_past_expiry: timedelta = KEPT_PAST_EXPIRY,
) -> ClientStore:
    """Return the store that ``CIMD_STORE`` names or is.

    Raises:
        ConfigurationError: ``sqlalchemy`` without ``db``, an invalid Redis URL, or a missing redis package.
    """
    if chosen == "memory":
        return MemoryStore(size or MEMORY_SIZE)
    if chosen == "sqlalchemy":
        return _open_sqlalchemy(db, size or SHARED_SIZE)
    if isinstance(chosen, str):
        return _open_redis(chosen, size or SHARED_SIZE, kept_past_expiry)
    store: ClientStore = chosen
    return store


def _open_sqlalchemy(db: SQLAlchemy | None, size: int) -> ClientStore:
    if db is None:
        raise ConfigurationError('CIMD_STORE = "sqlalchemy" needs init_app(app, db=db)')
    from ..stores.sqlalchemy import SQLAlchemyStore

    return SQLAlchemyStore(db, size)


def _open_redis(url: str, size: int, kept_past_expiry: timedelta) -> ClientStore:
    try:
        from ..stores.redis import RedisStore, connect
    except ImportError as exc:
        raise ConfigurationError('a Redis URL in CIMD_STORE needs the extra: pip install "flask-cimd[redis]"') from exc
    try:
        return RedisStore(connect(url), size=size, kept_past_expiry=kept_past_expiry)
    except ValueError as exc:
        raise ConfigurationError(
            "CIMD_STORE must be a URL such as redis://127.0.0.1:6379/0, rediss://… or unix://…"
        ) from exc

"""Where resolved clients are kept between requests. A new store is one file here and one line in `open_store`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ..errors import ConfigurationError
from .logos import LogoStore, MemoryLogoStore, SQLAlchemyLogoStore
from .memory import MemoryStore
from .protocol import ClientStore, Entry

if TYPE_CHECKING:
    from flask_sqlalchemy import SQLAlchemy

__all__ = ["ClientStore", "Entry", "LogoStore", "MemoryStore", "open_logo_store", "open_store"]


def open_store(chosen: Any, *, db: SQLAlchemy | None, size: int) -> ClientStore:
    """Return the store that ``CIMD_STORE`` names, or the object it is.

    Raises:
        ConfigurationError: ``sqlalchemy`` without a database.
    """
    if chosen == "memory":
        return MemoryStore(size)
    if chosen == "sqlalchemy":
        if db is None:
            raise ConfigurationError('CIMD_STORE = "sqlalchemy" needs init_app(app, db=db)')
        from .sqlalchemy import SQLAlchemyStore

        return SQLAlchemyStore(db)
    store: ClientStore = chosen
    return store


def open_logo_store(chosen: Any, *, db: SQLAlchemy | None, clock: Callable[[], datetime]) -> LogoStore:
    """Return where logos are kept: in the database if clients are, else in this process."""
    return SQLAlchemyLogoStore(db, clock) if chosen == "sqlalchemy" and db is not None else MemoryLogoStore()

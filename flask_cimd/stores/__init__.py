"""Where resolved clients are kept between requests. A new store is one file here and one line in `open_store`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import ConfigurationError
from .memory import MemoryStore
from .protocol import ClientStore, Entry

if TYPE_CHECKING:
    from flask_sqlalchemy import SQLAlchemy

__all__ = ["ClientStore", "Entry", "MemoryStore", "open_store"]


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

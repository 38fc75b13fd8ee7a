"""Stores of clients in memory, in a SQL database or in Redis, behind one port.

`flask_cimd.stores.sqlalchemy` and `flask_cimd.stores.redis` are imported only if the app chooses them. Sign-ins use
every store through `ClientCache`, which never raises.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ..core.leases import Lease, Leases
from .cache import ClientCache
from .memory import MemoryFetchedStore, MemoryStore
from .port import KEPT_PAST_EXPIRY, ClientStore, Entry, Fetched, FetchedStore, StoreError
from .records import MemoryRecords, Records

if TYPE_CHECKING:
    from .redis import RedisStore
    from .sqlalchemy import SQLAlchemyStore, client_table
    from .sqlalchemy_shared import lease_table, record_table

__all__ = [
    "KEPT_PAST_EXPIRY",
    "ClientCache",
    "ClientStore",
    "Entry",
    "Fetched",
    "FetchedStore",
    "Lease",
    "Leases",
    "MemoryFetchedStore",
    "MemoryRecords",
    "MemoryStore",
    "Records",
    "RedisStore",
    "SQLAlchemyStore",
    "StoreError",
    "client_table",
    "lease_table",
    "record_table",
]

#: Names that need an extra, and the modules that hold them.
_OF_EXTRAS = {
    "RedisStore": ".redis",
    "SQLAlchemyStore": ".sqlalchemy",
    "client_table": ".sqlalchemy",
    "lease_table": ".sqlalchemy_shared",
    "record_table": ".sqlalchemy_shared",
}


def __getattr__(name: str) -> Any:
    """Import the stores that need an extra on first use."""
    if name in _OF_EXTRAS:
        return getattr(import_module(_OF_EXTRAS[name], __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

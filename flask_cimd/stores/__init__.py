"""Stores of clients in memory, in an SQL database or in Redis, with one protocol.

`flask_cimd.stores.sqlalchemy` and `flask_cimd.stores.redis` are imported only if the app uses them. Sign-ins access
every store through `ClientCache`, which never raises `StoreError`.
"""

from typing import TYPE_CHECKING

from ..core.leases import Lease, Leases
from ..core.on_first_use import on_first_use
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

#: Names that need an extra, by module.
__getattr__ = on_first_use(
    __name__,
    {
        "RedisStore": ".redis",
        "SQLAlchemyStore": ".sqlalchemy",
        "client_table": ".sqlalchemy",
        "lease_table": ".sqlalchemy_shared",
        "record_table": ".sqlalchemy_shared",
    },
)

"""Where clients are kept between requests: in memory, in a SQL database or in Redis, behind one port.

`flask_cimd.stores.sqlalchemy` and `flask_cimd.stores.redis` are imported only if the app chooses them. Whatever the
store, sign-ins see it through `ClientCache`, which never raises.
"""

from .cache import ClientCache
from .memory import MemoryFetchedStore, MemoryStore
from .port import KEPT_PAST_EXPIRY, ClientStore, Entry, Fetched, FetchedStore, Lease, Leases, StoreError
from .records import MemoryRecords, Records

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
    "StoreError",
]

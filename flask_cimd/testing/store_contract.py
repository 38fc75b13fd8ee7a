"""The contract of `flask_cimd.stores.ClientStore`, as suites of pytest tests to subclass."""

from ._store_contract import ClientStoreContract, SharedStoreContract

__all__ = ["ClientStoreContract", "SharedStoreContract"]

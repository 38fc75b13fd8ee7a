"""What every `flask_cimd.stores.ClientStore` must do, as suites of pytest tests to subclass."""

from ._store_contract import ClientStoreContract, SharedStoreContract

__all__ = ["ClientStoreContract", "SharedStoreContract"]

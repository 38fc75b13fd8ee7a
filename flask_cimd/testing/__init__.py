"""Contract suites for storages and stores of your own; needs pytest.

Subclass a suite in a test module, and give it a fixture that returns what is to be proved::

    from flask_cimd.testing import StorageContract

    class TestMyStorage(StorageContract):
        @pytest.fixture
        def storage(self):
            return MyStorage()
"""

import pytest

# pytest explains the failures of imported assertions only in modules that are named before their import.
_PARTS = ("token", "rotation", "request", "grant", "store")
pytest.register_assert_rewrite(f"{__name__}._steps", *(f"{__name__}._{part}_contract" for part in _PARTS))

from .storage_contract import StorageContract  # noqa: E402
from .store_contract import ClientStoreContract, SharedStoreContract  # noqa: E402

__all__ = ["ClientStoreContract", "SharedStoreContract", "StorageContract"]

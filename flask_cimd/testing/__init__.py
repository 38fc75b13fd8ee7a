"""For tests of your own: a client that signs in to your provider, and contract suites for storages and stores.

Needs pytest and trustme. A provider is tested in five lines::

    from flask_cimd.testing import client_origin, sign_in

    def test_sign_in(client_origin):
        app = create_app(**client_origin.config)
        client = client_origin.publish(client_name="Notes")
        done = sign_in(app, client, log_in=lambda browser: browser.post("/login", data={"password": "secret"}))
        assert done.tokens["scope"] == "profile"

For a storage of your own, subclass a suite in a test module, and give it a fixture that returns what is to be proved::

    from flask_cimd.testing import StorageContract

    class TestMyStorage(StorageContract):
        @pytest.fixture
        def storage(self):
            return MyStorage()
"""

import pytest

# pytest explains the failures of imported assertions only in modules that are named before their import.
_PARTS = ("token", "rotation", "request", "grant", "consent", "administration", "store")
pytest.register_assert_rewrite(f"{__name__}._steps", *(f"{__name__}._{part}_contract" for part in _PARTS))

from ._administration_contract import RegistrationContract  # noqa: E402
from ._client_origin import ClientOrigin, DocumentClient, client_origin  # noqa: E402
from ._sign_in import SignedIn, sign_in  # noqa: E402
from .storage_contract import StorageContract  # noqa: E402
from .store_contract import ClientStoreContract, SharedStoreContract  # noqa: E402

__all__ = [
    "ClientOrigin",
    "ClientStoreContract",
    "DocumentClient",
    "RegistrationContract",
    "SharedStoreContract",
    "SignedIn",
    "StorageContract",
    "client_origin",
    "sign_in",
]

"""The contract of `flask_cimd.oauth.ProviderStorage`, as a suite of pytest tests to subclass."""

from __future__ import annotations

from ._administration_contract import AdministrationContract
from ._consent_contract import ConsentContract
from ._grant_contract import GrantContract
from ._request_contract import RequestContract
from ._rotation_contract import RotationContract
from ._token_contract import TokenContract

__all__ = ["StorageContract"]


class StorageContract(
    TokenContract, RotationContract, RequestContract, GrantContract, ConsentContract, AdministrationContract
):
    """Subclass it with a fixture ``storage`` that returns an empty `flask_cimd.oauth.ProviderStorage`.

    Attributes:
        AT_ONCE: number of threads in the race tests.
    """

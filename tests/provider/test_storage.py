"""The storage contract on every storage that ships."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import current_app

from flask_cimd.oauth import MemoryStorage
from flask_cimd.oauth.server.storage import ProviderStorage
from flask_cimd.provider import SQLAlchemyStorage
from flask_cimd.testing import RegistrationContract, StorageContract


class TestSQLAlchemyStorage(StorageContract):
    AT_ONCE = 64

    @pytest.fixture
    def storage(self, storage: SQLAlchemyStorage) -> ProviderStorage:
        return storage

    def together(self, work: Callable[[], Any]) -> list[Any]:
        app = current_app._get_current_object()  # type: ignore[attr-defined]  # typed as the app, is a LocalProxy

        def in_context() -> Any:
            with app.app_context():
                return work()

        return super().together(in_context)


class TestMemoryStorage(StorageContract):
    AT_ONCE = 64

    @pytest.fixture
    def storage(self) -> ProviderStorage:
        return MemoryStorage()


class TestRegistrationsInSQLAlchemy(RegistrationContract):
    @pytest.fixture
    def storage(self, storage: SQLAlchemyStorage) -> ProviderStorage:
        return storage


class TestRegistrationsInMemory(RegistrationContract):
    @pytest.fixture
    def storage(self) -> ProviderStorage:
        return MemoryStorage()

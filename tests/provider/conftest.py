"""Storages on both databases, empty for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import delete, event

from flask_cimd.provider import SQLAlchemyStorage, provider_models
from tests.support.databases import private_schema
from tests.support.stores import opened_database


@pytest.fixture(scope="module")
def sqlite_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the address of a SQLite file."""
    return f"sqlite:///{tmp_path_factory.mktemp('storage')}/storage.db"


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def db(request: pytest.FixtureRequest) -> Iterator[SQLAlchemy]:
    """Return a database with the provider's tables: first SQLite, then PostgreSQL."""
    name = "sqlite_url" if request.param == "sqlite" else "postgres_url"
    url: str = request.getfixturevalue(name)
    with opened_database(url if request.param == "sqlite" else private_schema(url)) as opened:
        provider_models(opened)
        if request.param == "sqlite":
            event.listen(opened.engine, "connect", lambda raw, _: raw.execute("PRAGMA synchronous=OFF"))
        opened.create_all()
        yield opened


@pytest.fixture
def storage(db: SQLAlchemy) -> Iterator[SQLAlchemyStorage]:
    """Return an empty storage."""
    yield SQLAlchemyStorage(db)
    with db.engine.begin() as connection:
        for table in reversed(db.metadata.sorted_tables):
            connection.execute(delete(table))

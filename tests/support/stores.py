"""Every kind of store, private to one test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from flask import Flask
from flask_sqlalchemy import SQLAlchemy

from flask_cimd.stores import ClientStore, MemoryStore
from flask_cimd.stores.redis import RedisStore
from flask_cimd.stores.sqlalchemy import SQLAlchemyStore

SHARED = ("sqlite", "postgresql", "redis")


@contextmanager
def opened_store(kind: str, request: pytest.FixtureRequest, *, size: int = 100) -> Iterator[ClientStore]:
    """Open an empty store of a kind, and leave nothing behind."""
    if kind == "memory":
        yield MemoryStore(size=size)
    elif kind == "redis":
        client, prefix = request.getfixturevalue("private_redis")
        yield RedisStore(client, size=size, prefix=prefix)
    else:
        folder: Path = request.getfixturevalue("tmp_path")
        url = request.getfixturevalue("postgres_url") if kind == "postgresql" else f"sqlite:///{folder}/s.db"
        with opened_database(url) as db:
            store = SQLAlchemyStore(db, size=size)
            db.drop_all()  # programs that other tests of this process started may have left rows
            db.create_all()
            yield store


@contextmanager
def opened_database(url: str) -> Iterator[SQLAlchemy]:
    """Open a database in an app context; its tables are dropped afterwards."""
    app = Flask("store")
    app.config["SQLALCHEMY_DATABASE_URI"] = url
    db = SQLAlchemy()
    db.init_app(app)
    with app.app_context():
        try:
            yield db
        finally:
            db.session.remove()
            db.drop_all()
            db.engine.dispose()

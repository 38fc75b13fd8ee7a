"""Storages on both databases, empty for each test, and an app with a provider."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from flask import Flask, request, session
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import delete, event

from flask_cimd import CIMD
from flask_cimd.provider import Provider, SQLAlchemyStorage, provider_models
from flask_cimd.testing import ClientOrigin
from tests.support.clock import Clock
from tests.support.databases import private_schema
from tests.support.stores import opened_database

from .steps import ISSUER, Made


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


@pytest.fixture
def client_origin(tmp_path: Path) -> Iterator[ClientOrigin]:
    with ClientOrigin(tmp_path) as running:
        yield running


@pytest.fixture
def make(client_origin: ClientOrigin, clock: Clock, tmp_path: Path) -> Callable[..., Made]:
    """Return a function that builds an app with a provider; the session's ``user`` is who is logged in."""

    def build(
        issuer: str = ISSUER, url_prefix: str = "", config: Mapping[str, Any] = MappingProxyType({}), **options: Any
    ) -> Made:
        app, db, cimd = Flask("app"), SQLAlchemy(), CIMD(clock=clock)
        registered = options.pop("registered", None)
        provider = Provider(
            **{"scopes": {"profile": "See your name", "notes": "Read your notes"}, "clock": clock, **options}
        )
        app.config.update(SECRET_KEY="key", SQLALCHEMY_DATABASE_URI=f"sqlite:///{tmp_path}/site.db")
        app.config.update({**client_origin.config, **config})
        db.init_app(app)
        cimd.init_app(app, db=db, registered=registered)
        provider.subject(lambda: session.get("user"))
        provider.login(lambda target, again: (f"log in: {target} {again}", 401))
        provider.init_app(app, cimd=cimd, db=db, issuer=issuer, url_prefix=url_prefix)

        @app.post("/become")
        def become() -> str:
            session.clear()
            session["user"] = request.form["user"]
            return ""

        with app.app_context():
            event.listen(db.engine, "connect", lambda raw, _: raw.execute("PRAGMA synchronous=OFF"))
            db.create_all()
        return app, provider

    return build

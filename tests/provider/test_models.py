"""The models live on the app's own ``db``: with its migrations, beside its models, apart from other apps."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import MetaData, create_engine, inspect, select
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from flask_cimd.provider import SQLAlchemyStorage, provider_models
from flask_cimd.provider.models import TABLE_PREFIX
from flask_cimd.testing._steps import ALICE, make_code, make_grant
from tests.support.databases import private_schema
from tests.support.stores import opened_database

TABLES = {
    "cimd_grant",
    "cimd_code",
    "cimd_token",
    "cimd_pushed_request",
    "cimd_waiting_request",
    "cimd_replay_key",
    "cimd_registration",
    "cimd_remembered_consent",
    "cimd_resource_server",
}


def test_every_table_has_the_prefix() -> None:
    db = SQLAlchemy()
    provider_models(db)
    assert set(db.metadata.tables) == TABLES
    assert all(name.startswith(TABLE_PREFIX) for name in TABLES)


def test_the_models_of_a_db_are_made_once() -> None:
    db = SQLAlchemy()
    models = provider_models(db)
    assert provider_models(db) is models
    SQLAlchemyStorage(db)
    assert set(db.metadata.tables) == TABLES


def test_two_dbs_in_one_process_do_not_meet(tmp_path: Path) -> None:
    with opened_database(f"sqlite:///{tmp_path}/one.db") as one:
        storage = SQLAlchemyStorage(one)
        one.create_all()
        grant, code = make_grant(), make_code()
        storage.add_code(grant, code)
        with opened_database(f"sqlite:///{tmp_path}/two.db") as two:
            other = SQLAlchemyStorage(two)
            two.create_all()
            assert provider_models(one).Grant is not provider_models(two).Grant
            assert other.find_code(code.digest) is None
        assert storage.find_code(code.digest) == (grant, code)


def test_one_storage_serves_two_apps_with_databases_of_their_own(tmp_path: Path) -> None:
    db = SQLAlchemy()
    storage = SQLAlchemyStorage(db)
    apps = [Flask(name) for name in ("one", "two")]
    for app in apps:
        app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{tmp_path}/{app.name}.db"
        db.init_app(app)
        with app.app_context():
            db.create_all()
    code = make_code()
    with apps[0].app_context():
        storage.add_code(make_grant(), code)
    with apps[1].app_context():
        assert storage.find_code(code.digest) is None
    for app in apps:
        with app.app_context():
            db.engine.dispose()


def test_two_issuers_in_one_database_do_not_meet(storage: SQLAlchemyStorage, db: SQLAlchemy) -> None:
    other, code = SQLAlchemyStorage(db, issuer="https://other.example"), make_code()
    storage.add_code(make_grant(), code)
    assert storage.find_code(code.digest) is not None
    assert other.find_code(code.digest) is None
    assert other.last_approved(ALICE, make_grant().client_id) is None
    assert storage.use_once("key", make_code().expires_at, make_grant().created_at)
    assert other.use_once("key", make_code().expires_at, make_grant().created_at)


def test_the_models_can_be_queried(storage: SQLAlchemyStorage, db: SQLAlchemy) -> None:
    grant = make_grant()
    storage.add_code(grant, make_code())
    model = provider_models(db).Grant
    (row,) = db.session.scalars(select(model).where(model.subject == ALICE))
    assert (row.id, row.client_id, row.created_at) == (grant.id, grant.client_id, grant.created_at.timestamp())
    db.session.remove()


class WithId(DeclarativeBase):
    """A base that gives every model a column: ours must not get it."""

    id: Mapped[int] = mapped_column(primary_key=True)


class Conventional(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "pk": "pk_%(table_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "ix": "ix_%(column_0_label)s",
        }
    )


@pytest.mark.parametrize("base", [WithId, Conventional])
def test_the_apps_own_base_class_does_not_matter(tmp_path: Path, base: Any) -> None:
    db = SQLAlchemy(model_class=base, disable_autonaming=True)
    app = Flask("app")
    app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{tmp_path}/app.db"
    db.init_app(app)
    storage, code = SQLAlchemyStorage(db), make_code()
    with app.app_context():
        db.create_all()
        storage.add_code(make_grant(), code)
        assert storage.find_code(code.digest) is not None
        assert {column["name"] for column in inspect(db.engine).get_columns("cimd_code")} >= {"digest", "grant_id"}
        assert "id" not in {column["name"] for column in inspect(db.engine).get_columns("cimd_code")}
        db.engine.dispose()


#: A process of its own: Alembic's environment sets the logging of its process up anew.
MIGRATE = """
import sys
from flask import Flask
from flask_migrate import Migrate, init, migrate, upgrade
from flask_sqlalchemy import SQLAlchemy
from flask_cimd.provider import provider_models
app, db = Flask("app"), SQLAlchemy()
app.config["SQLALCHEMY_DATABASE_URI"], folder = sys.argv[1:]
db.init_app(app)
Migrate(app, db)
provider_models(db)
with app.app_context():
    init(folder)
    migrate(folder, message="provider")
    upgrade(folder)
"""


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_flask_migrate_writes_a_migration_that_makes_the_tables(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = f"sqlite:///{tmp_path}/app.db"
    if kind == "postgresql":
        url = private_schema(request.getfixturevalue("postgres_url"))
    subprocess.run([sys.executable, "-c", MIGRATE, url, str(tmp_path / "migrations")], check=True, timeout=120)
    engine = create_engine(url)
    db = SQLAlchemy()
    provider_models(db)
    with engine.connect() as connection:
        assert set(inspect(connection).get_table_names()) == TABLES | {"alembic_version"}
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        differences = [found for found in compare_metadata(context, db.metadata) if "alembic_version" not in str(found)]
    engine.dispose()
    assert differences == []

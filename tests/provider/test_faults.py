"""A database in trouble is one error of our own; when it is back, the first request goes through."""

from __future__ import annotations

import sqlite3
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Connection, create_engine, event, text

from flask_cimd import CIMD
from flask_cimd.errors import StorageError
from flask_cimd.provider import SQLAlchemyStorage, missing_tables
from flask_cimd.testing._steps import NOW, make_code, make_grant, make_tokens
from tests.support.databases import private_schema
from tests.support.stores import opened_database


def refuse_connections(url: str) -> None:
    """End every connection of a database, as a restart of the server does."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
    with engine.connect() as connection:
        connection.execute(text(f"{others} AND pid <> pg_backend_pid()"))
    engine.dispose()


@pytest.fixture
def postgres(postgres_url: str) -> Iterator[tuple[SQLAlchemyStorage, str]]:
    url = private_schema(postgres_url)
    with opened_database(url) as db:
        storage = SQLAlchemyStorage(db)
        db.create_all()
        yield storage, url


def test_the_first_read_after_a_restart_of_the_server_is_answered(postgres: tuple[SQLAlchemyStorage, str]) -> None:
    storage, url = postgres
    grant, code = make_grant(), make_code()
    storage.add_code(grant, code)
    refuse_connections(url)
    assert storage.find_code(code.digest) == (grant, code)


def test_the_first_write_after_a_restart_of_the_server_is_done_once(postgres: tuple[SQLAlchemyStorage, str]) -> None:
    storage, url = postgres
    code = make_code()
    storage.add_code(make_grant(), code)
    refuse_connections(url)
    assert storage.redeem_code(code.digest, make_tokens(), NOW) is True
    refuse_connections(url)
    assert storage.redeem_code(code.digest, make_tokens(), NOW) is False


def test_a_commit_whose_outcome_is_unknown_is_not_tried_again(
    postgres: tuple[SQLAlchemyStorage, str],
) -> None:
    storage, url = postgres
    code, engine = make_code(), storage._db.engine
    storage.add_code(make_grant(), code)

    cuts = iter([url])

    def cut(connection: Connection) -> None:
        for once in cuts:
            refuse_connections(once)

    event.listen(engine, "commit", cut)
    with pytest.raises(StorageError) as caught:
        storage.redeem_code(code.digest, make_tokens(), NOW)
    assert caught.value.slug == "storage-unavailable"
    found = storage.find_code(code.digest)
    assert found is not None
    assert not found[1].spent


@pytest.fixture
def sqlite_file(tmp_path: Path) -> Iterator[tuple[SQLAlchemyStorage, dict[str, str]]]:
    """Yield a storage on a SQLite file and the mode in which new connections open it."""
    mode = {"mode": "rwc"}

    def connect() -> sqlite3.Connection:
        return sqlite3.connect(
            f"file:{tmp_path}/s.db?mode={mode['mode']}", uri=True, timeout=0.1, check_same_thread=False
        )

    app, db = Flask("app"), SQLAlchemy()
    app.config.update(
        SQLALCHEMY_DATABASE_URI=f"sqlite:///{tmp_path}/s.db", SQLALCHEMY_ENGINE_OPTIONS={"creator": connect}
    )
    db.init_app(app)
    storage = SQLAlchemyStorage(db)
    with app.app_context():
        db.create_all()
        yield storage, mode
        db.engine.dispose()


def test_a_sqlite_file_that_was_read_only_is_written_again(
    sqlite_file: tuple[SQLAlchemyStorage, dict[str, str]],
) -> None:
    storage, mode = sqlite_file
    code = make_code()
    storage.add_code(make_grant(), code)
    mode["mode"] = "ro"
    storage._db.engine.dispose()
    for _ in range(3):
        with pytest.raises(StorageError) as caught:
            storage.add_code(make_grant(), make_code())
        assert caught.value.slug == "storage-read-only"
    assert storage.find_code(code.digest) is not None  # the pool holds a connection that can only read
    mode["mode"] = "rw"
    assert storage.redeem_code(code.digest, make_tokens(), NOW) is True


def test_a_full_disk_is_an_error_and_goes_by(sqlite_file: tuple[SQLAlchemyStorage, dict[str, str]]) -> None:
    storage, _ = sqlite_file
    engine = storage._db.engine
    with engine.connect() as connection:
        pages = connection.execute(text("PRAGMA page_count")).scalar_one()
        connection.execute(text(f"PRAGMA max_page_count = {pages}"))
    big = "x" * 100_000
    with pytest.raises(StorageError):
        storage.add_code(make_grant(scope=big), make_code())
    with engine.connect() as connection:
        connection.execute(text("PRAGMA max_page_count = 1000000"))
    assert storage.add_code(make_grant(scope=big), make_code()) is True


def test_a_database_that_another_process_has_locked_is_an_error(
    sqlite_file: tuple[SQLAlchemyStorage, dict[str, str]], tmp_path: Path
) -> None:
    storage, _ = sqlite_file
    other = sqlite3.connect(tmp_path / "s.db")
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StorageError):
        storage.use_once("key", NOW, NOW)
    other.close()
    assert storage.use_once("key", NOW, NOW) is True


def test_a_postgresql_replica_is_read_only(postgres: tuple[SQLAlchemyStorage, str]) -> None:
    storage, _ = postgres
    engine = storage._db.engine

    def be_a_replica(connection: Any, _: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY")
        connection.commit()

    engine.dispose()
    event.listen(engine, "connect", be_a_replica)
    with pytest.raises(StorageError) as caught:
        storage.use_once("key", NOW, NOW)
    event.remove(engine, "connect", be_a_replica)
    engine.dispose()
    assert (caught.value.slug, caught.value.status) == ("storage-read-only", 503)


def test_a_missing_table_and_a_missing_column_are_named_by_the_schema(db: SQLAlchemy) -> None:
    storage = SQLAlchemyStorage(db)
    with db.engine.begin() as connection:
        connection.execute(text("ALTER TABLE cimd_grant RENAME COLUMN auth_time TO other"))
        connection.execute(text("ALTER TABLE cimd_replay_key RENAME TO other_key"))
    try:
        assert storage.schema_gaps() == ["cimd_replay_key", "cimd_grant.auth_time"]
        for call in (lambda: storage.use_once("key", NOW, NOW), lambda: storage.last_approved("a", "c")):
            with pytest.raises(StorageError) as caught:
                call()
            assert caught.value.slug == "tables-missing"
    finally:
        with db.engine.begin() as connection:
            connection.execute(text("ALTER TABLE cimd_grant RENAME COLUMN other TO auth_time"))
            connection.execute(text("ALTER TABLE other_key RENAME TO cimd_replay_key"))
    assert storage.schema_gaps() == []


@pytest.fixture
def away(tmp_path: Path) -> Iterator[SQLAlchemyStorage]:
    """Yield a storage whose database server does not listen."""
    app, db = Flask("app"), SQLAlchemy()
    app.config["SQLALCHEMY_DATABASE_URI"] = "postgresql+psycopg://nobody@127.0.0.1:1/none"
    db.init_app(app)
    with app.app_context():
        yield SQLAlchemyStorage(db)


def test_a_server_that_does_not_listen_is_a_temporary_error(away: SQLAlchemyStorage) -> None:
    calls: list[Any] = [
        lambda: away.find_code("digest"),
        lambda: away.add_code(make_grant(), make_code()),
        lambda: away.use_once("key", NOW, NOW),
        lambda: away.living_grants("subject", NOW, limit=1),
        lambda: away.sweep(NOW),
    ]
    for call in calls:
        with pytest.raises(StorageError) as caught:
            call()
        assert (caught.value.slug, caught.value.status, caught.value.temporary) == ("storage-unavailable", 503, True)
        assert caught.value.hint == "OperationalError"  # the driver's own words name the server


def test_a_statement_that_the_database_refuses_is_not_repeated(
    sqlite_file: tuple[SQLAlchemyStorage, dict[str, str]],
) -> None:
    storage, _ = sqlite_file
    engine, attempts = storage._db.engine, []
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE cimd_replay_key"))
    event.listen(engine, "handle_error", lambda context: attempts.append(context.statement))
    with pytest.raises(StorageError) as caught:
        storage.use_once("key", NOW, NOW)
    assert (caught.value.slug, len(attempts)) == ("tables-missing", 1)


def test_the_page_of_the_error_says_when_to_come_back(tmp_path: Path, away: SQLAlchemyStorage) -> None:
    app = Flask("page")
    CIMD(app)

    @app.get("/")
    def fail() -> str:
        raise StorageError("storage-unavailable", hint="OperationalError")

    answer = app.test_client().get("/")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "5"
    assert "OperationalError" not in answer.text


def test_neither_the_error_nor_its_traceback_shows_what_was_sent(
    sqlite_file: tuple[SQLAlchemyStorage, dict[str, str]], caplog: pytest.LogCaptureFixture
) -> None:
    storage, mode = sqlite_file
    mode["mode"] = "ro"
    storage._db.engine.dispose()
    grant = make_grant(subject="https://secret-person.example/")
    with pytest.raises(StorageError) as caught:
        storage.add_code(grant, make_code())
    told = "".join(traceback.format_exception(caught.value)) + caplog.text
    assert "INSERT INTO cimd_grant" in told
    assert "secret-person" not in told


def test_missing_tables_are_named(tmp_path: Path) -> None:
    with opened_database(f"sqlite:///{tmp_path}/empty.db") as db:
        assert "cimd_grant" in missing_tables(db)
        db.create_all()
        assert missing_tables(db) == []

"""PostgreSQL: each table by ``COPY``, all at one instant; restored in one transaction, with the schema."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, inspect, text

from flask_cimd_site import schema

_PREFIX, _SUFFIX = "table.", ".copy"
#: A restore that other transactions keep from the tables gives up after this.
_PATIENCE = "20s"
_CHUNK = 1024 * 1024


def dump(engine: Engine, folder: Path) -> tuple[str | None, dict[str, Path]]:
    """Copy all tables of the site into a folder; return the revision and the files by name.

    The snapshot is that of one transaction; nobody is stopped from writing.
    """
    files: dict[str, Path] = {}
    with engine.connect().execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True) as connection:
        revision = schema.revision_of(connection)
        for table in tables_of(revision) if revision and schema.is_known(revision) else ():
            name = f"{_PREFIX}{table}{_SUFFIX}"
            files[name] = folder / name
            _copy_out(connection, table, files[name])
    return revision, files


def tables_of(revision: str) -> list[str]:
    """Return the tables of the site at a revision, as an empty database in memory has them."""
    engine = create_engine("sqlite://")
    try:
        with engine.begin() as connection:
            schema.migrate(connection, revision)
            return sorted(set(inspect(connection).get_table_names()) - {"alembic_version"})
    finally:
        engine.dispose()


def _copy_out(connection: Connection, table: str, path: Path) -> None:
    # The names of the columns make a restore independent of their order.
    columns = [column["name"] for column in inspect(connection).get_columns(table)]
    with path.open("wb") as file, _cursor(connection) as cursor:
        file.write((" ".join(columns) + "\n").encode())
        with cursor.copy(f"COPY {_quoted([table])} ({_quoted(columns)}) TO STDOUT") as copy:
            for chunk in copy:
                file.write(chunk)


def put(connection: Connection, folder: Path, names: Iterable[str], revision: str) -> None:
    """Make the schema of a backup, fill it, and bring it up to date, in the transaction of the caller."""
    connection.execute(text(f"SET LOCAL lock_timeout = '{_PATIENCE}'"))
    _drop(connection)
    schema.migrate(connection, revision)
    made = [table for table, _ in inspect(connection).get_sorted_table_and_fkc_names() if table]
    given = {
        name.removeprefix(_PREFIX).removesuffix(_SUFFIX): folder / name for name in names if name.startswith(_PREFIX)
    }
    wanted = [table for table in made if table in given]
    if wanted:
        connection.execute(text(f"TRUNCATE {_quoted(wanted)}"))
    for table in wanted:
        _copy_in(connection, table, given[table])
        _continue_numbers(connection, table)
    schema.migrate(connection)


def _drop(connection: Connection) -> None:
    """Drop the tables of the site, whatever their revision: they are known once they are up to date."""
    if schema.revision_of(connection) is None:
        return
    schema.migrate(connection)
    present = set(inspect(connection).get_table_names())
    tables = [table for table in (*tables_of("head"), "alembic_version") if table in present]
    connection.execute(text(f"DROP TABLE {_quoted(tables)} CASCADE"))


def _copy_in(connection: Connection, table: str, path: Path) -> None:
    with path.open("rb") as file, _cursor(connection) as cursor:
        columns = file.readline().decode().split()
        with cursor.copy(f"COPY {_quoted([table])} ({_quoted(columns)}) FROM STDIN") as copy:
            while chunk := file.read(_CHUNK):
                copy.write(chunk)


def _continue_numbers(connection: Connection, table: str) -> None:
    """Let new rows get numbers above those that were copied."""
    for column in inspect(connection).get_columns(table):
        name = column["name"]
        sequence = connection.execute(
            text("SELECT pg_get_serial_sequence(:table, :column)"), {"table": _quoted([table]), "column": name}
        ).scalar_one()
        if sequence:
            most = f"SELECT max({_quoted([name])}) FROM {_quoted([table])}"  # noqa: S608  quoted names of our own
            connection.execute(text(f"SELECT setval(:sequence, ({most}))"), {"sequence": sequence})


def _quoted(names: Iterable[str]) -> str:
    return ", ".join('"' + name.replace('"', '""') + '"' for name in names)


def _cursor(connection: Connection) -> Any:
    """Return a cursor of psycopg in the transaction of a connection."""
    return connection.connection.cursor()

"""SQLite: copies by its online backup, which takes one instant and stops nobody from writing."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import create_engine
from sqlalchemy.exc import DatabaseError

from flask_cimd_site import schema
from flask_cimd_site.backups.errors import BackupError

FILE = "site.db"
#: Seconds that a restore waits for a writer.
_PATIENCE = 30.0


def dump(database: Path, folder: Path) -> dict[str, Path]:
    """Copy a database into a folder and return the file by name."""
    copy = folder / FILE
    with closing(_connect(database, "rw")) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)  # in one step: one instant
        target.execute("PRAGMA journal_mode=DELETE")  # one file
    return {FILE: copy}


def prepare(copy: Path, expected: str) -> None:
    """Check an unpacked copy and bring its schema up to date.

    Raises:
        BackupError: it is damaged, or has another schema than expected.
    """
    engine = create_engine(f"sqlite:///{copy}")
    try:
        with engine.begin() as connection:
            state = connection.exec_driver_sql("PRAGMA integrity_check").scalar_one()
            if state != "ok" or schema.revision_of(connection) != expected:
                raise BackupError("damaged", "the backup is damaged: SQLite finds errors in its database")
            schema.migrate(connection)
    except DatabaseError as exc:
        if getattr(exc.orig, "sqlite_errorname", "") in ("SQLITE_NOTADB", "SQLITE_CORRUPT"):
            raise BackupError("damaged", "the backup is damaged: its database cannot be read") from exc
        raise
    finally:
        engine.dispose()


def put(copy: Path, database: Path) -> None:
    """Replace the content of a database by that of a copy, in one transaction: processes that have it open see it.

    Raises:
        sqlite3.Error: nothing was changed.
    """
    with closing(_connect(copy, "ro")) as source, closing(_connect(database, "rwc")) as target:
        source.backup(target)


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{quote(str(path.resolve()))}?mode={mode}", uri=True, timeout=_PATIENCE)

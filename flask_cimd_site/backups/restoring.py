"""Restoring a backup: checked as a whole first, then put in place in one transaction."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

from flask_cimd.stores import Records
from flask_cimd_site import schema
from flask_cimd_site.backups import archive, postgresql, records, sqlite
from flask_cimd_site.backups.archive import Manifest
from flask_cimd_site.backups.errors import BackupError
from flask_cimd_site.backups.making import SECRETS

#: Tables that are filled by merely starting a site.
_NO_DATA = ("alembic_version", "rate_limit")


@dataclass(frozen=True, slots=True)
class Opened:
    """A backup whose members were unpacked and checked.

    Attributes:
        manifest: what it says of itself.
        folder: where the members lie.
    """

    manifest: Manifest
    folder: Path

    @property
    def environment_file(self) -> Path | None:
        """The environment file that it holds, with secrets; or ``None``."""
        return self.folder / SECRETS if SECRETS in self.manifest.files else None


@contextmanager
def opened(source: Path, scratch: Path | None) -> Iterator[Opened]:
    """Unpack a backup and check it.

    Args:
        source: the file.
        scratch: directory for its members, which are deleted afterwards; ``None`` is the system's for temporary files.

    Raises:
        BackupError: it is no backup, damaged, or made by a newer version.
    """
    with tempfile.TemporaryDirectory(prefix=".restore-", dir=scratch) as name:
        manifest = archive.unpack(source, Path(name))
        if not schema.is_known(manifest.schema):
            raise BackupError(
                "newer-backup",
                f"flask-cimd {manifest.version} made this backup, with the schema {manifest.schema}; this version "
                f"knows {schema.newest()} at most: install the newer version first",
            )
        yield Opened(manifest, Path(name))


def restore(backup: Opened, engine: Engine, *, replace: bool, kept: Records | None = None) -> None:
    """Put the data of a backup in place of those of the database, all or nothing.

    Args:
        backup: the checked backup.
        engine: of the database.
        replace: lose the data that the database holds.
        kept: rules, allowances and pins that are in Redis; they follow when the database is restored.

    Raises:
        BackupError: the backup does not fit, or the database holds data that are not to be replaced.
        ConfigurationError: the database belongs to a newer version of the site.
        StoreError: Redis does not answer.
    """
    if backup.manifest.database != engine.dialect.name:
        raise BackupError(
            "other-database",
            f"this is a backup of {backup.manifest.database}, and DEMO_DATABASE_URL names {engine.dialect.name}",
        )
    records.check(kept, backup.folder, replace=replace)
    _restore_database(backup, engine, replace=replace)
    records.put(kept, backup.folder)


def _restore_database(backup: Opened, engine: Engine, *, replace: bool) -> None:
    if engine.dialect.name == "postgresql":
        with schema.locked(engine), engine.begin() as connection:
            _check_target(connection, replace=replace)
            postgresql.put(connection, backup.folder, backup.manifest.files, backup.manifest.schema)
        return
    copy = backup.folder / sqlite.FILE
    sqlite.prepare(copy, backup.manifest.schema)
    _put_sqlite(copy, engine, replace=replace)


def _put_sqlite(copy: Path, engine: Engine, *, replace: bool) -> None:
    database = Path(str(engine.url.database))
    is_new = not database.exists()
    try:
        with schema.locked(engine):
            with engine.connect() as connection:
                _check_target(connection, replace=replace)
            sqlite.put(copy, database)
    except BaseException:
        if is_new:
            engine.dispose()
            for suffix in ("", "-wal", "-shm"):
                Path(f"{database}{suffix}").unlink(missing_ok=True)
        raise


def _check_target(connection: Connection, *, replace: bool) -> None:
    revision = schema.revision_of(connection)
    if revision is not None and not schema.is_known(revision):
        raise BackupError("newer-database", "the database belongs to a newer version of the site; nothing was changed")
    held = [] if replace else list(_tables_with_data(connection))
    if held:
        raise BackupError(
            "holds-data",
            f"the database holds data ({', '.join(held)}); nothing was changed. To lose them, add --replace; make a "
            "backup of them first",
        )


def _tables_with_data(connection: Connection) -> Iterator[str]:
    for table in sorted(set(inspect(connection).get_table_names()) - set(_NO_DATA)):
        number = connection.execute(text(f'SELECT count(*) FROM "{table}"')).scalar_one()  # noqa: S608  names of tables
        if number:
            yield f"{table}: {number}"

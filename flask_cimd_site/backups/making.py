"""Making a backup while the site is being used, and deleting old ones."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

from sqlalchemy import Engine, create_engine

from flask_cimd.stores import Records
from flask_cimd_site import schema
from flask_cimd_site.backups import archive, postgresql, records, sqlite
from flask_cimd_site.backups.archive import Manifest
from flask_cimd_site.backups.errors import BackupError

#: Name of the environment file in a backup.
SECRETS = "site.env"
_NAMES = "site-*.tar.gz"


def name_at(now: datetime) -> str:
    """Return the usual name of a backup; names sort by their instants."""
    return f"site-{now:%Y%m%dT%H%M%SZ}.tar.gz"


def make(
    engine: Engine, target: Path, *, environment_file: Path | None, now: datetime, kept: Records | None = None
) -> Manifest:
    """Write a backup with mode 0600: whole or not at all. Nobody is stopped from writing meanwhile.

    Args:
        engine: of the site's database.
        target: file to write, in a directory that exists; it must not exist itself.
        environment_file: is kept in the backup, with its secrets; ``None`` for a backup without secrets.
        now: an aware instant in UTC.
        kept: rules, allowances and pins that are in Redis.

    Raises:
        BackupError: the target exists, or the database holds no site.
        StoreError: Redis does not answer.
    """
    if target.exists():
        raise BackupError("exists", f"{target} exists; a backup replaces no file")
    with tempfile.TemporaryDirectory(prefix=".backup-", dir=target.parent) as name:
        folder = Path(name)
        revision, files = _dump(engine, folder)
        if revision is None or not schema.is_known(revision):
            raise BackupError("no-site", "the database holds no site of this version or an older one")
        if kept is not None:
            files |= records.dump(kept, folder)
        if environment_file is not None:
            files[SECRETS] = environment_file
        manifest = Manifest(
            version=version("flask-cimd"),
            schema=revision,
            database=engine.dialect.name,
            created_at=now.isoformat(timespec="seconds"),
            files={name: archive.member_of(path) for name, path in files.items()},
        )
        archive.write(target, manifest, files)
    return manifest


def _dump(engine: Engine, folder: Path) -> tuple[str | None, dict[str, Path]]:
    if engine.dialect.name == "postgresql":
        return postgresql.dump(engine, folder)
    files = sqlite.dump(_database_file(engine), folder)
    with _opened(files[sqlite.FILE]) as copy, copy.connect() as connection:
        return schema.revision_of(connection), files


@contextmanager
def _opened(path: Path) -> Iterator[Engine]:
    engine = create_engine(f"sqlite:///{path}")
    try:
        yield engine
    finally:
        engine.dispose()


def _database_file(engine: Engine) -> Path:
    path = Path(str(engine.url.database or ""))
    if not path.is_file():
        raise BackupError("no-site", f"there is no database at {path}")
    return path


def prune(folder: Path, keep: int) -> list[Path]:
    """Delete the oldest backups with usual names, but for this number of newest ones; return what was deleted."""
    old = sorted(folder.glob(_NAMES))[: -keep or None]
    for path in old:
        path.unlink()
    return old

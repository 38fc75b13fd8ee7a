"""``flask-cimd-site backup``, ``restore`` and ``upgrade``."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import click
from flask.cli import ScriptInfo
from sqlalchemy import Engine

from flask_cimd.stores import Records
from flask_cimd_site import backups, schema
from flask_cimd_site.backups.making import name_at
from flask_cimd_site.cli.database import engine_of
from flask_cimd_site.cli.errors import UnknownNowError
from flask_cimd_site.cli.folder import ENVIRONMENT_FILE, Folder, folder_of, read_variables, write_private
from flask_cimd_site.config import Configuration

_file = click.Path(path_type=Path, dir_okay=False)


@click.command("backup")
@click.argument("file", type=_file, required=False)
@click.option("--with-secrets", is_flag=True, help=f"Put {ENVIRONMENT_FILE} into the backup, too.")
@click.option("--keep", type=click.IntRange(min=1), help="Delete older backups with usual names but for so many.")
@click.pass_obj
def backup(info: ScriptInfo, file: Path | None, *, with_secrets: bool, keep: int | None) -> None:
    """Write a backup to FILE (default: backups/site-INSTANT.tar.gz) while the site is running; prints its name.

    It holds all data at one instant, pictures included, and rules that are in Redis. Tokens are in it as digests alone.
    """
    folder, now = folder_of(info), datetime.now(UTC)
    if with_secrets and folder.environment_file is None:
        raise click.UsageError(f"--with-secrets needs a directory with {ENVIRONMENT_FILE}: -d DIRECTORY")
    environment = folder.environment()
    target = _target(folder, file, now)
    secrets = folder.environment_file if with_secrets else None
    with _site(environment) as (engine, kept):
        manifest = backups.make(engine, target, environment_file=secrets, now=now, kept=kept)
    click.echo(f"{target}")
    about = f"with {ENVIRONMENT_FILE} and its secrets" if with_secrets else f"without {ENVIRONMENT_FILE}"
    click.echo(f"{target.stat().st_size} bytes, schema {manifest.schema}, {about}", err=True)
    for old in backups.prune(target.parent, keep) if keep else ():
        click.echo(f"deleted {old}", err=True)


def _target(folder: Folder, file: Path | None, now: datetime) -> Path:
    if file is not None:
        return file.resolve()
    folder.backups.mkdir(mode=0o700, exist_ok=True)
    return folder.backups / name_at(now)


@click.command("restore")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--replace", is_flag=True, help="Replace the data that are there; they are lost.")
@click.option("--with-secrets", is_flag=True, help=f"Write {ENVIRONMENT_FILE} of the backup into the directory.")
@click.pass_obj
def restore(info: ScriptInfo, file: Path, *, replace: bool, with_secrets: bool) -> None:
    """Restore the backup FILE: checked first, then all or nothing. Stop the site before, start it afterwards.

    Access that was ended after the backup was made is back: look at the connected apps afterwards.
    """
    folder = folder_of(info)
    path = _prepare_secrets(folder, replace=replace) if with_secrets else None
    with backups.opened(file, _scratch(folder)) as found:
        variables = _variables(folder, found, with_secrets=with_secrets)
        with _site(variables) as (engine, kept):
            backups.restore(found, engine, replace=replace, kept=kept)
        if path is not None and found.environment_file is not None:
            write_private(path, found.environment_file.read_text(encoding="utf-8"), replace=replace)
            click.echo(f"{path} is restored.")
        click.echo(f"The data of {found.manifest.created_at} are restored. Look at the connected apps: access that was")
        click.echo("ended since then is back.")


def _prepare_secrets(folder: Folder, *, replace: bool) -> Path:
    path = folder.environment_file
    if path is None:
        raise click.UsageError("--with-secrets needs a directory: -d DIRECTORY")
    if path.exists() and not replace:
        raise click.ClickException(f"{path} exists; add --replace, or leave --with-secrets out")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def _scratch(folder: Folder) -> Path | None:
    """Return the directory of the site: its disk has room for the data, and it is private."""
    return folder.path if folder.path is not None and folder.path.is_dir() else None


def _variables(folder: Folder, found: backups.Opened, *, with_secrets: bool) -> dict[str, str]:
    if not with_secrets:
        return folder.environment()
    if found.environment_file is None:
        raise backups.BackupError("no-secrets", f"the backup holds no {ENVIRONMENT_FILE}; leave --with-secrets out")
    return folder.with_defaults(read_variables(found.environment_file.read_text(encoding="utf-8")))


@click.command("upgrade")
@click.option("--no-backup", is_flag=True, help="Do not write a backup before the schema is changed.")
@click.pass_obj
def upgrade(info: ScriptInfo, *, no_backup: bool) -> None:
    """Bring the schema of the database up to date, after a backup; serve does so, too, without a backup."""
    folder, now = folder_of(info), datetime.now(UTC)
    with _site(folder.environment()) as (engine, kept):
        with engine.connect() as connection:
            before = schema.revision_of(connection)
        if before == schema.newest():
            click.echo(f"The schema is up to date: {before}.")
            return
        if before is not None and schema.is_known(before) and not no_backup:
            target = _target(folder, None, now)
            backups.make(engine, target, environment_file=None, now=now, kept=kept)
            click.echo(f"Backup: {target}")
        schema.upgrade(engine)
        click.echo(f"The schema was {before or 'empty'} and is {schema.newest()}.")


@contextmanager
def _site(environment: dict[str, str]) -> Iterator[tuple[Engine, Records | None]]:
    """Yield the configured database, and records in Redis; errors of SQLite itself become sentences."""
    configuration = Configuration.from_environment(environment)
    with engine_of(configuration) as engine:
        try:
            yield engine, backups.records_of(configuration.cimd["CIMD_STORE"])
        except sqlite3.OperationalError as exc:
            if exc.sqlite_errorname.startswith("SQLITE_BUSY"):
                raise UnknownNowError("the database is in use; stop the site, and try again") from exc
            raise click.ClickException(f"{exc}; nothing was changed") from exc

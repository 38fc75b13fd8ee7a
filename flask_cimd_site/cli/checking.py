"""``flask-cimd-site check``: whether the site can run, seen from this computer."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import click
from flask.cli import ScriptInfo
from sqlalchemy.exc import SQLAlchemyError

from flask_cimd import ConfigurationError
from flask_cimd_site import readiness
from flask_cimd_site.cli.database import engine_of
from flask_cimd_site.cli.errors import NO, UNKNOWN_NOW, YES, of_database
from flask_cimd_site.cli.folder import Folder, folder_of, is_private
from flask_cimd_site.config import Configuration

Outcome = Literal["ok", "warning", "failed", "unknown"]


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome of one check, and what to do about it."""

    check: str
    outcome: Outcome
    text: str


@click.command("check")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def check(info: ScriptInfo, *, as_json: bool) -> None:
    """Check configuration, files, folders, database, schema, store and disk; one line each.

    The command "cimd doctor" looks at the running site from outside. Exit codes: 0 all is well or only warnings,
    1 something failed, 2 wrong usage, 3 something cannot be known now, such as a database that does not answer.
    """
    findings = list(_findings(folder_of(info)))
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        for finding in findings:
            click.echo(f"{finding.outcome:<8} {finding.check}: {finding.text}")
    outcomes = {finding.outcome for finding in findings}
    sys.exit(NO if "failed" in outcomes else UNKNOWN_NOW if "unknown" in outcomes else YES)


def _findings(folder: Folder) -> Iterator[Finding]:
    try:
        environment = folder.environment()
        configuration = Configuration.from_environment(environment)
    except (ConfigurationError, OSError) as exc:
        yield Finding("configuration", "failed", str(exc))
        return
    yield Finding("configuration", "ok", configuration.base_url)
    yield from _settings(configuration)
    yield from _files(folder)
    yield from _database(configuration)
    yield _store(configuration)


def _settings(configuration: Configuration) -> Iterator[Finding]:
    if configuration.development:
        yield Finding("development", "warning", "DEMO_DEVELOPMENT is on: for use on this computer only")
    elif configuration.trusted_proxies is None:
        yield Finding("proxies", "warning", "DEMO_TRUSTED_PROXIES is not set; with one proxy in front, set it to 1")


def _files(folder: Folder) -> Iterator[Finding]:
    if folder.environment_file is None or folder.path is None or folder.data is None:
        return
    if is_private(folder.environment_file):
        yield Finding("environment-file", "ok", "only its owner can read it")
    else:
        yield Finding("environment-file", "failed", f"others can read it; run: chmod 600 {folder.environment_file}")
    for path in (folder.data, folder.backups):
        yield _writable(path)


def _writable(path: Path) -> Finding:
    if not path.is_dir():
        return Finding("folder", "warning", f"{path} does not exist; it is made when it is needed")
    if not readiness.is_writable(path):
        return Finding("folder", "failed", f"{path} cannot be written by this user")
    if not is_private(path):
        return Finding("folder", "failed", f"others can read {path}; run: chmod 700 {path}")
    return Finding("folder", "ok", f"{path} can be written, by its owner alone")


def _database(configuration: Configuration) -> Iterator[Finding]:
    try:
        with engine_of(configuration) as engine:
            if readiness.is_missing(engine):
                yield Finding("database", "warning", "there is none yet; `serve` and `upgrade` make it")
                return
            with engine.begin() as connection:
                state, text = readiness.schema_state(connection)
            yield Finding("database", "ok", f"{engine.dialect.name} answers")
            yield Finding("schema", "ok" if state else "failed", text)
            free = readiness.free_bytes(engine)
            if free is not None:
                outcome: Outcome = "failed" if free < readiness.LEAST_FREE else "ok"
                yield Finding("disk", outcome, f"{free // 2**20} MiB are free")
    except ConfigurationError as exc:
        yield Finding("database", "failed", str(exc))
    except SQLAlchemyError as exc:
        error = of_database(exc)
        yield Finding("database", "unknown" if error.exit_code == UNKNOWN_NOW else "failed", error.message)


def _store(configuration: Configuration) -> Finding:
    store = configuration.cimd["CIMD_STORE"]
    ping: Callable[[], bool] | None = readiness.store_ping(store)
    if ping is None:
        return Finding("store", "ok", "clients are stored in the database" if store == "sqlalchemy" else store)
    if ping():
        return Finding("store", "ok", "Redis answers")
    return Finding("store", "unknown", "Redis does not answer, or its package is missing: see CIMD_STORE")

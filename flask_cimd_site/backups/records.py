"""Rules, allowances and pinned copies in Redis: with ``CIMD_STORE`` on Redis they are in no database."""

from __future__ import annotations

import json
from pathlib import Path

from flask_cimd import ConfigurationError
from flask_cimd.stores import Records
from flask_cimd_site.backups.errors import BackupError
from flask_cimd_site.readiness import is_redis

FILE = "records.json"
#: The kinds of records that `flask_cimd.clients` keeps.
KINDS = ("rule", "tier", "pin")


def records_of(store: str) -> Records | None:
    """Return the records of a site; ``None`` if they are in its database.

    Args:
        store: ``CIMD_STORE``.

    Raises:
        ConfigurationError: Redis is named wrongly, or its package is missing.
    """
    if not is_redis(store):
        return None
    try:
        from redis import Redis

        from flask_cimd.stores import RedisStore

        return RedisStore(Redis.from_url(store, socket_timeout=5, socket_connect_timeout=5)).records
    except ImportError as exc:
        raise ConfigurationError('CIMD_STORE names Redis, which needs: pip install "flask-cimd[redis]"') from exc
    except ValueError as exc:
        raise ConfigurationError("CIMD_STORE must be a URL such as redis://127.0.0.1:6379/0") from exc


def dump(records: Records, folder: Path) -> dict[str, Path]:
    """Write the records into a folder and return the file by name.

    Raises:
        StoreError: Redis does not answer.
    """
    path = folder / FILE
    path.write_text(json.dumps({kind: records.all(kind) for kind in KINDS}), encoding="utf-8")
    return {FILE: path}


def check(records: Records | None, folder: Path, *, replace: bool) -> None:
    """Judge whether the records of an unpacked backup can be put in place.

    Raises:
        BackupError: there is no Redis to put them into, or it holds some that are not to be replaced.
        StoreError: Redis does not answer.
    """
    if not (folder / FILE).is_file():
        return
    if records is None:
        raise BackupError("other-store", "the backup holds rules of a site with Redis, and CIMD_STORE names no Redis")
    held = sum(len(records.subjects(kind)) for kind in KINDS)
    if held and not replace:
        raise BackupError("holds-data", f"Redis holds {held} rules and pins; nothing was changed. Add --replace")


def put(records: Records | None, folder: Path) -> None:
    """Put the records of an unpacked backup in place of those in Redis.

    Raises:
        StoreError: Redis does not answer any more.
    """
    if records is None or not (folder / FILE).is_file():
        return
    kept = json.loads((folder / FILE).read_text(encoding="utf-8"))
    for kind in KINDS:
        for subject in set(records.subjects(kind)) - set(kept[kind]):
            records.remove(kind, subject)
        for subject, value in kept[kind].items():
            records.put(kind, subject, value)

"""Deletes rows without effect: in small transactions, up to a limit, in one process at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import Table, delete, exists, func, select

from ..oauth.server.storage import CODES_KEPT, KEPT_AFTER_END
from ._base import b, params, seconds, upsert
from ._database import Database
from .models import provider_models

if TYPE_CHECKING:
    from flask_sqlalchemy import SQLAlchemy

#: Maximum number of rows that one transaction deletes; other writers wait for it.
BATCH = 500
#: Maximum time for which a killed sweep blocks others.
_LEASE = timedelta(minutes=10)
#: Time that the start of the last sweep stays stored; maximum of ``every``.
_REMEMBERED = timedelta(days=366)
#: Tables of the client store in the app's database, with the time that their expired rows stay useful.
_CACHES = {"cimd_client": timedelta(hours=24), "cimd_fetched": timedelta(), "cimd_lease": timedelta()}
_LEASE_KEY, _LAST_KEY = "flask-cimd:sweep", "flask-cimd:last-sweep"


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """The outcome of a sweep.

    Attributes:
        by_table: number of rows by the name of their table.
        is_done: ``True`` if nothing is left to delete; ``False`` after the limit, while another process sweeps, or too
            soon after the last sweep.
    """

    by_table: Mapping[str, int]
    is_done: bool

    @property
    def rows(self) -> int:
        """The total number of rows."""
        return sum(self.by_table.values())


def sweep(db: SQLAlchemy, now: datetime, *, limit: int = 10_000, every: timedelta = timedelta()) -> Swept:
    """Delete at most ``limit`` rows without effect, of every issuer; needs an app context.

    Expired tokens, those of living grants too; codes a day after their end; rotated refresh tokens and ended grants
    after 30 days; expired pushed and waiting requests, replay keys, registrations and remembered consents; entries of
    the client store a day after their end.

    Args:
        db: the app's Flask-SQLAlchemy object.
        now: the current time, an aware `datetime`.
        limit: maximum total number of rows.
        every: minimum time since the start of the last completed sweep in any process, at most 366 days; before it
            the function does nothing.

    Raises:
        StorageError: the database does not answer or cannot be written.
    """
    database = Database(db)
    turn = _Turn(db, database, now)
    if not turn.begin():
        return Swept(by_table={}, is_done=False)
    try:
        if not turn.is_due(every):
            return Swept(by_table={}, is_done=False)
        swept = _sweep(db, database, now, limit)
        turn.remember()
        return swept
    finally:
        turn.end()


def _sweep(db: SQLAlchemy, database: Database, now: datetime, limit: int) -> Swept:
    deleted: dict[str, int] = {}
    for table, statement, values in _steps(db, now):
        while True:
            left = limit - sum(deleted.values())
            if left <= 0:
                return Swept(by_table=deleted, is_done=False)
            size = min(left, BATCH)
            rows = database.change(statement[database.dialect], values | params(limit=size))
            deleted[table.name] = deleted.get(table.name, 0) + rows
            if rows < size:
                break
    return Swept(by_table=deleted, is_done=True)


def _steps(db: SQLAlchemy, now: datetime) -> Iterator[tuple[Table, dict[str, Any], dict[str, Any]]]:
    """Yield the statements in an order in which no row loses its grant."""
    models = provider_models(db)
    grants, codes, tokens = models.Grant.__table__, models.Code.__table__, models.Token.__table__
    long_ago = params(before=seconds(now - KEPT_AFTER_END))
    for table in (tokens, codes):
        kept = timedelta() if table is tokens else CODES_KEPT
        yield table, _expired(table, table.c.expires_at), params(before=seconds(now - kept))
        joined = table.join(grants, grants.c.id == table.c.grant_id)
        yield table, _delete_some(table, select(table.c.digest).select_from(joined), grants.c.ends_at), long_ago
    childless = [~exists().where(child.c.grant_id == grants.c.id) for child in (tokens, codes)]
    yield grants, _delete_some(grants, select(grants.c.id).where(*childless), grants.c.ends_at), long_ago
    for model in (models.PushedRequest, models.WaitingRequest, models.ReplayKey):
        table = model.__table__
        yield table, _expired(table, table.c.expires_at), params(before=seconds(now))
    for name, kept in _CACHES.items():
        if (cache := db.metadata.tables.get(name)) is not None:
            yield cache, _expired(cache, cache.c.expires_at), params(before=seconds(now - kept))
    for model in (models.Registration, models.RememberedConsent):
        table = model.__table__
        yield table, _expired(table, table.c.ends_at), params(before=seconds(now))


def _expired(table: Table, ends: Any) -> dict[str, Any]:
    return _delete_some(table, select(_key(table)), ends)


def _delete_some(table: Table, chosen: Any, ends: Any) -> dict[str, Any]:
    """Return the statement by dialect."""
    some, key = chosen.where(ends <= b("before")).order_by(ends).limit(b("limit")), _key(table)
    # With a subquery, PostgreSQL reads the whole table; with an array, it uses the index.
    keys = func.any(func.array(some.scalar_subquery()))
    return {"sqlite": delete(table).where(key.in_(some)), "postgresql": delete(table).where(key == keys)}


def _key(table: Table) -> Any:
    (column,) = table.primary_key.columns
    return column


class _Turn:
    """The lease of one sweep, and the start of the last one: two rows in the table of replay keys.

    Only one of several simultaneous sweeps inserts or renews the lease. The other row expires `_REMEMBERED` after the
    start of the last sweep, so each sweep can compare it with its own ``every``.
    """

    def __init__(self, db: SQLAlchemy, database: Database, now: datetime) -> None:
        self._database, self._now = database, now
        self._table = provider_models(db).ReplayKey.__table__
        self._until = seconds(now + _LEASE)

    def begin(self) -> bool:
        """Take the lease; ``False`` while another sweep has it."""
        is_over = self._table.c.expires_at <= seconds(self._now)
        return self._put(_LEASE_KEY, self._until, is_over) == 1

    def is_due(self, every: timedelta) -> bool:
        """Return whether the last sweep started at least ``every`` ago; call it with the lease."""
        query = select(self._table.c.expires_at).where(self._table.c.key == b("key"))
        row = self._database.first(query, params(key=_LAST_KEY))
        if row is None:
            return True
        ago: float = seconds(self._now + _REMEMBERED) - row[self._table.c.expires_at]
        return abs(ago) >= every.total_seconds()  # a time in the future must not stop all sweeps

    def remember(self) -> None:
        """Store the start of this completed sweep, unless a later sweep has completed."""
        is_earlier = self._table.c.expires_at < b("expires_at")
        self._put(_LAST_KEY, seconds(self._now + _REMEMBERED), is_earlier)

    def end(self) -> None:
        """Release the lease, unless another sweep took it after its expiry."""
        mine = (self._table.c.key == b("key")) & (self._table.c.expires_at == b("mine"))
        self._database.change(delete(self._table).where(mine), params(key=_LEASE_KEY, mine=self._until))

    def _put(self, key: str, expires_at: float, where: Any) -> int:
        statement = upsert(self._table, "key", ["expires_at"], where=where)(self._database.dialect)
        return self._database.change(statement, params(key=key, expires_at=expires_at))

"""Entries in the app's own database, and the leases of who fetches them: JSON text, no pickles.

The tables join ``db.metadata``, so ``db.create_all()`` and migrations see them; this package ships no migrations.
Statements run on connections of their own: a look-up never commits or rolls back what the app has open.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count
from typing import TYPE_CHECKING, Any

from sqlalchemy import Column, Float, String, Table, Text, delete, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from ..core.identifier import ClientIdentifier
from ..core.metadata import ClientMetadata
from .protocol import Entry, Lease, Leases, key_of

if TYPE_CHECKING:
    from flask_sqlalchemy import SQLAlchemy

TABLE_NAME = "cimd_client"
LEASE_TABLE_NAME = "cimd_lease"
#: Between two looks at a table's size this process writes at least so many rows.
PRUNE_EVERY = 64


def client_table(db: SQLAlchemy) -> Table:
    """Return the table, adding it to ``db.metadata`` on first use.

    Columns: ``digest`` (SHA-256 of the identifier, primary key, because some databases cannot index 2048
    characters), ``client_id``, ``metadata`` (JSON text), ``fetched_at`` and ``expires_at`` (seconds since 1970).
    """
    existing = db.metadata.tables.get(TABLE_NAME)
    if existing is not None:
        return existing
    return Table(
        TABLE_NAME,
        db.metadata,
        Column("digest", String(64), primary_key=True),
        Column("client_id", Text, nullable=False),
        Column("metadata", Text, nullable=False),
        Column("fetched_at", Float(53), nullable=False),
        Column("expires_at", Float(53), nullable=False, index=True),
    )


def lease_table(db: SQLAlchemy) -> Table:
    """Return the table of leases, adding it to ``db.metadata`` on first use.

    Columns: ``digest`` as in `client_table`, ``owner`` (a random name), ``expires_at`` and ``outcome`` (how it
    ended, in words of this package; null while it is under way).
    """
    existing = db.metadata.tables.get(LEASE_TABLE_NAME)
    if existing is not None:
        return existing
    return Table(
        LEASE_TABLE_NAME,
        db.metadata,
        Column("digest", String(64), primary_key=True),
        Column("owner", String(32), nullable=False),
        Column("expires_at", Float(53), nullable=False, index=True),
        Column("outcome", Text),
    )


class SQLAlchemyStore:
    """A store in the database behind a Flask-SQLAlchemy ``db``; needs an app context.

    Args:
        db: the app's extension object.
        size: about how many entries are kept; the ones that expired first go first. Each process looks at the
            table's size after 64 writes, or after one hundredth of ``size`` if that is more.
    """

    def __init__(self, db: SQLAlchemy, size: int = 1_000_000) -> None:
        self._db = db
        self._size = size
        self._table = table = client_table(db)
        self._writes = count(1)
        self._prune_every = max(PRUNE_EVERY, size // 100)
        self.leases: Leases | None = SQLAlchemyLeases(db)
        self._select = select(table.c.metadata, table.c.fetched_at, table.c.expires_at)

    def get(self, identifier: ClientIdentifier) -> Entry | None:
        """Return the entry; a row that this version cannot read is a miss."""
        query = self._select.where(self._table.c.digest == key_of(identifier.raw))
        with self._db.engine.connect() as connection:
            row = connection.execute(query).first()
        if row is None:
            return None
        try:
            metadata = ClientMetadata.from_json(identifier, row[0])
        except ValueError:
            return None
        return Entry(metadata=metadata, fetched_at=_instant(row[1]), expires_at=_instant(row[2]))

    def put(self, entry: Entry) -> None:
        """Insert or replace an entry; of two writers at once the later one wins."""
        client_id = entry.metadata.client_id
        values: dict[str, Any] = {
            "client_id": client_id,
            "metadata": entry.metadata.to_json(),
            "fetched_at": entry.fetched_at.timestamp(),
            "expires_at": entry.expires_at.timestamp(),
        }
        digest = key_of(client_id)
        change = update(self._table).where(self._table.c.digest == digest).values(**values)
        with self._db.engine.begin() as connection:
            replaced = connection.execute(change).rowcount
        if not replaced:
            try:
                with self._db.engine.begin() as connection:
                    connection.execute(insert(self._table).values(digest=digest, **values))
            except IntegrityError:  # another process inserted it in between
                with self._db.engine.begin() as connection:
                    connection.execute(change)
        if next(self._writes) % self._prune_every == 0:
            self.prune()

    def prune(self) -> None:
        """Drop the entries beyond the bound, the ones that expired first."""
        table = self._table
        surplus = len(self) - self._size
        if surplus > 0:
            oldest = select(table.c.digest).order_by(table.c.expires_at).limit(surplus).scalar_subquery()
            with self._db.engine.begin() as connection:
                connection.execute(delete(table).where(table.c.digest.in_(oldest)))

    def delete(self, client_id: str) -> None:
        """Forget a client."""
        with self._db.engine.begin() as connection:
            connection.execute(delete(self._table).where(self._table.c.digest == key_of(client_id)))

    def __iter__(self) -> Iterator[str]:
        """Yield the identifiers in the table."""
        with self._db.engine.connect() as connection:
            rows = connection.execute(select(self._table.c.client_id).order_by(self._table.c.client_id)).all()
        return iter([row[0] for row in rows])

    def __len__(self) -> int:
        """Return the number of rows."""
        with self._db.engine.connect() as connection:
            return connection.execute(select(func.count()).select_from(self._table)).scalar_one()


class SQLAlchemyLeases:
    """Leases as rows, taken by one conditional statement; needs an app context."""

    def __init__(self, db: SQLAlchemy) -> None:
        self._db = db
        self._table = lease_table(db)
        self._taken = count(1)

    def take(self, client_id: str, owner: str, *, now: datetime, until: datetime) -> bool:
        """Take the lease if nobody has it."""
        table, key = self._table, key_of(client_id)
        if next(self._taken) % PRUNE_EVERY == 0:
            self._forget_expired(now)
        values = {"owner": owner, "expires_at": until.timestamp(), "outcome": None}
        is_free = or_(table.c.expires_at <= now.timestamp(), table.c.outcome.is_not(None))
        with self._db.engine.begin() as connection:
            if connection.execute(update(table).where(table.c.digest == key, is_free).values(**values)).rowcount:
                return True
        try:
            with self._db.engine.begin() as connection:
                connection.execute(insert(table).values(digest=key, **values))
        except IntegrityError:  # somebody has it
            return False
        return True

    def look(self, client_id: str) -> Lease | None:
        """Return the lease as it stands."""
        table = self._table
        query = select(table.c.expires_at, table.c.outcome).where(table.c.digest == key_of(client_id))
        with self._db.engine.connect() as connection:
            row = connection.execute(query).first()
        return None if row is None else Lease(expires_at=_instant(row[0]), outcome=row[1])

    def finish(self, client_id: str, owner: str, outcome: str) -> None:
        """Say how it ended and let go."""
        table = self._table
        mine = (table.c.digest == key_of(client_id)) & (table.c.owner == owner)
        with self._db.engine.begin() as connection:
            connection.execute(update(table).where(mine).values(outcome=outcome))

    def _forget_expired(self, now: datetime) -> None:
        with self._db.engine.begin() as connection:
            connection.execute(delete(self._table).where(self._table.c.expires_at <= now.timestamp()))


def _instant(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)

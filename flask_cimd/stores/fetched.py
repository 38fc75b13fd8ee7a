"""Where what documents point to is kept, logos and key sets: in this process, or in the app's database."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Lock
from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy import Column, Float, LargeBinary, String, Table, delete, insert, select
from sqlalchemy.exc import IntegrityError

from .port import STORE_TROUBLE
from .sqlalchemy_shared import Bound, table_of

if TYPE_CHECKING:
    from flask_sqlalchemy import SQLAlchemy

logger = logging.getLogger(__name__)

TABLE_NAME = "cimd_fetched"


@dataclass(frozen=True, slots=True)
class Fetched:
    """Bytes that are kept until an instant; without ``content``, the memory that there are none."""

    content: bytes | None
    expires_at: datetime


class FetchedStore(Protocol):
    """Keeps things by a key of 64 hexadecimal digits; it may forget at any time."""

    def get(self, key: str) -> Fetched | None:
        """Return what is kept, expired or not."""

    def put(self, key: str, found: Fetched) -> None:
        """Keep something in place of what was there."""


class ForgivingStore:
    """Another store whose trouble ends no sign-in: what cannot be read is a miss, what cannot be kept is lost."""

    def __init__(self, store: FetchedStore) -> None:
        self.store = store

    def get(self, key: str) -> Fetched | None:
        """Return what is kept, if it can be read."""
        try:
            return self.store.get(key)
        except STORE_TROUBLE as exc:
            logger.warning("the store of logos and key sets cannot be read: %s", type(exc).__name__)
            return None

    def put(self, key: str, found: Fetched) -> None:
        """Keep something, if it can be kept."""
        try:
            self.store.put(key, found)
        except STORE_TROUBLE as exc:
            logger.warning("the store of logos and key sets cannot be written: %s", type(exc).__name__)


class MemoryFetchedStore:
    """Things of one process, the least recently kept dropped first."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._kept: OrderedDict[str, Fetched] = OrderedDict()
        self._lock = Lock()

    def get(self, key: str) -> Fetched | None:
        """Return what is kept."""
        return self._kept.get(key)

    def put(self, key: str, found: Fetched) -> None:
        """Keep something."""
        with self._lock:
            self._kept[key] = found
            self._kept.move_to_end(key)
            while len(self._kept) > self._size:
                self._kept.popitem(last=False)


def fetched_table(db: SQLAlchemy) -> Table:
    """Return the table, adding it to ``db.metadata`` on first use.

    Columns: ``key`` (primary key), ``content`` (bytes or null) and ``expires_at`` (seconds since 1970).
    """
    return table_of(
        db,
        TABLE_NAME,
        Column("key", String(64), primary_key=True),
        Column("content", LargeBinary),
        Column("expires_at", Float(53), nullable=False, index=True),
    )


class SQLAlchemyFetchedStore:
    """Things in the app's database; needs an app context.

    Args:
        size: about how many are kept; the ones that expire first go first.
    """

    def __init__(self, db: SQLAlchemy, clock: Callable[[], datetime], size: int) -> None:
        self._db = db
        self._clock = clock
        self._table = fetched_table(db)
        self._bound = Bound(db, self._table, "key", size)

    def get(self, key: str) -> Fetched | None:
        """Return what is kept."""
        table = self._table
        with self._db.engine.connect() as connection:
            row = connection.execute(select(table.c.content, table.c.expires_at).where(table.c.key == key)).first()
        return None if row is None else Fetched(row[0], datetime.fromtimestamp(row[1], UTC))

    def put(self, key: str, found: Fetched) -> None:
        """Keep something and drop what has expired."""
        table = self._table
        values: dict[str, Any] = {"key": key, "content": found.content, "expires_at": found.expires_at.timestamp()}
        expired = table.c.expires_at < self._clock().timestamp()
        try:
            with self._db.engine.begin() as connection:
                connection.execute(delete(table).where(expired | (table.c.key == key)))
                connection.execute(insert(table).values(**values))
        except IntegrityError:  # another process kept the same in between
            logger.debug("it is kept already")
        self._bound.note_write()

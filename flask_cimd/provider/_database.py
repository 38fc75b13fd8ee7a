"""Short transactions on the app's database, with one retry after a lost connection and `StorageError` for failures."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, SQLAlchemyError, StatementError

from ..errors import StorageError

if TYPE_CHECKING:
    from flask_sqlalchemy import SQLAlchemy

logger = logging.getLogger(__name__)

_Result = TypeVar("_Result")


class Database:
    """Runs reads and writes on separate connections, never on ``db.session``; needs an app context.

    Raises:
        StorageError: from every method, if the database does not answer or cannot be written.
    """

    def __init__(self, db: SQLAlchemy) -> None:
        self._db = db

    @property
    def dialect(self) -> str:
        """The name of the current app's dialect, such as ``sqlite`` or ``postgresql``."""
        return self._db.engine.dialect.name

    def first(self, statement: Any, values: dict[str, Any]) -> Any:
        """Return the first row of a query as a mapping, or ``None``."""
        row = self.run(lambda connection: connection.execute(statement, values).first())
        return None if row is None else row._mapping

    def all(self, statement: Any, values: dict[str, Any]) -> list[Any]:
        """Return all rows of a query as mappings."""
        rows = self.run(lambda connection: connection.execute(statement, values).all())
        return [row._mapping for row in rows]

    def change(self, statement: Any, values: dict[str, Any]) -> int:
        """Run one statement as a transaction, and return the number of changed rows."""
        return int(self.run(lambda connection: connection.execute(statement, values).rowcount))

    def run(self, work: Callable[[Connection], _Result]) -> _Result:
        """Run statements in autocommit mode: each is a transaction by itself."""
        return self._retried(lambda: self._autocommitted(work))

    def write(self, work: Callable[[Connection], _Result]) -> _Result:
        """Run statements in one transaction."""
        return self._retried(lambda: self._transaction(work))

    def _autocommitted(self, work: Callable[[Connection], _Result]) -> _Result:
        with self._db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            return work(connection)

    def _transaction(self, work: Callable[[Connection], _Result]) -> _Result:
        with self._db.engine.connect() as connection:
            transaction = connection.begin()
            try:
                result = work(connection)
            except BaseException:
                transaction.rollback()
                raise
            try:
                transaction.commit()
            except DBAPIError as exc:
                raise _UncertainCommitError from exc
            return result

    def _retried(self, attempt: Callable[[], _Result]) -> _Result:
        # A pooled connection fails after a restart of the database server or an unwritable SQLite file, so a new
        # connection repeats the work. A failed transaction was not committed. A statement in autocommit mode may have
        # run before its response was lost: the second run then changes nothing, and the value counts as used.
        with _translated():
            try:
                return attempt()
            except DBAPIError as exc:
                if _is_read_only(exc):
                    self._db.engine.dispose()
                elif not exc.connection_invalidated:
                    raise
        with _translated():
            return attempt()


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except _UncertainCommitError as exc:
        raise _storage_error(exc.__cause__) from exc.__cause__
    except SQLAlchemyError as exc:
        raise _storage_error(exc) from exc


class _UncertainCommitError(Exception):
    """COMMIT failed: the transaction may be complete, so there is no retry."""


def _is_read_only(error: DBAPIError) -> bool:
    return getattr(error.orig, "sqlite_errorname", "").startswith("SQLITE_READONLY")


_NO_TABLES = "tables or columns are missing; run: flask cimd create-tables, or the migrations of your app"
_NO_WRITES = "the database cannot be written; mend its permissions, or connect to the primary server"
#: SQLSTATEs of PostgreSQL: undefined table and column; a transaction that can only read.
_MISSING, _READ_ONLY = ("42P01", "42703"), "25006"
#: The words of SQLite: it has one error code for all faults of a statement.
_SQLITE_MISSING = ("no such table", "no such column", "has no column named")


def _storage_error(cause: BaseException | None) -> StorageError:
    if isinstance(cause, StatementError):
        cause.hide_parameters = True  # a traceback in the log must not contain personal data
    original = getattr(cause, "orig", None) or cause
    error = storage_error_of(cause)
    logger.error("the storage failed: %s: %s", type(original).__name__, error)
    return error


def storage_error_of(cause: BaseException | None) -> StorageError:
    """Return the `StorageError` for an SQLAlchemy error; its slug separates temporary faults from those to fix."""
    original = getattr(cause, "orig", None) or cause
    sqlstate, is_sqlite = getattr(original, "sqlstate", None), hasattr(original, "sqlite_errorname")
    if sqlstate == _READ_ONLY or (isinstance(cause, DBAPIError) and _is_read_only(cause)):
        return StorageError("storage-read-only", hint=_NO_WRITES)
    if sqlstate in _MISSING or (is_sqlite and any(text in str(original) for text in _SQLITE_MISSING)):
        return StorageError("tables-missing", hint=_NO_TABLES)
    return StorageError("storage-unavailable", hint=type(original).__name__)

"""Calls of the app's own functions: a failure ends in `HookError`, and the log has the traceback."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from typing import NoReturn, TypeVar

from ..errors import HookError, UnavailableError

logger = logging.getLogger(__name__)

T = TypeVar("T")


def call_hook(name: str, work: Callable[[], T], answers: tuple[type[Exception], ...] = ()) -> T:
    """Return what a hook returns.

    Args:
        name: of the hook, for the log.
        work: calls the hook, and checks what it returns.
        answers: errors by which the hook ends the request on purpose, such as those of Flask's ``abort``.

    Raises:
        HookError: it failed.
        UnavailableError: it raised one itself.
    """
    try:
        return work()
    except UnavailableError:
        raise
    except Exception as exc:
        # request.form["x"] raises what is both an HTTPException and a KeyError: a mistake and no decision.
        if isinstance(exc, answers) and not isinstance(exc, KeyError):
            raise
        if _is_database_trouble(exc):
            # Every request fails while it lasts: a line each, also on a full disk.
            logger.error("the hook %s failed at its database: %s", name, type(exc).__name__)  # noqa: TRY400
        else:
            logger.exception("the hook %s failed", name)
        raise HookError("hook-failed", hint=name) from exc


def _is_database_trouble(error: Exception) -> bool:
    """Return whether an error of SQLAlchemy is about the server or the disk, and not about a statement of the app."""
    known = sys.modules.get("sqlalchemy.exc")  # an app without SQLAlchemy raises none of its errors
    if known is None or not isinstance(error, known.SQLAlchemyError):
        return False
    cause = getattr(error, "orig", None)
    # SQLite has one class for a full disk and a missing table, and PostgreSQL calls a replica an internal error.
    is_statement = getattr(cause, "sqlite_errorname", "") == "SQLITE_ERROR"
    is_trouble = isinstance(error, known.OperationalError | known.InterfaceError | known.TimeoutError)
    return (is_trouble and not is_statement) or getattr(cause, "sqlstate", "") == "25006"


def refuse_value(name: str, value: object, wanted: str) -> NoReturn:
    """Refuse what a hook returned; the log has its type, and not the value, which may be a secret.

    Raises:
        HookError: always.
    """
    logger.error("the hook %s returned a value of type %s; it must return %s", name, type(value).__name__, wanted)
    raise HookError("hook-failed", hint=name)

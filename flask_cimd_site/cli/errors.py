"""Errors of the commands: a sentence and an exit code, never a traceback."""

from __future__ import annotations

import errno
from typing import Any

import click
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from flask_cimd import ConfigurationError
from flask_cimd.stores import StoreError
from flask_cimd_site.backups import BackupError

YES, NO, USAGE, UNKNOWN_NOW = 0, 1, 2, 3
#: Errors of SQLite that do not go by themselves.
_LASTING = ("SQLITE_FULL", "SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_NOTADB", "SQLITE_CORRUPT")


class UnknownNowError(click.ClickException):
    """The result is unknown at the moment; exit code 3."""

    exit_code = UNKNOWN_NOW


class Commands(click.Group):
    """A group whose commands end in a sentence and an exit code, whatever they meet."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that was called."""
        try:
            return super().invoke(ctx)
        except BackupError as error:
            raise click.ClickException(f"{error} ({error.slug})") from error
        except ConfigurationError as error:
            raise click.ClickException(str(error)) from error
        except StoreError as error:
            raise UnknownNowError(f"Redis does not answer; nothing was changed: {error}") from error
        except SQLAlchemyError as error:
            raise of_database(error) from error
        except OSError as error:
            raise click.ClickException(words_of(error)) from error


def of_database(error: SQLAlchemyError) -> click.ClickException:
    """Return the error that ends a command: exit code 1 if the fault stays, else 3."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    words = str(cause).strip().partition("\n")[0] or type(cause).__name__
    name = getattr(cause, "sqlite_errorname", "")
    lasts = name.startswith(_LASTING) or not isinstance(error, DBAPIError)
    kind = click.ClickException if lasts else UnknownNowError
    return kind(f"the database cannot be used: {words}")


def words_of(error: OSError) -> str:
    """Return what happened to which file."""
    if error.errno == errno.ENOSPC:
        return "the disk is full; nothing was changed"
    named = f": {error.filename}" if error.filename else ""
    return f"{error.strerror or type(error).__name__}{named}"

"""Parts that the commands share."""

from __future__ import annotations

import contextlib
import json
import sys
from typing import Any

import click
from flask import Flask, current_app
from flask.cli import ScriptInfo

from .. import CIMD, CIMDError, ConfigurationError, StorageError
from ..clients import StoreError
from ..core.text import clean_text

#: Exit codes of every command; click itself gives 2 for wrong usage, an app that is not set up included.
YES, NO, USAGE, UNKNOWN_NOW = 0, 1, 2, 3

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


class UnknownNowError(click.ClickException):
    """The result is unknown at the moment; exit code 3."""

    exit_code = UNKNOWN_NOW


#: Faults of a storage that an operator must mend: they do not go by.
_LASTING = ("tables-missing", "storage-read-only")


def refused(error: CIMDError, message: str) -> click.ClickException:
    """Return the exception that ends a command: exit code 3 if the command may work later, else 1."""
    may_work_later = error.temporary and error.slug not in _LASTING
    return UnknownNowError(safe(message)) if may_work_later else click.ClickException(safe(message))


def storage_fault(error: BaseException) -> StorageError | None:
    """Return an error of SQLAlchemy, as an app's factory or own look-up lets it out, as ours; else ``None``."""
    if "sqlalchemy" not in sys.modules:
        return None
    from sqlalchemy.exc import SQLAlchemyError

    if not isinstance(error, SQLAlchemyError):
        return None
    from ..provider._database import storage_error_of

    return storage_error_of(error)


class Translated(click.Group):
    """A group whose commands end in a sentence and an exit code, whatever they meet: never in a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that was called."""
        try:
            return super().invoke(ctx)
        except CIMDError as error:
            if isinstance(error.__cause__, StoreError):
                raise _store_refused(ctx, error.__cause__) from error
            raise refused(error, str(error)) from error
        except StoreError as error:
            raise _store_refused(ctx, error) from error
        except ConfigurationError as error:
            raise click.ClickException(str(error)) from error
        except PermissionError as error:
            raise click.ClickException(f"no permission: {error.filename}") from error
        except Exception as error:
            if (fault := storage_fault(error)) is None:
                raise
            raise refused(fault, f"the database cannot be used: {fault}") from error


def _store_refused(ctx: click.Context, error: StoreError) -> click.ClickException:
    info = ctx.find_object(ScriptInfo)
    app = None
    with contextlib.suppress(Exception):  # the factory itself may have met the fault
        app = None if info is None else info.load_app()
    if app is not None and "sqlalchemy" in app.extensions:
        from ..provider import missing_tables

        with app.app_context(), contextlib.suppress(CIMDError):
            if missing := missing_tables(app.extensions["sqlalchemy"]):
                return click.ClickException(f"the database lacks {', '.join(missing)}; run: flask cimd create-tables")
    return UnknownNowError(f"the store does not answer: {error}")


def extension() -> CIMD:
    """Return the current app's extension.

    Raises:
        click.UsageError: the app has none.
    """
    found: CIMD | None = current_app.extensions.get("cimd")
    if found is None:
        raise click.UsageError("this app has no CIMD extension; call cimd.init_app(app) in its factory")
    return found


def sites_of(app: Flask) -> list[Any]:
    """Return the providers of an app, as `flask_cimd.provider` opened them; empty without one."""
    return list(app.extensions.get("cimd_providers", ()))


#: Characters of one line on a terminal; a client URL has up to 2048.
_LONGEST_LINE = 8192


def safe(text: str) -> str:
    """Return text on one line for a terminal: without control, bidirectional and invisible characters."""
    return clean_text(text, _LONGEST_LINE)


def print_json(value: Any) -> None:
    """Print a value as JSON in ASCII: escaped, remote text changes nothing on a terminal."""
    click.echo(json.dumps(value, indent=2))

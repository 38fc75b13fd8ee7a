"""Parts that the commands share."""

from __future__ import annotations

import json
from typing import Any

import click
from flask import current_app

from .. import CIMD, CIMDError

#: Exit codes of every command; click itself gives 2 for wrong usage, an app that is not set up included.
YES, NO, USAGE, UNKNOWN_NOW = 0, 1, 2, 3

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


class UnknownNowError(click.ClickException):
    """The result is unknown at the moment; exit code 3."""

    exit_code = UNKNOWN_NOW


def refused(error: CIMDError, message: str) -> click.ClickException:
    """Return the exception that ends a command: exit code 3 if the command may work later, else 1."""
    return UnknownNowError(message) if error.temporary else click.ClickException(message)


def extension() -> CIMD:
    """Return the current app's extension.

    Raises:
        click.UsageError: the app has none.
    """
    found: CIMD | None = current_app.extensions.get("cimd")
    if found is None:
        raise click.UsageError("this app has no CIMD extension; call cimd.init_app(app) in its factory")
    return found


def print_json(value: Any) -> None:
    """Print a value as JSON."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))

"""What the commands share."""

from __future__ import annotations

import json
from typing import Any

import click
from flask import current_app

from ..extension import CIMD

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def extension() -> CIMD:
    """Return the current app's extension.

    Raises:
        click.ClickException: the app has none.
    """
    found: CIMD | None = current_app.extensions.get("cimd")
    if found is None:
        raise click.ClickException("this app has no CIMD extension; call cimd.init_app(app) in its factory")
    return found


def print_json(value: Any) -> None:
    """Print a value as JSON."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))

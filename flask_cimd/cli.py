"""``flask cimd …``: the command group. A command lives in a module of its own, listed in `MODULES`.

Commands print plain lines, or JSON with ``--json``. Exit codes: 0 done, 1 not so (unknown, invalid, unreachable),
2 wrongly called.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click
from flask import Flask, current_app
from flask.cli import AppGroup

if TYPE_CHECKING:
    from .extension import CIMD

#: Modules with a tuple ``COMMANDS``, for every app that has the extension.
MODULES = ("cli_clients", "cli_explain", "cli_policy")

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def register(app: Flask, commands: Iterable[click.Command]) -> None:
    """Add commands to the app's group ``cimd``."""
    group = app.cli.commands.get("cimd")
    if not isinstance(group, click.Group):
        group = AppGroup("cimd", help="OAuth clients that identify themselves by URL.")
        app.cli.add_command(group)
    for command in commands:
        group.add_command(command)


def register_all(app: Flask) -> None:
    """Add every command that works on the app's clients."""
    for name in MODULES:
        register(app, import_module(f".{name}", __package__).COMMANDS)


def extension() -> CIMD:
    """Return the current app's extension."""
    found: CIMD = current_app.extensions["cimd"]
    return found


def print_json(value: Any) -> None:
    """Print a value as JSON."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))

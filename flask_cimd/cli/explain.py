"""``flask cimd explain``, and the same without an app: ``python -m flask_cimd``."""

from __future__ import annotations

import sys

import click
from flask import Flask
from flask.cli import with_appcontext

from .. import CIMD
from ..clients.explanation import plain_text
from .check import check, program
from .shared import extension, json_option

_HELP = (
    "Check CLIENT_ID step by step as a sign-in does. Exit codes: 0 usable, 1 refused, 2 usage, 3 cannot be read now."
)


def _run(client_id: str, *, as_json: bool) -> None:
    found = extension().explain(client_id)
    click.echo(found.to_json() if as_json else "\n".join(plain_text(found)))
    sys.exit(found.exit_code)


@click.command("explain", help=_HELP)
@click.argument("client_id")
@json_option
@with_appcontext
def explain_client(client_id: str, *, as_json: bool) -> None:
    """Explain one client with the app's settings."""
    _run(client_id, as_json=as_json)


@click.command("explain", help=_HELP)
@click.argument("client_id")
@json_option
def explain_without_server(client_id: str, *, as_json: bool) -> None:
    """Explain one client with a server's default settings and ``private_key_jwt`` enabled."""
    app = Flask("flask_cimd")
    app.config["CIMD_AUTH_METHODS"] = ("none", "private_key_jwt")
    app.config.from_prefixed_env()
    CIMD(app)
    with app.app_context():
        _run(client_id, as_json=as_json)


main = program(explain_without_server)

COMMANDS = (explain_client, check)

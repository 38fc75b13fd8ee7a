"""``flask-cimd-site serve``: gunicorn with the site's settings."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click
from flask.cli import ScriptInfo

import flask_cimd_site
from flask_cimd_site import logs, schema
from flask_cimd_site.cli.database import engine_of
from flask_cimd_site.cli.folder import folder_of
from flask_cimd_site.config import Configuration

_SETTINGS = Path(flask_cimd_site.__file__).with_name("serving.py")


@click.command("serve")
@click.pass_obj
def serve(info: ScriptInfo) -> None:
    """Serve the site with gunicorn, in the foreground, on DEMO_HOST and DEMO_PORT.

    WEB_CONCURRENCY sets the number of processes, GUNICORN_CMD_ARGS all else. The schema is brought up to date first.
    """
    environment = folder_of(info).environment()
    configuration = Configuration.from_environment(environment)
    logs.set_up(environment)
    with engine_of(configuration) as engine:
        schema.upgrade(engine)
    _become_gunicorn(environment)


def _become_gunicorn(environment: dict[str, str]) -> None:
    """Replace this process, so that signals reach gunicorn itself."""
    command = [sys.executable, "-m", "gunicorn", "--config", str(_SETTINGS), "flask_cimd_site:create_app()"]
    sys.stdout.flush()
    os.execve(sys.executable, command, environment)  # noqa: S606  no shell is wanted

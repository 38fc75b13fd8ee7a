"""``flask-cimd-site``: make, run, check, back up, restore and upgrade one personal site.

Exit codes are those of ``flask cimd``: 0 yes, 1 no, 2 wrong usage, 3 cannot be known now (not reachable).
"""

from __future__ import annotations

import os
from importlib.metadata import entry_points
from pathlib import Path

import click
from flask import Flask
from flask.cli import ScriptInfo

from flask_cimd_site import create_app
from flask_cimd_site.account.commands import commands as owner
from flask_cimd_site.cli.backing_up import backup, restore, upgrade
from flask_cimd_site.cli.checking import check
from flask_cimd_site.cli.errors import Commands
from flask_cimd_site.cli.folder import ENVIRONMENT_FILE, Folder, become_owner
from flask_cimd_site.cli.making import init
from flask_cimd_site.cli.serving import serve
from flask_cimd_site.provider.resource_servers import commands as resource_server

__all__ = ["main"]


@click.group(cls=Commands)
@click.option(
    "-d",
    "--directory",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="FLASK_CIMD_SITE_DIRECTORY",
    help=f"The directory that init made; by default the current one, if it holds {ENVIRONMENT_FILE}. Without either, "
    "the environment of the process alone configures the site.",
)
@click.version_option(package_name="flask-cimd", prog_name="flask-cimd-site")
@click.pass_context
def main(context: click.Context, directory: Path | None) -> None:
    """Make, run and look after a personal site."""
    os.umask(0o077)  # whatever is written here is the owner's alone
    folder = Folder.find(directory)
    if folder.path is not None and folder.path.is_dir() and context.invoked_subcommand != init.name:
        become_owner(folder.path)
    info = ScriptInfo(create_app=lambda: _create(folder))
    info.data["folder"] = folder
    context.obj = info


def _create(folder: Folder) -> Flask:
    os.environ["FLASK_RUN_FROM_CLI"] = "true"  # a site without an owner prints no secret beside the output of a command
    return create_app(folder.environment())


@click.command("sweep")
@click.pass_obj
def sweep(info: ScriptInfo) -> None:
    """Delete events, posts and tokens of scripts whose time is over; prints how many rows."""
    app = info.load_app()
    with app.app_context():
        app.cli.commands["sweep"].main([], standalone_mode=False, obj=info)


for _command in (init, serve, check, backup, restore, upgrade, owner, resource_server, sweep):
    main.add_command(_command)
for _point in entry_points(group="flask.commands", name="cimd"):
    main.add_command(_point.load())

"""``flask-cimd-site init``: the directory of a new site."""

from __future__ import annotations

import getpass
import os
import pwd
import secrets
import shutil
from pathlib import Path
from urllib.parse import urlsplit

import click
from flask.cli import ScriptInfo

from flask_cimd import ConfigurationError
from flask_cimd_site.cli import templates
from flask_cimd_site.cli.folder import ENVIRONMENT_FILE, folder_of, write_private
from flask_cimd_site.cli.templates import Values
from flask_cimd_site.config import Configuration

_ENVIRONMENT = """\
# The personal site at {base_url}: read by flask-cimd-site. Keep it private: the key signs cookies.
# All variables: reference, "Settings of the personal site". Restart the site after a change.
DEMO_BASE_URL={base_url}
DEMO_SECRET_KEY={key}
DEMO_HOST=127.0.0.1
DEMO_PORT={port}
"""
_PRODUCTION = """\
# One proxy on this computer sets X-Forwarded-For, as the files for nginx and Caddy do.
DEMO_TRUSTED_PROXIES=1
"""
_DEVELOPMENT = """\
# For a try on this computer: http, and apps on loopback. Never for others.
DEMO_DEVELOPMENT=1
DEMO_FIRST_RUN=1
"""
_DATABASE = """\
DEMO_DATABASE_URL={url}
"""
_NEXT = """\
{directory} holds {files}.

Next:
  {program} serve         # or as a service, see below
  {program} owner set-up  # in another terminal: prints a secret
and enter the secret at {base_url}/first-run
"""
_SERVICE = """
As a service:
  sudo sh -c 'install -m 0644 {directory}/flask-cimd-site* /etc/systemd/system/'
  sudo systemctl enable --now flask-cimd-site flask-cimd-site-backup.timer
Behind nginx (nginx.conf goes into /etc/nginx/conf.d/) or Caddy (Caddyfile into /etc/caddy/).
`{program} check` says what is missing.
"""


@click.command("init")
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False), required=False)
@click.option("--domain", help="Domain of the site, such as me.example; asked for by default.")
@click.option("--port", type=click.IntRange(1, 65535), default=5000, show_default=True, help="Port on this computer.")
@click.option("--database-url", help="PostgreSQL, such as postgresql://me@127.0.0.1/me; by default a SQLite file.")
@click.option("--user", help="Whom the service runs as; by default you. As root, the files are given to this user.")
@click.option("--development", is_flag=True, help="For a try on this computer: no domain, no TLS.")
@click.option("--force", is_flag=True, help="Overwrite the files of an earlier run: the secret key, too.")
@click.pass_obj
def init(
    info: ScriptInfo,
    directory: Path | None,
    *,
    domain: str | None,
    port: int,
    database_url: str | None,
    user: str | None,
    development: bool,
    force: bool,
) -> None:
    """Make DIRECTORY for a new site: environment file, systemd units, lines for nginx and Caddy.

    Data and backups will lie in it as well. Nothing is overwritten without --force; data never are.
    """
    directory = directory or folder_of(info).path
    if directory is None:
        raise click.UsageError("name the directory: flask-cimd-site init DIRECTORY")
    owner = _user(user)
    base_url = f"http://localhost:{port}" if development else _base_url(domain or _ask())
    text = _environment(base_url, port, database_url, development=development)
    directory = directory.resolve()
    values = Values(host=urlsplit(base_url).netloc, port=port, directory=directory, user=owner or getpass.getuser())
    files = {ENVIRONMENT_FILE: text}
    if not development:
        files |= {name: templates.filled_in(name, values) for name in templates.NAMES}
    _write(directory, files, owner, force=force)
    said = _NEXT if development else _NEXT + _SERVICE
    program = f"{'sudo ' if owner else ''}{_program()} -d {directory}"
    click.echo(said.format(directory=directory, files=", ".join(files), base_url=base_url, program=program), nl=False)
    if values.user == "root" and not development:
        click.echo("\nThe service would run as root: make a user for it, and pass --user NAME --force.", err=True)


def _program() -> str:
    """Return how this person calls the command."""
    own = templates.program()
    return own.name if shutil.which(own.name) == str(own) else str(own)


def _ask() -> str:
    return str(click.prompt("Domain of the site, such as me.example"))


def _base_url(domain: str) -> str:
    host = domain.strip().removeprefix("https://").removesuffix("/").lower()
    if not host or "://" in host:
        raise click.UsageError("the domain is a name such as me.example")
    return f"https://{host}"


def _environment(base_url: str, port: int, database_url: str | None, *, development: bool) -> str:
    text = _ENVIRONMENT.format(base_url=base_url, key=secrets.token_hex(32), port=port)
    text += _DEVELOPMENT if development else _PRODUCTION
    if database_url:
        text += _DATABASE.format(url=database_url)
    variables = dict(line.split("=", 1) for line in text.splitlines() if not line.startswith("#"))
    try:
        Configuration.from_environment({"DEMO_DATABASE_URL": "sqlite://", **variables})
    except ConfigurationError as exc:
        raise click.UsageError(str(exc)) from exc
    return text


def _user(name: str | None) -> str | None:
    """Return the name if such a user exists."""
    if name is None:
        return None
    try:
        pwd.getpwnam(name)
    except KeyError as exc:
        raise click.UsageError(
            f"there is no user {name}; make it with: useradd --system --shell /usr/sbin/nologin {name}"
        ) from exc
    return name


def _write(directory: Path, files: dict[str, str], owner: str | None, *, force: bool) -> None:
    present = [name for name in files if (directory / name).exists()]
    if present and not force:
        raise click.ClickException(
            f"{directory} holds {', '.join(present)}; nothing was changed. --force overwrites them, the secret key, too"
        )
    folders = (directory, directory / "data", directory / "backups")
    for folder in folders:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, text in files.items():
        write_private(directory / name, text, replace=force)
    if owner is not None and os.getuid() == 0:
        for path in (*folders, *(directory / name for name in files)):
            shutil.chown(path, owner, pwd.getpwnam(owner).pw_gid)

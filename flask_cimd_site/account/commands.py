"""``flask-cimd-site owner …``: the account from the terminal, for an owner who cannot log in."""

from __future__ import annotations

import click
from flask import Flask
from flask.cli import AppGroup

from flask_cimd_site.account import known_browsers, passkeys, passwords, secrets, sessions
from flask_cimd_site.activity import Kind, record
from flask_cimd_site.config import SHORTEST_PASSWORD
from flask_cimd_site.services import services

commands = AppGroup("owner", help="The account of the site's owner.")


def init_app(app: Flask) -> None:
    """Register the commands."""
    app.cli.add_command(commands)


@commands.command("set-password")
@click.password_option(help="The new password; without it, you are asked for it.")
def set_password(password: str) -> None:
    """Set the password, end every session and forget every browser."""
    now = services().clock()
    if not passwords.is_long_enough(password):
        raise click.ClickException(f"the password must have {SHORTEST_PASSWORD} to {passwords.LONGEST} characters")
    if not passwords.has_account():
        passwords.create(None, now)
    passwords.change(password, now)
    known_browsers.forget_all()
    ended = sessions.end_all()
    record(Kind.PASSWORD_CHANGED, detail=f"by command; sessions ended: {ended}")
    click.echo(f"The password is set. Sessions that were ended: {ended}.")


@commands.command("recover")
def recover() -> None:
    """Print a link that logs in once, within 15 minutes."""
    if not passwords.has_account():
        raise click.ClickException("this site has no owner yet; run `flask-cimd-site owner set-up`")
    here = services()
    secret = secrets.new(secrets.Kind.LINK, secrets.LINK_LIFE, here.clock())
    click.echo(f"{here.configuration.base_url}/login/link?secret={secret}")
    click.echo("Good once, for 15 minutes. Whoever has this link can log in.", err=True)


@commands.command("set-up")
def set_up() -> None:
    """Print a new secret for the first run, good for an hour."""
    if passwords.has_account():
        raise click.ClickException("this site has an owner; run `flask-cimd-site owner recover`")
    click.echo(secrets.new(secrets.Kind.SET_UP, secrets.SET_UP_LIFE, services().clock()))


@commands.command("sessions")
@click.option("--end-all", is_flag=True, help="End all of them.")
def list_sessions(end_all: bool) -> None:
    """List where the owner is logged in."""
    for found in sessions.living():
        click.echo(
            f"{found.id}  {found.seen_at:%Y-%m-%d %H:%M} UTC  {found.browser}  {found.network}  by {found.method}"
        )
    if end_all:
        click.echo(f"Sessions that were ended: {sessions.end_all()}.")
        record(Kind.SESSION_ENDED, detail="all, by command")


@commands.command("passkeys")
@click.option("--remove", type=int, metavar="ID", help="Remove the passkey with this id.")
def list_passkeys(remove: int | None) -> None:
    """List the passkeys."""
    if remove is not None:
        name = passkeys.remove(remove)
        if name is None:
            raise click.BadParameter("no passkey has this id", param_hint="--remove")
        record(Kind.PASSKEY_REMOVED, detail=f"{name}, by command")
    for found in passkeys.all_passkeys():
        used = f"{found.used_at:%Y-%m-%d %H:%M} UTC" if found.used_at else "never"
        click.echo(f"{found.id}  {found.name}  last used {used}")

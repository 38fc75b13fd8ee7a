"""``flask cimd keys``: rotate the keys of an app that is itself a client."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import click
from flask import current_app
from flask.cli import AppGroup

from ..publish.key_file import Algorithm, KeyFile

_file_option = click.option(
    "--file", "path", type=click.Path(dir_okay=False, path_type=Path), help="The key file, if not the app's own."
)


keys = AppGroup("keys", help="Rotate the keys of this app's own client metadata document.")


@keys.command("new")
@click.option("--alg", type=click.Choice(["ES256", "RS256", "PS256", "EdDSA"]), default="ES256", show_default=True)
@_file_option
def new(alg: str, path: Path | None) -> None:
    """Add a key. It is published at once, and signs after servers have had time to read it."""
    click.echo(_key_file(path).create(cast("Algorithm", alg)).kid)


# Keys of earlier versions may have a name that begins with a dash.
@keys.command("retire", context_settings={"ignore_unknown_options": True})
@click.argument("kid")
@_file_option
def retire(kid: str, path: Path | None) -> None:
    """Remove a key; servers then refuse its signatures."""
    try:
        _key_file(path).retire(kid)
    except KeyError:
        raise click.ClickException(f"no key is called {kid}") from None
    except ValueError as exc:
        raise click.ClickException(str(exc)) from None


@keys.command("list")
@_file_option
def show(path: Path | None) -> None:
    """List the keys, oldest first: name, algorithm and creation time."""
    for entry in _key_file(path).entries():
        click.echo(f"{entry.kid} {entry.alg} {entry.created_at:%Y-%m-%dT%H:%M:%SZ}")


def _key_file(path: Path | None) -> KeyFile:
    if path is not None:
        return KeyFile(path)
    for client in current_app.extensions.get("cimd_published", ()):
        if client.keys is not None:
            found: KeyFile = client.keys
            return found
    raise click.UsageError("this app publishes no client with keys; name the file with --file")


COMMANDS = (keys,)

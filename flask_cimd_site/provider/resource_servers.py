"""Resource servers of other people: ``flask-cimd-site resource-server add NAME RESOURCE_URL``."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

import click
from flask import Flask
from flask.cli import AppGroup

from flask_cimd.core import safe_text
from flask_cimd.oauth import Resource, ResourceServer
from flask_cimd_site.provider.resources import own_resources
from flask_cimd_site.provider.scopes import SCOPES
from flask_cimd_site.services import services

commands = AppGroup("resource-server", help="Other servers that accept this site's tokens and may introspect them.")


def init_app(app: Flask) -> None:
    """Register the commands."""
    app.cli.add_command(commands)


def named_resources() -> dict[str, str]:
    """Return every resource that tokens can be requested for, besides the issuer, with its name."""
    own = own_resources(services().configuration)
    others = sorted((name, server.resource) for name, server in services().storage.resource_servers())
    return {identifier: resource.name for identifier, resource in own.items()} | {url: name for name, url in others}


class SiteResources:
    """Resources that tokens can be requested for: the site's own, and those of the registered resource servers.

    Args:
        own: the site's own resources by identifier.
    """

    def __init__(self, own: Mapping[str, Resource]) -> None:
        self._own = own

    def get(self, identifier: str, /) -> Resource | None:
        """Return a resource, or ``None`` if no tokens are issued for it."""
        if identifier in self._own:
            return self._own[identifier]
        if not Resource.is_identifier(identifier):
            return None
        servers = services().storage.resource_servers()
        name = next((name for name, server in servers if server.resource == identifier), None)
        if name is None:
            return None
        return Resource(identifier=identifier, name=name, scopes=tuple(SCOPES), default_scope=("profile",))


def let_in(name: str, resource_url: str) -> tuple[ResourceServer, str]:
    """Let a server introspect the tokens for a URL; return it with its secret, of which only a digest is stored."""
    server, secret = ResourceServer.create(resource_url)
    here = services()
    here.storage.add_resource_server(server, safe_text(name), here.clock())
    return server, secret


def turn_away(server_id: str) -> bool:
    """Remove a resource server; ``False`` if there is none with this id."""
    return services().storage.remove_resource_server(server_id)


@commands.command("add")
@click.argument("name")
@click.argument("resource_url")
def add(name: str, resource_url: str) -> None:
    """Let a server introspect the tokens for RESOURCE_URL; prints its id and secret, once."""
    if not Resource.is_identifier(resource_url) or not _is_protected(resource_url):
        raise click.BadParameter("must be an absolute https URL without a fragment", param_hint="RESOURCE_URL")
    server, secret = let_in(name, resource_url)
    click.echo(f"id={server.id}\nsecret={secret}")


@commands.command("list")
def show() -> None:
    """Print id, name and URL of every resource server."""
    for name, server in services().storage.resource_servers():
        click.echo(f"{server.id}  {name}  {server.resource}")


@commands.command("remove")
@click.argument("server_id")
def remove(server_id: str) -> None:
    """Remove a resource server; no more tokens are issued for its URL."""
    if not turn_away(server_id):
        raise click.BadParameter("no resource server has this id", param_hint="SERVER_ID")


def _is_protected(url: str) -> bool:
    """RFC 6750 §5.3: bearer tokens need TLS; this computer is the exception."""
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in ("127.0.0.1", "::1", "localhost"))

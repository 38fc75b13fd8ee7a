"""``flask cimd grants`` and ``registrations``: what people approved, and who registered, for an operator."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import click
from flask import current_app
from flask.cli import AppGroup, with_appcontext

from .shared import json_option, print_json, safe, sites_of

if TYPE_CHECKING:  # the provider needs the extra sqlalchemy, and the commands do not
    from ..provider.site import Site

#: Rows of one page at most.
_MOST = 1000
_issuer_option = click.option("--issuer", help="The provider, if the app has several.")
_limit_option = click.option("--limit", default=100, show_default=True, type=click.IntRange(1, _MOST))

grants = AppGroup("grants", help="What people approved: list it, end it.")
registrations = AppGroup("registrations", help="Clients that registered themselves: list them, remove them.")


@grants.command("list")
@click.option("--client", "client_id", help="Only of this client.")
@click.option("--subject", help="Only of this person.")
@click.option("--after", default="", help="The id of the last grant of the page before.")
@_limit_option
@_issuer_option
@json_option
@with_appcontext
def list_grants(
    client_id: str | None, subject: str | None, after: str, limit: int, issuer: str | None, *, as_json: bool
) -> None:
    """List living grants: id, client, person, scopes, then the instants of approval, last use and end.

    Exit code 1 if --client or --subject matches nothing.
    """
    site = _site(issuer)
    storage = _ability(site, "grants")
    found = storage(site.clock(), subject=subject, client_id=client_id, after=after, limit=limit + 1)
    rows = [_grant_members(living) for living in found[:limit]]
    columns = ("id", "client_id", "subject", "scope", "created_at", "last_used", "ends_at")
    _print_page("grants", rows, columns, rows[-1]["id"] if len(found) > limit else None, as_json=as_json)
    if not rows and (client_id or subject) is not None:
        raise click.exceptions.Exit(1)


def _grant_members(living: Any) -> dict[str, Any]:
    grant = living.grant
    return {
        "id": grant.id,
        "client_id": grant.client_id,
        "client_name": grant.client.client_name if grant.client else None,
        "subject": grant.subject,
        "scope": grant.scope,
        "resource": list(grant.resource),
        "redirect_uri": grant.redirect_uri,
        "created_at": grant.created_at.isoformat(timespec="seconds"),
        "last_used": living.last_used.isoformat(timespec="seconds"),
        "ends_at": living.ends_at.isoformat(timespec="seconds"),
    }


@grants.command("revoke")
@click.option("--client", "client_id", help="Those of this client.")
@click.option("--subject", help="Those of this person.")
@click.option("--all", "everything", is_flag=True, help="Those of everybody.")
@_issuer_option
@json_option
@with_appcontext
def revoke_grants(
    client_id: str | None, subject: str | None, issuer: str | None, *, everything: bool, as_json: bool
) -> None:
    """End grants with all their codes and tokens: of a client, of a person, or of a client of a person.

    Exit code 1 if nothing was left to end.
    """
    is_chosen = client_id is not None or subject is not None
    if is_chosen is everything:
        raise click.UsageError("name --client, --subject or both; or --all for everybody")
    site = _site(issuer)
    now = site.clock()
    if client_id is not None:
        number = _ability(site, "revoke_client")(subject, client_id, now)
    elif subject is not None:
        number = _ability(site, "revoke_subject")(subject, now)
    else:
        number = _ability(site, "revoke_all")(now)
    if as_json:
        print_json({"revoked": number})
    else:
        click.echo(f"{number} grants ended")
    if not number:
        raise click.exceptions.Exit(1)


@registrations.command("list")
@click.option("--after", default="", help="The client_id of the last registration of the page before.")
@_limit_option
@_issuer_option
@json_option
@with_appcontext
def list_registrations(after: str, limit: int, issuer: str | None, *, as_json: bool) -> None:
    """List clients that registered themselves: identifier, name, redirect URIs, instant. Nobody has checked them."""
    site = _site(issuer)
    found = _ability(site, "registrations")(site.clock(), after=after, limit=limit + 1)
    rows = [_registration_members(kept) for kept in found[:limit]]
    columns = ("client_id", "client_name", "redirect_uris", "created_at")
    last = rows[-1]["client_id"] if len(found) > limit else None
    _print_page("registrations", rows, columns, last, as_json=as_json)


def _registration_members(kept: Any) -> dict[str, Any]:
    members = json.loads(kept.members)
    return {
        "client_id": kept.client_id,
        "client_name": members.get("client_name"),
        "redirect_uris": members.get("redirect_uris", []),
        "created_at": kept.created_at.isoformat(timespec="seconds"),
    }


@registrations.command("remove")
@click.argument("client_ids", nargs=-1, required=True)
@_issuer_option
@with_appcontext
def remove_registrations(client_ids: tuple[str, ...], issuer: str | None) -> None:
    """Forget the registrations of CLIENT_IDS; their grants live on until flask cimd grants revoke --client ends them.

    Exit code 1 if one of them is not registered.
    """
    remove = _ability(_site(issuer), "remove")
    unknown = [client_id for client_id in client_ids if not remove(client_id)]
    if unknown:
        raise click.ClickException("not registered: " + safe(" ".join(unknown)))


COMMANDS = (grants, registrations)


def _site(issuer: str | None) -> Site:
    sites = sites_of(current_app)
    if not sites:
        raise click.UsageError("this app has no Provider; call provider.init_app(app, ...) in its factory")
    chosen = [site for site in sites if issuer in (None, site.issuer)]
    if len(chosen) != 1:
        raise click.UsageError("name one with --issuer: " + " ".join(site.issuer for site in sites))
    site: Site = chosen[0]
    return site


def _ability(site: Site, name: str) -> Callable[..., Any]:
    found: Callable[..., Any] | None = getattr(site.storage, name, None)
    if found is None:
        raise click.UsageError(f"the storage {type(site.storage).__name__} has no method {name}")
    return found


def _print_page(
    name: str, rows: list[dict[str, Any]], columns: Iterable[str], last: str | None, *, as_json: bool
) -> None:
    if as_json:
        print_json({name: rows, "next": last})
        return
    for row in rows:
        click.echo("\t".join(_cell(row[column]) for column in columns))
    if last is not None:
        click.echo(f"there are more: --after {last}", err=True)


def _cell(value: Any) -> str:
    return safe(" ".join(map(str, value)) if isinstance(value, list) else str(value or "")) or "-"

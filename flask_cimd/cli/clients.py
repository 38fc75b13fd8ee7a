"""``flask cimd clients list|show|refresh|forget``, also without ``clients``: the clients that the store keeps."""

from __future__ import annotations

import json
from datetime import datetime
from itertools import islice
from typing import Any

import click
from flask import current_app
from flask.cli import AppGroup, with_appcontext

from .. import CIMD, CIMDError
from ..clients import Entry
from ..core.display import safe_text
from ..core.identifier import parse_identifier
from .shared import extension, json_option, print_json, refused, safe, sites_of

#: Grants of one client that are counted at most.
_COUNTED = 100


@click.command("list")
@click.option(
    "--limit", default=1000, show_default=True, type=click.IntRange(1, 1_000_000), help="Most clients to print."
)
@json_option
@with_appcontext
def list_clients(limit: int, *, as_json: bool) -> None:
    """List the stored clients: URL, freshness and name."""
    cimd = extension()
    now = cimd.clock()
    found = [(client_id, _entry(cimd, client_id)) for client_id in islice(cimd.store, limit)]
    entries = [entry for _, entry in found if entry is not None]
    if as_json:
        print_json([_summary(entry, now) for entry in entries])
        return
    for entry in entries:
        state = "fresh" if entry.is_fresh(now) else "stale"
        click.echo("\t".join((entry.metadata.client_id, state, safe_text(entry.metadata.client_name))))
    kept = len(cimd.store)
    if kept > limit:
        click.echo(f"{kept - limit} more; --limit prints more of them", err=True)


@click.command("show")
@click.argument("client_id")
@json_option
@with_appcontext
def show_client(client_id: str, *, as_json: bool) -> None:
    """Show what is known of CLIENT_ID: the stored copy, tier and pin, its registration, how many grants it has.

    Exit code 1 if neither store nor providers know it.
    """
    cimd = extension()
    entry = _entry(cimd, client_id)
    providers = [_at_provider(site, client_id) for site in sites_of(current_app)]
    known = [told for told in providers if told["registered_at"] or told["grants"]]
    if entry is None and not known:
        raise click.ClickException("the store keeps no such client, and no provider knows it")
    members = {"client_id": client_id, **_stored(cimd, entry), "providers": known}
    if as_json:
        print_json(members)
        return
    metadata, providers = members.pop("metadata", {}), members.pop("providers")
    for name, value in {**members, **metadata}.items():
        if value not in (None, [], "{}", False):
            click.echo(f"{name}: {safe(_line(value))}")
    for told in providers:
        more = "more than " if told["has_more"] else ""
        registered = f", registered {told['registered_at']}" if told["registered_at"] else ""
        click.echo(f"at {told['issuer']}: {more}{told['grants']} living grants{registered}")


def _stored(cimd: CIMD, entry: Entry | None) -> dict[str, Any]:
    if entry is None:
        return {}
    identifier = entry.metadata.identifier
    return {
        **_summary(entry, cimd.clock()),
        "tier": str(cimd.admission.tier(identifier)),
        "pinned": cimd.admission.pin(identifier.raw) is not None,
        "metadata": json.loads(entry.metadata.to_json()),
    }


def _at_provider(site: Any, client_id: str) -> dict[str, Any]:
    """Return what a provider knows of a client; a storage of the app's own may not be able to tell."""
    now, storage = site.clock(), site.storage
    kept = storage.find(client_id, now) if hasattr(storage, "find") else None
    grants = storage.grants(now, client_id=client_id, limit=_COUNTED + 1) if hasattr(storage, "grants") else []
    return {
        "issuer": site.issuer,
        "registered_at": kept.created_at.isoformat(timespec="seconds") if kept else None,
        "grants": min(len(grants), _COUNTED),
        "has_more": len(grants) > _COUNTED,
    }


@click.command("refresh")
@click.argument("client_id")
@with_appcontext
def refresh_client(client_id: str) -> None:
    """Fetch CLIENT_ID now, even if the copy is fresh; a failed fetch keeps the copy unless the client is gone."""
    try:
        metadata = extension().resolver.refresh(client_id)
    except CIMDError as error:
        raise refused(error, _explained(error)) from error
    click.echo(f"{client_id}: read, it calls itself {safe_text(metadata.client_name) or 'nothing'}")


@click.command("forget")
@click.argument("client_ids", nargs=-1, required=True)
@with_appcontext
def forget_clients(client_ids: tuple[str, ...]) -> None:
    """Drop CLIENT_IDS from the store; they are fetched again when they next appear."""
    cimd = extension()
    unknown = [client_id for client_id in client_ids if _entry(cimd, client_id) is None]
    for client_id in client_ids:
        cimd.store.delete(client_id)
    if unknown:
        raise click.ClickException("not kept: " + " ".join(map(safe, unknown)))


clients = AppGroup("clients", help="The clients that the store keeps.")
for command in (list_clients, show_client, refresh_client, forget_clients):
    clients.add_command(command)

COMMANDS = (clients, list_clients, show_client, refresh_client, forget_clients)


def _entry(cimd: CIMD, client_id: str) -> Entry | None:
    try:
        return cimd.store.get(parse_identifier(client_id, cimd.settings.identifier_rules))
    except CIMDError:  # kept under wider rules than today's
        return None


def _summary(entry: Entry, now: datetime) -> dict[str, Any]:
    return {
        "client_id": entry.metadata.client_id,
        "client_name": entry.metadata.client_name,
        "fetched_at": entry.fetched_at.isoformat(timespec="seconds"),
        "expires_at": entry.expires_at.isoformat(timespec="seconds"),
        "fresh": entry.is_fresh(now),
    }


def _line(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def _explained(error: CIMDError) -> str:
    return f"{error.slug}: {error.hint}" if error.hint else error.slug

"""``flask cimd doctor``: whether a provider works as clients elsewhere find it, and what to mend."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click
from flask import Flask
from flask.cli import ScriptInfo

from .. import ConfigurationError, StorageError
from .doctor_inside import look_inside, storage_finding
from .findings import Finding, as_members, exit_code, line
from .shared import extension, json_option, print_json, sites_of, storage_fault

if TYPE_CHECKING:  # the provider needs the extra sqlalchemy, and the commands do not
    from ..provider.site import Site


@click.command("doctor")
@click.argument("url", required=False)
@json_option
@click.pass_context
def doctor(ctx: click.Context, url: str | None, *, as_json: bool) -> None:
    """Check configuration, tables, storage, key files, and the server as clients find it at URL (default: the issuer).

    It asks the server how its own requests arrive, by a signed question that is answered once. Exit codes: 0 all is
    well or only warnings, 1 something failed, 2 wrong usage, 3 something cannot be known now, such as an address that
    nothing answers.
    """
    findings = []
    for finding in _findings(ctx, url):
        findings.append(finding)
        if not as_json:
            click.echo(line(finding))
    if as_json:
        print_json(as_members(findings))
    sys.exit(exit_code(findings))


def _findings(ctx: click.Context, url: str | None) -> Iterator[Finding]:
    try:
        app: Flask = ctx.ensure_object(ScriptInfo).load_app()
    except click.ClickException:
        raise
    except Exception as error:  # noqa: BLE001  a factory raises anything
        yield _does_not_start(error)
        return
    with app.app_context():
        extension()
        sites = sites_of(app)
        origins = _origins(sites, url)
        yield from look_inside(app, sites)
        if origins:
            from .doctor_outside import look_from_outside

            for site, origin in origins:
                yield from look_from_outside(app, site, origin)


def _does_not_start(error: Exception) -> Finding:
    """Return the finding for an error of the app's factory, which is the first thing to mend."""
    cause = error.__cause__ if isinstance(error, ConfigurationError) else error
    fault = cause if isinstance(cause, StorageError) else storage_fault(error)
    if fault is not None:
        found = storage_finding(fault)
        return replace(found, text=f"the app does not start: {found.text}")
    text = "the app does not start"
    if isinstance(error, ConfigurationError):
        return Finding(check="configuration", outcome="failed", text=text, cure=str(error))
    # Its words may hold an address with a password, and the output may end in a log.
    text, cure = f"{text}: its factory raises {type(error).__name__}", "run flask routes, which shows the traceback"
    return Finding(check="configuration", outcome="failed", text=text, cure=cure)


def _origins(sites: list[Site], url: str | None) -> list[tuple[Site, str]]:
    """Return each provider with the origin at which it is looked at."""
    if url is None:
        return [(site, site.origin) for site in sites]
    try:
        parts = urlsplit(url)
    except ValueError as exc:
        raise click.UsageError("URL is an origin such as https://me.example, or the issuer") from exc
    issuers = {site.issuer for site in sites}
    is_origin = parts.scheme in ("https", "http") and parts.hostname and parts.path in ("", "/")
    if not (is_origin and not parts.query and not parts.fragment and parts.username is None) and url not in issuers:
        raise click.UsageError("URL is an origin such as https://me.example, or the issuer")
    if not sites:
        raise click.UsageError("this app has no Provider that could be looked at from outside")
    chosen = [site for site in sites if site.issuer == url] or sites
    return [(site, f"{parts.scheme}://{parts.netloc}") for site in chosen]


COMMANDS = (doctor,)

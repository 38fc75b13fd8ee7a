"""``flask cimd doctor``: whether a provider works as clients elsewhere find it, and what to mend."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click
from flask import Flask
from flask.cli import ScriptInfo

from .. import ConfigurationError
from .doctor_inside import look_inside
from .findings import Finding, as_members, exit_code, line
from .shared import extension, json_option, print_json, sites_of

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
    except ConfigurationError as error:  # what the app's factory refuses is the first thing to mend
        yield Finding(check="configuration", outcome="failed", text="the app does not start", cure=str(error))
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

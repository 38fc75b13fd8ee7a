"""Checks of ``flask cimd doctor`` that stay on this computer: configuration, tables, storage, columns, key files."""

from __future__ import annotations

import secrets
import stat
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flask import Flask
from joserfc.errors import JoseError

from .. import CIMD, ConfigurationError, StorageError
from ..clients import StoreError
from ..publish import KeyFile
from .findings import Finding

if TYPE_CHECKING:  # the provider needs the extra sqlalchemy, and the commands do not
    from ..provider.site import Site

#: Bytes of ``SECRET_KEY`` below which it can be guessed.
_SHORTEST_KEY = 16


def look_inside(app: Flask, sites: list[Site]) -> Iterator[Finding]:
    """Yield the findings; needs an app context."""
    cimd: CIMD = app.extensions["cimd"]
    is_public = any(site.issuer.startswith("https://") for site in sites)
    yield from _providers(sites)
    yield _secret_key(app, is_public=is_public)
    yield from _settings(app, cimd, is_public=is_public)
    for site in sites:
        yield from _storage(site, cimd)
    yield _client_store(cimd)
    yield from _columns(app)
    yield from _key_files(app)


def _providers(sites: list[Site]) -> Iterator[Finding]:
    if not sites:
        yield Finding(
            check="provider",
            outcome="warning",
            text="this app has no Provider, so its documents, storage and proxy are not looked at",
            cure="call provider.init_app(app, ...) in the factory if it should have one",
        )
    for site in sites:
        if site.issuer.startswith("https://"):
            yield Finding(check="issuer", outcome="ok", text=f"{site.issuer} at the prefix {site.prefix or '/'}")
        else:
            yield Finding(
                check="issuer",
                outcome="warning",
                text=f"{site.issuer} is for development: no client elsewhere can reach it",
                cure="pass the public https address as issuer=",
            )


def _secret_key(app: Flask, *, is_public: bool) -> Finding:
    length = len(app.secret_key or "")
    if length >= _SHORTEST_KEY:
        return Finding(check="secret-key", outcome="ok", text=f"SECRET_KEY has {length} characters")
    return Finding(
        check="secret-key",
        outcome="failed" if is_public else "warning",
        text=f"SECRET_KEY has {length} characters, and can be guessed",
        cure='set it to the output of: python -c "import secrets; print(secrets.token_hex())"',
    )


def _settings(app: Flask, cimd: CIMD, *, is_public: bool) -> Iterator[Finding]:
    outcome: Any = "failed" if is_public else "warning"
    if cimd.settings.allow_loopback:
        text = "CIMD_ALLOW_LOOPBACK is on: strangers make this server fetch from itself"
        yield Finding(check="settings", outcome=outcome, text=text, cure="remove it in production")
    if app.debug:
        text = "the app runs in debug mode: an error page executes code"
        yield Finding(check="settings", outcome=outcome, text=text, cure="run it without --debug and FLASK_DEBUG")
    if not (cimd.settings.allow_loopback or app.debug):
        yield Finding(check="settings", outcome="ok", text="no development switch is on")


# -- storage ------------------------------------------------------------------------------------------------------


def _storage(site: Site, cimd: CIMD) -> Iterator[Finding]:
    storage: Any = site.storage
    if not getattr(storage, "is_lasting", True):
        text = "all grants end with the process, and no other process sees them"
        yield Finding(check="storage", outcome="warning", text=text, cure="pass db= to provider.init_app")
        return
    try:
        if hasattr(storage, "schema_gaps"):
            yield _schema(storage.schema_gaps())
        now = cimd.clock()
        storage.find_token(secrets.token_urlsafe())
        storage.use_once(f"doctor:{secrets.token_urlsafe()}", now + timedelta(minutes=1), now)
    except StorageError as error:
        yield storage_finding(error)
    else:
        yield Finding(check="storage", outcome="ok", text="it can be read and written")


def _schema(gaps: list[str]) -> Finding:
    from ..provider.checks import schema_cure

    if gaps:
        return Finding(check="tables", outcome="failed", text="the schema is not complete", cure=schema_cure(gaps))
    return Finding(check="tables", outcome="ok", text="all tables and columns are there")


def storage_finding(error: StorageError) -> Finding:
    """Return the finding of a database in trouble."""
    if error.slug == "storage-unavailable":
        text = f"the database does not answer ({error.hint})"
        cure = "start it, and check SQLALCHEMY_DATABASE_URI"
        return Finding(check="storage", outcome="unknown", text=text, cure=cure)
    return Finding(check="storage", outcome="failed", text=error.slug, cure=error.hint)


def _client_store(cimd: CIMD) -> Finding:
    name = type(cimd.store).__name__
    try:
        kept = len(cimd.store)
    except StoreError as error:
        cure = "start its server, make its tables with flask cimd create-tables, and check CIMD_STORE"
        return Finding(check="client-store", outcome="unknown", text=f"{name} does not answer ({error})", cure=cure)
    return Finding(check="client-store", outcome="ok", text=f"{name} keeps {kept} clients")


def _columns(app: Flask) -> Iterator[Finding]:
    db = app.extensions.get("sqlalchemy")
    if db is None:
        return
    from ..provider import short_columns

    short = short_columns(db.metadata)
    is_enforced = db.engine.dialect.name != "sqlite"
    for name, length in short.items():
        yield Finding(
            check="columns",
            outcome="failed" if is_enforced else "warning",
            text=f"{name} holds {length} characters, and a client URL has up to 2048",
            cure="make it Text, as the mix-ins URLClientCodeMixin and URLClientTokenMixin of flask_cimd.provider do",
        )
    if not short:
        yield Finding(check="columns", outcome="ok", text="client URLs fit into the tables of codes and tokens")


# -- key files ----------------------------------------------------------------------------------------------------


def _key_files(app: Flask) -> Iterator[Finding]:
    for client in app.extensions.get("cimd_published", ()):
        if client.keys is not None:
            yield _key_file(client.keys)


def _key_file(keys: KeyFile) -> Finding:
    path: Path = keys.path
    remedy = "run: flask cimd keys new"
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError as exc:
        text = f"{path} cannot be seen ({type(exc).__name__})"
        return Finding(check="key-file", outcome="failed", text=text, cure=f"restore it, or {remedy}")
    if mode & 0o077:
        text = f"{path} has mode {mode:04o}: other users of this computer can read or change it"
        return Finding(
            check="key-file", outcome="failed", text=text, cure=f"run: chmod 600 {path}; then rotate the keys"
        )
    try:
        number = len([entry.key for entry in keys.entries()])
    except (ConfigurationError, JoseError, ValueError, KeyError, TypeError) as error:
        text = f"{path} holds something other than keys ({type(error).__name__})"
        return Finding(check="key-file", outcome="failed", text=text, cure=f"restore it, or delete it and {remedy}")
    if not number:
        return Finding(check="key-file", outcome="failed", text=f"{path} holds no key", cure=remedy)
    return Finding(check="key-file", outcome="ok", text=f"{path} holds {number} keys, for its owner alone")

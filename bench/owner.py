"""Pages of the owner with 200 apps, 2,000 grants, 10,000 events and 100 notes.

Each is compared with an empty Flask view that opens the same session and sends the same queries: CPU seconds in turn,
the median of pairs.
"""

from __future__ import annotations

import logging
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flask import Flask, session
from flask.testing import FlaskClient
from sqlalchemy import Engine, insert
from werkzeug.test import TestResponse

from flask_cimd.core.identifier import IdentifierRules, parse_identifier
from flask_cimd.core.metadata import ClientMetadata
from flask_cimd_site import create_app
from flask_cimd_site.models import db
from flask_cimd_site.services import services
from tests.support.statements import Sent, recorded

from .foundation import Row

PAGES = ("/notes", "/apps", "/clients", "/activity", "/explain", "/profile", "/tokens", "/write", "/account")
#: Times of the empty view that a page may take; and milliseconds of `/apps`.
LIMIT, MILLISECONDS = 3.0, 100.0
APPS, GRANTS, EVENTS, NOTES = 200, 2_000, 10_000, 100
_PAIRS, _WARM = 60, 5
_SITE = "http://127.0.0.1:5000"
_ENVIRONMENT = {"DEMO_DEVELOPMENT": "1", "DEMO_BASE_URL": _SITE}


def run() -> list[Row]:
    """Measure every page."""
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory() as folder:
        app = create_app({**_ENVIRONMENT, "DEMO_DATABASE_URL": f"sqlite:///{Path(folder) / 'site.db'}"})
        app.config["WTF_CSRF_ENABLED"] = False
        fill(app)
        client = app.test_client()
        client.post("/login", data={"password": "let-me-in"}, base_url=_SITE)
        with app.app_context():
            engine = db.engine
        return [_row(app, client, engine, path) for path in PAGES]


def fill(app: Flask) -> None:
    """Add living grants of many apps, events of which half are about apps, and notes."""
    with app.app_context(), db.engine.begin() as connection:
        for name, rows in (("cimd_grant", _grants()), ("activity", _events()), ("post", _notes())):
            connection.execute(insert(db.metadata.tables[name]), list(rows))


def _grants() -> Iterator[dict[str, Any]]:
    now, me = datetime.now(UTC).timestamp(), services().identity.me
    for number in range(GRANTS):
        client_id = f"https://app{number % APPS:03}.example/client.json"
        yield {
            "id": f"{number:032}", "issuer": "", "client_id": client_id, "client": _metadata(client_id),
            "fingerprint": "", "subject": me, "scope": "profile create", "resource": "[]", "redirect_uri": client_id,
            "access_seconds": 900.0, "auth_method": "none", "created_at": now - number, "used_at": now - number,
            "ends_at": now + 86400,
        }  # fmt: skip


def _metadata(client_id: str) -> str:
    identifier = parse_identifier(client_id, IdentifierRules())
    return ClientMetadata(
        identifier=identifier, source="document", client_name="An app", redirect_uris=(client_id,)
    ).to_json()


def _events() -> Iterator[dict[str, Any]]:
    now = datetime.now(UTC).timestamp()
    own = {"kind": "login", "app": None, "host": "", "detail": "password"}
    for number in range(EVENTS):
        host = f"app{number % APPS:03}.example"
        of_app = {"kind": "approved", "app": f"https://{host}/client.json", "host": host, "detail": "profile create"}
        event = own if number % 2 else of_app
        yield {**event, "at": now - 600 * number, "browser": "Firefox on Linux", "network": "203.0.113.0/24"}


def _notes() -> Iterator[dict[str, Any]]:
    now = datetime.now(UTC).timestamp()
    for number in range(NOTES):
        yield {
            "slug": f"note-{number}", "properties": '{"content": [{"html": "<p>A note of some words.</p>"}]}',
            "is_draft": False, "published_at": now - 86400 * number, "version": 1, "markdown": "A note of some words.",
        }  # fmt: skip


def _row(app: Flask, client: FlaskClient, engine: Engine, path: str) -> Row:
    def get() -> TestResponse:
        return client.get(path, base_url=_SITE)

    with recorded(engine) as sent:
        answer = get()
    assert answer.status_code == 200, path
    empty = _empty_view(app, client, engine, sent)
    for _ in range(_WARM):
        get(), empty()
    pairs = [(_cpu(get), _cpu(empty)) for _ in range(_PAIRS)]
    ratio = statistics.median(ours / theirs for ours, theirs in pairs)
    ours, theirs = (statistics.median(times) * 1e3 for times in zip(*pairs, strict=True))
    note = f"{ours:.2f} ms against {theirs:.2f} ms, {len(sent.statements)} queries"
    if path == "/apps":  # a page of it has 20 apps, each with up to 50 sign-ins and two forms for each
        note = f"{APPS} apps with {GRANTS:,} grants; {note}"
        return Row(name="page of apps, CPU time", figure=ours, limit=MILLISECONDS, unit="ms", note=note)
    return Row(name=f"owner's page {path} / empty view with its queries", figure=ratio, limit=LIMIT, note=note)


def _empty_view(app: Flask, client: FlaskClient, engine: Engine, sent: Sent) -> Callable[[], object]:
    bare = Flask("empty")
    same = ("SECRET_KEY", "SESSION_COOKIE_NAME", "SESSION_REFRESH_EACH_REQUEST", "PERMANENT_SESSION_LIFETIME")
    bare.config.update({name: app.config[name] for name in same})

    @bare.get("/")
    def view() -> str:
        assert "owner" in session
        for statement, values in sent.statements:
            with engine.connect() as connection:
                connection.exec_driver_sql(statement, values).fetchall()
        return ""

    cookie = client.get_cookie(app.config["SESSION_COOKIE_NAME"], "127.0.0.1")
    assert cookie is not None
    visitor = bare.test_client()
    visitor.set_cookie(cookie.key, cookie.value, domain="127.0.0.1")
    return lambda: visitor.get("/", base_url=_SITE)


def _cpu(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began

"""Parts of a request on their own: stored clients beside the barest read of the same store, and ``GET /authorize``."""

from __future__ import annotations

import logging
import statistics
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import redis
import trustme

from tests.support.browser import SignIn, publish_client
from tests.support.databases import private_postgres, redis_keys
from tests.support.origin import TLSOrigin

from .cold import cpu_each
from .foundation import Row, bare_read, new_app, paired, publish, seconds_each


def run() -> list[Row]:
    """Measure everything once."""
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder, ca = Path(name), trustme.CA()
        bundle = folder / "ca.pem"
        ca.cert_pem.write_to_path(str(bundle))
        origin = stack.enter_context(TLSOrigin(ca))
        return [
            _stored("SQLite", f"sqlite:///{folder}/stored.db", origin, bundle, limit=0.6),
            _stored("PostgreSQL", stack.enter_context(private_postgres()), origin, bundle, limit=0.55),
            _redis(origin, bundle),
            _query_client(origin, bundle),
            _authorize(origin, bundle, folder),
        ]


def _stored(name: str, url: str, origin: TLSOrigin, bundle: Path, *, limit: float) -> Row:
    client_id = publish(origin, "/stored.json")
    app, cimd = new_app(bundle, CIMD_STORE="sqlalchemy", SQLALCHEMY_DATABASE_URI=url)
    bare, engine = bare_read(url)
    with app.app_context():
        ours, theirs = paired(lambda: cimd.resolve(client_id), bare, calls=300)
        app.extensions["sqlalchemy"].engine.dispose()
    engine.dispose()
    return _row(f"warm resolve, {name} / Session.get", ours, theirs, limit)


def _redis(origin: TLSOrigin, bundle: Path) -> Row:
    client_id = publish(origin, "/redis.json")
    with redis_keys() as (client, prefix):
        from flask_cimd.stores import RedisStore

        app, cimd = new_app(bundle, CIMD_STORE=RedisStore(client, prefix=prefix))
        with app.app_context():
            cimd.resolve(client_id)
            (key,) = client.scan_iter(f"{prefix}client:*")
            raw: Any = redis.Redis()
            ours, theirs = paired(lambda: cimd.resolve(client_id), lambda: raw.get(key), calls=300)
            raw.close()
    return _row("warm resolve, Redis / raw GET", ours, theirs, 1.3)


def _query_client(origin: TLSOrigin, bundle: Path) -> Row:
    """Warm, in a request each: the figure before the redesign was 11 us."""
    client_id = publish(origin, "/query.json")
    app, cimd = new_app(bundle)

    def query() -> object:
        with app.app_context():
            return cimd.query_client(client_id)

    query()
    figure = min(seconds_each(query, 500) for _ in range(15)) * 1e6
    return Row(name="warm query_client with its app context", figure=figure, limit=11, unit="us")


def _authorize(origin: TLSOrigin, bundle: Path, folder: Path) -> Row:
    """``GET /authorize`` of a logged-in person, from WSGI to the page, CPU of this process."""
    from examples.minimal import create_app

    client_id = publish_client(origin)
    app = create_app(SQLALCHEMY_DATABASE_URI=f"sqlite:///{folder}/authorize.db", CIMD_CA_BUNDLE=str(bundle))
    browser = app.test_client()
    browser.post("/login?next=/authorize/x", data={"password": "secret"})

    def authorize() -> object:
        query = SignIn.begin(client_id, scope="profile").parameters
        answer = browser.get("/authorize", query_string=query)
        assert answer.status_code == 200
        return answer

    authorize()
    figure = statistics.median(cpu_each(authorize) for _ in range(100)) * 1e3
    return Row(
        name="GET /authorize, SQLite, CPU", figure=figure, limit=12, unit="ms", note="with the test client's own"
    )


def _row(name: str, ours: float, theirs: float, limit: float) -> Row:
    note = f"{ours * 1e6:.0f} us against {theirs * 1e6:.0f} us"
    return Row(name=name, figure=ours / theirs, limit=limit, note=note)

"""A million stored clients, four workers, and a hundred hosts that dribble: ratios within one run."""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from multiprocessing import get_context
from pathlib import Path
from threading import Barrier, Event, Thread

import requests
import sqlalchemy
import trustme
from flask import Flask
from flask_sqlalchemy import SQLAlchemy

from flask_cimd.core.identifier import IdentifierRules, parse_identifier
from flask_cimd.core.metadata import ClientMetadata
from flask_cimd.stores.port import key_of
from flask_cimd.stores.sqlalchemy import SQLAlchemyStore
from tests.support.browser import Browser, SignIn, publish_client
from tests.support.databases import private_postgres
from tests.support.gunicorn import running_gunicorn
from tests.support.origin import SocketOrigin, TLSOrigin, server_context

from .foundation import Row, paired

FEW, MANY = 1_000, 1_000_000
_DAY = 86_400


def run() -> list[Row]:
    """Measure everything once."""
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with private_postgres() as few, private_postgres() as many:
            rows.append(_million("PostgreSQL", few, many))
        rows.append(_million("SQLite", f"sqlite:///{folder}/few.db", f"sqlite:///{folder}/many.db"))
        ca = trustme.CA()
        bundle = folder / "ca.pem"
        ca.cert_pem.write_to_path(str(bundle))
        with ExitStack() as stack:
            url = stack.enter_context(private_postgres())
            origin = stack.enter_context(TLSOrigin(ca))
            owner = stack.enter_context(running_gunicorn(folder, database_url=url, CIMD_CA_BUNDLE=str(bundle)))
            rows += [_one_get(owner, origin), _dribbling_hosts(owner, origin, ca)]
    return rows


# -- a million clients --------------------------------------------------------------------------------------------


def _million(name: str, few_url: str, many_url: str) -> Row:
    with ExitStack() as stack:
        few, many = (stack.enter_context(_filled(url, number)) for url, number in ((few_url, FEW), (many_url, MANY)))
        ours, theirs = paired(_look_ups(many, MANY), _look_ups(few, FEW), calls=200, rounds=25)
    note = f"{ours * 1e6:.0f} us against {theirs * 1e6:.0f} us"
    return Row(name=f"look-up among 1,000,000 / 1,000, {name}", figure=ours / theirs, limit=1.2, note=note)


@contextmanager
def _filled(url: str, number: int) -> Iterator[tuple[Flask, SQLAlchemyStore]]:
    app, db = Flask("scale"), SQLAlchemy()
    app.config["SQLALCHEMY_DATABASE_URI"] = url
    db.init_app(app)
    with app.app_context():
        store = SQLAlchemyStore(db)
        db.create_all()
        _fill(db.engine, number)
    yield app, store
    with app.app_context():
        db.engine.dispose()


def _fill(engine: sqlalchemy.Engine, number: int) -> None:
    now = time.time()
    text = ClientMetadata(
        identifier=parse_identifier(_client(0), IdentifierRules()),
        source="document",
        client_name="A client",
        redirect_uris=("https://app.example/callback", "http://127.0.0.1/callback"),
    ).to_json()
    rows = ((key_of(_client(n)), _client(n), text, now, now + _DAY) for n in range(number))
    raw = engine.raw_connection()
    cursor = raw.cursor()
    if engine.dialect.name == "postgresql":
        with cursor.copy("COPY cimd_client (digest, client_id, metadata, fetched_at, expires_at) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
        cursor.execute("ANALYZE cimd_client")
    else:
        cursor.executemany("INSERT INTO cimd_client VALUES (?, ?, ?, ?, ?)", rows)
    raw.commit()
    raw.close()


def _client(number: int) -> str:
    return f"https://app.example/{number}.json"


def _look_ups(filled: tuple[Flask, SQLAlchemyStore], number: int) -> Callable[[], object]:
    app, store = filled
    chosen = random.Random(1)
    known = [parse_identifier(_client(chosen.randrange(number)), IdentifierRules()) for _ in range(min(number, 5000))]

    def look_up() -> object:
        with app.app_context():
            found = store.get(known[chosen.randrange(len(known))])
        assert found is not None
        return found

    return look_up


# -- four workers ---------------------------------------------------------------------------------------------------


def _ask(owner: Browser, client_id: str) -> requests.Response:
    """Open the consent page over a connection of its own."""
    browser = Browser(owner.base_url)
    browser.session.cookies.update(owner.session.cookies)
    with browser.session:
        return browser.authorize(SignIn.begin(client_id, scope="profile"))


def _one_get(owner: Browser, origin: TLSOrigin) -> Row:
    client_id, together = publish_client(origin, "/unknown.json"), Barrier(200)

    def ask(_: int) -> int:
        together.wait(60)
        return _ask(owner, client_id).status_code

    with ThreadPoolExecutor(200) as pool:
        shown = list(pool.map(ask, range(200))).count(200)
    gets = origin.count("/unknown.json")
    return Row(name="GETs for 200 requests at 4 workers", figure=gets, limit=1, unit="", note=f"{shown} consent pages")


# -- hosts that dribble ---------------------------------------------------------------------------------------------

_RATE, _SECONDS, _HOSTS = 50, 8, 100


def _dribbling_hosts(owner: Browser, origin: TLSOrigin, ca: trustme.CA) -> Row:
    known = [publish_client(origin, f"/known-{number}.json") for number in range(10)]
    for client_id in known:
        _ask(owner, client_id)
    ended = Event()
    with ExitStack() as stack:
        # A process of its own: what happens here beside it must not slow the measuring down.
        meter = stack.enter_context(ProcessPoolExecutor(1, mp_context=get_context("spawn")))
        measured = (owner.base_url, dict(owner.session.cookies), known)
        meter.submit(p99, *measured, seconds=2).result()  # warm
        context = server_context(ca, "localhost", "127.0.0.1", "::1")
        hosts = [stack.enter_context(SocketOrigin(_dribble(ended), context)) for _ in range(_HOSTS)]
        stack.callback(ended.set)
        wanted = Event()
        for number, host in enumerate(hosts):
            Thread(target=_keep_asking, args=(owner, host.port, wanted, ended, number / 20), daemon=True).start()
        quiets, loads = [], []
        for _ in range(3):
            quiets.append(meter.submit(p99, *measured).result())
            wanted.set()
            ended.wait(6)  # until all of them are there
            loads.append(meter.submit(p99, *measured).result())
            wanted.clear()
            ended.wait(6)  # until the last of them was given up
        reached = sum(host.connections > 0 for host in hosts)
    quiet, under_load = min(quiets), min(loads)  # the ones that other programs of this machine disturbed least
    note = f"{under_load * 1e3:.1f} ms against {quiet * 1e3:.1f} ms; {reached} dribbling hosts were reached"
    name = "p99 of known clients beside 100 dribbling hosts / quiet"
    return Row(name=name, figure=under_load / quiet, limit=1.5, note=note)


def _dribble(ended: Event) -> Callable[..., None]:
    def behave(connection: object, head: bytes) -> None:
        del head
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n")  # type: ignore[attr-defined]  # an SSLSocket or a socket
        while not ended.wait(1):
            connection.sendall(b" ")  # type: ignore[attr-defined]  # an SSLSocket or a socket

    return behave


def _keep_asking(owner: Browser, port: int, wanted: Event, ended: Event, wait: float) -> None:
    """Be somebody who tries an app of a slow host again and again, about as late after each answer as it says."""
    number = 0
    while not ended.wait(wait):
        if not wanted.is_set():
            wanted.wait(1)
            wait = random.uniform(0, 5)  # people do not come all at once
            continue
        number += 1
        answer = _ask(owner, f"https://localhost:{port}/{number}.json")
        wait = float(answer.headers.get("Retry-After", 1)) * random.uniform(0.8, 1.2)


def p99(base_url: str, cookies: dict[str, str], known: list[str], *, seconds: float = _SECONDS) -> float:
    """Return the 99th percentile of response times at a steady rate, queueing included."""
    owner = Browser(base_url)
    owner.session.cookies.update(cookies)
    number = int(_RATE * seconds)
    begin = time.perf_counter() + 0.2

    def ask(index: int) -> float:
        due = begin + index / _RATE
        time.sleep(max(0, due - time.perf_counter()))
        assert _ask(owner, known[index % len(known)]).status_code == 200
        return time.perf_counter() - due

    with ThreadPoolExecutor(_RATE) as pool:
        return statistics.quantiles(pool.map(ask, range(number)), n=100)[98]

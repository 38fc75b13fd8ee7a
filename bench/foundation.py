"""Warm resolve, coalescing, bounds and the worst page, against the limits this project sets itself."""

from __future__ import annotations

import json
import logging
import statistics
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier

import trustme
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from flask_cimd import CIMD
from flask_cimd.core.identifier import IdentifierRules, parse_identifier
from flask_cimd.core.metadata import ClientMetadata
from flask_cimd.stores.memory import MemoryStore
from flask_cimd.stores.port import Entry
from tests.support.origin import TLSOrigin


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One figure and the most it may be."""

    name: str
    figure: float
    limit: float
    unit: str = "x"
    note: str = ""

    @property
    def holds(self) -> bool:
        """``True`` if the figure is within its limit."""
        return self.figure <= self.limit


def seconds_each(work: Callable[[], object], calls: int) -> float:
    """Return the mean time of one call."""
    started = time.perf_counter()
    for _ in range(calls):
        work()
    return (time.perf_counter() - started) / calls


def paired(
    ours: Callable[[], object],
    theirs: Callable[[], object],
    *,
    calls: int,
    rounds: int = 15,
    choose: Callable[[list[float]], float] = statistics.median,
) -> tuple[float, float]:
    """Time two things in turn, A B A B, and return seconds per call of each.

    Args:
        choose: which of the rounds counts; ``min`` where threads and sockets are at the mercy of what else runs.
    """
    ours(), theirs()
    rows = [(seconds_each(ours, calls), seconds_each(theirs, calls)) for _ in range(rounds)]
    return choose([row[0] for row in rows]), choose([row[1] for row in rows])


def run() -> list[Row]:
    """Measure everything once."""
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory() as folder:
        ca = trustme.CA()
        bundle = Path(folder) / "ca.pem"
        ca.cert_pem.write_to_path(str(bundle))
        with TLSOrigin(ca) as origin:
            return [
                *_warm(origin, bundle, Path(folder)),
                _coalescing(origin, bundle),
                *_bound(),
                *_worst_pages(),
            ]


def publish(origin: TLSOrigin, path: str) -> str:
    """Serve a usual document at this path, and return its URL."""
    url = origin.url(path)
    document = {
        "client_id": url,
        "client_name": "Bench",
        "client_uri": origin.url("/"),
        "redirect_uris": [origin.url("/cb"), "http://127.0.0.1/cb"],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
    }
    origin.serve(path, json.dumps(document).encode(), headers={"Content-Type": "application/json"})
    return url


def new_app(bundle: Path, **config: object) -> tuple[Flask, CIMD]:
    """Return an app with the extension, and with a database if the configuration names one."""
    app = Flask("bench")
    app.config.update(CIMD_ALLOW_LOOPBACK=True, CIMD_CA_BUNDLE=str(bundle), **config)
    cimd = CIMD()
    db = None
    if "SQLALCHEMY_DATABASE_URI" in config:
        db = SQLAlchemy()
        db.init_app(app)
    cimd.init_app(app, db=db)
    if db is not None:
        with app.app_context():
            db.create_all()
    return app, cimd


def bare_read(url: str) -> tuple[Callable[[], object], Engine]:
    """Return the barest read of one row by its key, through Flask-SQLAlchemy's model, and the engine to dispose of."""
    app, db = Flask("peer"), SQLAlchemy()
    app.config["SQLALCHEMY_DATABASE_URI"] = url

    class Stored(db.Model):  # type: ignore[name-defined]  # Flask-SQLAlchemy makes the base at run time
        id = db.Column(db.String(64), primary_key=True)
        text = db.Column(db.Text)

    db.init_app(app)
    with app.app_context():
        db.create_all()
        db.session.add(Stored(id="a" * 64, text="x" * 600))
        db.session.commit()
        engine = db.engine

    def read() -> object:
        with Session(engine) as session:
            return session.get(Stored, "a" * 64)

    return read, engine


def _warm(origin: TLSOrigin, bundle: Path, folder: Path) -> list[Row]:
    url = publish(origin, "/warm.json")
    uri = f"sqlite:///{folder}/warm.db"
    memory_app, memory = new_app(bundle)
    sqlite_app, sqlite = new_app(bundle, CIMD_STORE="sqlalchemy", SQLALCHEMY_DATABASE_URI=uri)
    bare_get, _ = bare_read(f"sqlite:///{folder}/peer.db")
    rows = []
    with memory_app.app_context():
        ours, theirs = paired(lambda: memory.resolve(url), bare_get, calls=300)
    note = f"{ours * 1e6:.1f} us against {theirs * 1e6:.0f} us"
    rows.append(Row(name="warm resolve, memory / primary-key get", figure=ours / theirs, limit=0.1, note=note))
    with sqlite_app.app_context():
        ours, theirs = paired(lambda: sqlite.resolve(url), bare_get, calls=300)
    note = f"{ours * 1e6:.0f} us against {theirs * 1e6:.0f} us"
    rows.append(Row(name="warm resolve, SQLite / primary-key get", figure=ours / theirs, limit=1.5, note=note))
    return rows


def _coalescing(origin: TLSOrigin, bundle: Path) -> Row:
    url = publish(origin, "/together.json")
    app, cimd = new_app(bundle)
    barrier, before = Barrier(200), len(origin.requests)

    def resolve(_: int) -> object:
        with app.app_context():
            barrier.wait(60)
            return cimd.resolve(url)

    with ThreadPoolExecutor(200) as pool:
        list(pool.map(resolve, range(200)))
    return Row(name="GETs for 200 threads and one URL", figure=len(origin.requests) - before, limit=1, unit="")


def _bound() -> list[Row]:
    """Offer ten thousand clients, each with a document of nearly the largest size, to a memory store."""
    now, store = datetime.now(UTC), MemoryStore()
    tracemalloc.start()
    for number in range(10_000):
        metadata = ClientMetadata(
            identifier=parse_identifier(f"https://app{number}.example/client.json", IdentifierRules()),
            source="document",
            redirect_uris=("https://app.example/cb",),
            kept=json.dumps({"x": f"{number:0>4500}"}),
        )
        store.put(Entry(metadata=metadata, fetched_at=now, expires_at=now + timedelta(hours=1)))
    megabytes = tracemalloc.get_traced_memory()[1] / 2**20
    tracemalloc.stop()
    return [
        Row(name="kept of 10,000 identifiers, memory", figure=len(store), limit=1000, unit=""),
        Row(name="their memory at most", figure=megabytes, limit=16, unit="MB", note="documents of 4.5 kB"),
    ]


#: The pages of a stranger who wants our processor, each cut to the byte cap.
WORST_PAGES = {
    "nested div": "b'<div>' * 30000",
    "flat tags": "(b'<i></i>' * 15000) + b'x' * 200000",
    "attributes": "b'<a ' + b'b=c ' * 80000 + b'>'",
    "angle brackets": "b'<x ' * 30000",
    "ampersands": "b'&' * 300000",
    "nested e-content": "b'<div class=h-app>' + b'<div class=e-content>' * 150 + b'<p>x</p>' * 14900",
    "thousands of h-apps": "b'<i class=h-app>x</i>' * 12000",
    "open quote": "b'<a b=' + b\"'\" * 1 + b'x' * 300000",
    "deep links": "b'<b>' * 250 + b'<link rel=redirect_uri href=/x>' * 8000",
    "names like h-app": "b'<i class=h-apples>x</i>' * 10000",
}

#: CPU time and memory of one page, in a process of its own. Where the kernel can forget a peak (Linux), the peak
#: is that of the page alone; the largest size since the start would be that of the imports, or of the parent.
_PAGE_PROGRAM = """
import contextlib, resource
from flask_cimd.core.rules import DocumentRules
from flask_cimd.clients.html import parse_page
from flask_cimd.core.identifier import IdentifierRules, parse_identifier
from flask_cimd.errors import DocumentError
identifier = parse_identifier("https://app.example/", IdentifierRules())
body = ({page})[:262144]
def peak():
    with contextlib.suppress(OSError), open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with contextlib.suppress(OSError), open("/proc/self/clear_refs", "w") as forget:
    forget.write("5")
before, size = resource.getrusage(resource.RUSAGE_SELF), peak()
try:
    parse_page(
        body,
        identifier=identifier,
        final_url="https://app.example/",
        link_headers=(),
        charset=None,
        rules=DocumentRules(),
    )
except DocumentError:
    pass
after = resource.getrusage(resource.RUSAGE_SELF)
print(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, (peak() - size) / 1024)
"""


def _worst_pages() -> list[Row]:
    seconds, megabytes = {}, {}
    for name, page in WORST_PAGES.items():
        program = _PAGE_PROGRAM.replace("{page}", page)
        printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
        seconds[name], megabytes[name] = (float(word) for word in printed.split())
    slowest, largest = max(seconds, key=seconds.__getitem__), max(megabytes, key=megabytes.__getitem__)
    return [
        Row(name="worst page, CPU", figure=seconds[slowest], limit=0.1, unit="s", note=slowest),
        Row(name="worst page, memory", figure=megabytes[largest], limit=100, unit="MB", note=largest),
    ]

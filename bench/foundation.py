"""Warm and cold resolve, coalescing, bounds and the worst page, against the limits this project sets itself."""

from __future__ import annotations

import json
import logging
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Barrier

import requests
import trustme
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.orm import Session

from flask_cimd import CIMD
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
        """Whether the figure is within its limit."""
        return self.figure <= self.limit


def median_seconds(work: Callable[[], object], *, calls: int, rounds: int) -> float:
    """Return the median over rounds of the mean time of one call."""
    means = []
    for _ in range(rounds):
        started = time.perf_counter()
        for _ in range(calls):
            work()
        means.append((time.perf_counter() - started) / calls)
    return statistics.median(means)


def paired(a: Callable[[], object], b: Callable[[], object], *, calls: int, rounds: int = 15) -> tuple[float, float]:
    """Time two things in turn, A B A B, and return their median seconds per call."""
    a(), b()
    ours, theirs = [], []
    for _ in range(rounds):
        ours.append(median_seconds(a, calls=calls, rounds=1))
        theirs.append(median_seconds(b, calls=calls, rounds=1))
    return statistics.median(ours), statistics.median(theirs)


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
                _cold(origin, bundle),
                _coalescing(origin, bundle),
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


def _warm(origin: TLSOrigin, bundle: Path, folder: Path) -> list[Row]:
    url = publish(origin, "/warm.json")
    uri = f"sqlite:///{folder}/warm.db"
    memory_app, memory = new_app(bundle)
    sqlite_app, sqlite = new_app(bundle, CIMD_STORE="sqlalchemy", SQLALCHEMY_DATABASE_URI=uri)
    peer_app = Flask("peer")
    peer_app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{folder}/peer.db"
    db = SQLAlchemy()

    class Stored(db.Model):  # type: ignore[name-defined]
        id = db.Column(db.String(64), primary_key=True)
        text = db.Column(db.Text)

    db.init_app(peer_app)
    with peer_app.app_context():
        db.create_all()
        db.session.add(Stored(id="a" * 64, text="x" * 600))
        db.session.commit()
        engine = db.engine

    def bare_get() -> object:
        with Session(engine) as session:
            return session.get(Stored, "a" * 64)

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


def _cold(origin: TLSOrigin, bundle: Path) -> Row:
    url = publish(origin, "/cold.json")
    app, cimd = new_app(bundle)

    def resolve() -> object:
        cimd.resolver.store.delete(url)
        return cimd.resolve(url)

    def bare() -> object:
        with requests.Session() as session:
            return session.get(url, verify=str(bundle), timeout=5).json()

    with app.app_context():
        ours, theirs = paired(resolve, bare, calls=10)
    note = f"{ours * 1e3:.2f} ms against {theirs * 1e3:.2f} ms"
    return Row(name="cold resolve over TLS / bare requests", figure=ours / theirs, limit=1.3, note=note)


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


#: The pages of a stranger who wants our processor, each cut to the byte cap.
WORST_PAGES = {
    "nested div": "b'<div>' * 60000",
    "attributes": "b'<a ' + b'b=c ' * 80000 + b'>'",
    "angle brackets": "b'<' * 300000",
    "ampersands": "b'&' * 300000",
    "nested e-content": "b'<div class=h-app>' + b'<div class=e-content>' * 150 + b'<p>x</p>' * 40000",
    "fifty thousand h-apps": "b'<i class=h-app>x</i>' * 20000",
    "open quote": "b'<a b=' + b\"'\" * 1 + b'x' * 300000",
}

_PAGE_PROGRAM = """
import resource, sys, time
from flask_cimd.core.document import DocumentRules
from flask_cimd.core.happ import parse_page
from flask_cimd.core.identifier import IdentifierRules, parse_identifier
from flask_cimd.errors import DocumentError
identifier = parse_identifier("https://app.example/", IdentifierRules())
body = ({page})[:262144]
before = resource.getrusage(resource.RUSAGE_SELF)
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
print(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, (after.ru_maxrss - before.ru_maxrss) / 1024)
"""


def _worst_pages() -> list[Row]:
    seconds, megabytes = {}, {}
    for name, page in WORST_PAGES.items():
        program = _PAGE_PROGRAM.replace("{page}", page)
        printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
        seconds[name], megabytes[name] = (float(word) for word in printed.split())
    slowest, largest = max(seconds, key=seconds.__getitem__), max(megabytes, key=megabytes.__getitem__)
    return [
        Row(name="worst page, CPU", figure=seconds[slowest], limit=0.5, unit="s", note=slowest),
        Row(name="worst page, memory", figure=megabytes[largest], limit=100, unit="MB", note=largest),
    ]


def peak_megabytes() -> float:
    """Return this process's largest resident size so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

"""Warm and cold resolution beside every peer that PyPI ships, each in an installation of its own under ``.bench/``.

Peer and project take turns within one run, against one origin. Guards of the peers that would refuse an origin on
this computer are told to let it pass; everything else of theirs runs as it is shipped.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mf2py
import requests
import trustme

from flask_cimd import CIMD
from tests.support.origin import TLSOrigin
from tests.support.programs import Program, running_program

from .foundation import Row, new_app, paired, publish

FOLDER = Path(__file__).resolve().parent.parent / ".bench"
_ROUNDS = 10
_COLD_CALLS, _WARM_CALLS = 3, 300

#: As beside bare requests: a peer that speaks to the socket itself, without requests, may be a little faster.
_COLD_LIMIT = 1.3

#: A peer answers each line ``{"cold": n}`` or ``{"warm": n}`` with the seconds that one call took.
_LOOP = """
import json, sys, time
def timed(work, calls):
    started = time.perf_counter()
    for _ in range(calls):
        work()
    return (time.perf_counter() - started) / calls
cold(); warm()
print(json.dumps({"ready": True}), flush=True)
for line in sys.stdin:
    asked = json.loads(line)
    (kind, calls), = asked.items()
    print(json.dumps({"seconds": timed({"cold": cold, "warm": warm}[kind], calls)}), flush=True)
"""

_FASTMCP = """
import asyncio, logging, sys
logging.disable(logging.CRITICAL)
from fastmcp.server.auth import cimd, ssrf
ssrf.is_ip_allowed = lambda address: True
url = sys.argv[1]
manager = cimd.CIMDClientManager()
loop = asyncio.new_event_loop()
def warm():
    assert loop.run_until_complete(manager.get_client(url)) is not None
def cold():
    manager._fetcher._remove_cache_entry(url)
    warm()
"""

_DJANGO = """
import logging, sys
logging.disable(logging.CRITICAL)
import django
from django.conf import settings
settings.configure(
    SECRET_KEY="x",
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "oauth2_provider"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": sys.argv[2]}},
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    OAUTH2_PROVIDER={
        "CIMD_ENABLED": True,
        "CIMD_REGISTRATION_PERMISSION_CLASSES": ["oauth2_provider.cimd.AllowAllCIMDPermission"],
    },
)
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
from oauth2_provider import cimd
from oauth2_provider.models import get_application_model
cimd._ip_is_public = lambda address: True
url = sys.argv[1]
Application = get_application_model()
def cold():
    Application.objects.filter(client_id=url).delete()
    assert cimd.resolve_cimd_application(url, None) is not None
def warm():
    assert cimd.refresh_if_stale(Application.objects.get(client_id=url), None) is not None
"""

_NANOIDP = """
import logging, sys
logging.disable(logging.CRITICAL)
from urllib.parse import urlsplit
from nanoidp.config import Settings
from nanoidp.services import client_metadata, client_metadata_fetch
client_metadata_fetch._address_refusal = lambda address, settings: None
client_metadata_fetch.MAX_FETCHES_PER_MINUTE = 10**9
url = sys.argv[1]
settings = Settings(
    client_id_metadata_documents_enabled=True,
    client_id_metadata_documents_allowed_hosts=[urlsplit(url).netloc],
)
def cold():
    client_metadata.forget(url)
    assert client_metadata.learn_client(url, settings) is not None
def warm():
    assert client_metadata.cached_client(url) is not None
"""

#: Peer, what pip installs, its program, and the store of ours that it is fair to compare with.
PEERS = (
    ("fastmcp 4.1.2", "fastmcp==4.1.2", _FASTMCP, "memory"),
    ("django-oauth-toolkit 3.4.1", "django-oauth-toolkit==3.4.1", _DJANGO, "sqlalchemy"),
    ("nanoidp 3.4.0", "nanoidp==3.4.0", _NANOIDP, "memory"),
)


class KeepAliveOrigin(TLSOrigin):
    """Does not announce that it closes the connection: nanoidp cannot read answers that do."""

    CLOSES = ()


def run() -> list[Row]:
    """Measure everything once."""
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder, ca = Path(name), trustme.CA()
        bundle = folder / "ca.pem"
        ca.cert_pem.write_to_path(str(bundle))
        with KeepAliveOrigin(ca) as origin:
            for peer, requirement, program, store in PEERS:
                rows += _beside(peer, _installed(requirement), program, store, origin=origin, bundle=bundle)
            rows += _pages(origin, bundle)
    return rows


_PAGE = b"""<!doctype html><title>App</title><link rel="redirect_uri" href="/callback">
<div class="h-app"><a class="u-url p-name" href="/">App</a><img class="u-logo" src="/logo.png" alt=""></div>"""


def _pages(origin: TLSOrigin, bundle: Path) -> list[Row]:
    """A legacy client's page, which no peer reads: beside bare requests and the microformats parser."""
    url = origin.serve("/page/", _PAGE, headers={"Content-Type": "text/html; charset=utf-8"})
    app, cimd = new_app(bundle)

    def bare() -> object:
        with requests.Session() as session:
            return mf2py.parse(session.get(url, verify=str(bundle), timeout=5).text, url=url, html_parser="lxml")

    with app.app_context():
        ours, theirs = paired(_cold(cimd, url), bare, calls=5)
    return [_row("cold resolve of a page / bare requests and mf2py", ours, theirs, limit=1.5)]


def _installed(requirement: str) -> Path:
    """Return the peer's Python, installing it first if it is not there."""
    folder = FOLDER / requirement.replace("==", "-")
    python = folder / "bin" / "python"
    marker = folder / ".installed"
    if not marker.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", requirement], check=True)
        marker.touch()
    return python


def _beside(peer: str, python: Path, source: str, store: str, *, origin: TLSOrigin, bundle: Path) -> list[Row]:
    url = publish(origin, f"/{peer.split(maxsplit=1)[0]}.json")
    config: dict[str, Any] = {}
    if store == "sqlalchemy":
        config = {"CIMD_STORE": store, "SQLALCHEMY_DATABASE_URI": f"sqlite:///{bundle.parent}/ours.db"}
    app, cimd = new_app(bundle, **config)
    command = [python, "-c", source + _LOOP, url, str(bundle.parent / "theirs.db")]
    with app.app_context(), running_program(command, cwd=bundle.parent, environment=_trust(bundle)) as program:
        assert program.receive() == {"ready": True}
        cold, warm = _cold(cimd, url), lambda: cimd.resolve(url)
        cold()
        return [
            _row(f"cold resolve / {peer}", *_in_turn(cold, program, "cold", _COLD_CALLS), limit=_COLD_LIMIT),
            _row(f"warm resolve / {peer}", *_in_turn(warm, program, "warm", _WARM_CALLS)),
        ]


def _trust(bundle: Path) -> dict[str, str]:
    return {"SSL_CERT_FILE": str(bundle), "REQUESTS_CA_BUNDLE": str(bundle)}


def _cold(cimd: CIMD, url: str) -> Callable[[], object]:
    def resolve() -> object:
        cimd.store.delete(url)
        return cimd.resolve(url)

    return resolve


def _in_turn(ours: Callable[[], object], program: Program, kind: str, calls: int) -> tuple[float, float]:
    """Time both in turn, A B A B, and return their median seconds per call."""
    mine, theirs = [], []
    for _ in range(_ROUNDS):
        started = time.perf_counter()
        for _ in range(calls):
            ours()
        mine.append((time.perf_counter() - started) / calls)
        theirs.append(program.ask(**{kind: calls})["seconds"])
    return statistics.median(mine), statistics.median(theirs)


def _row(name: str, ours: float, theirs: float, limit: float = 1.0) -> Row:
    note = f"{ours * 1e6:.0f} us against {theirs * 1e6:.0f} us"
    return Row(name=name, figure=ours / theirs, limit=limit, note=note)

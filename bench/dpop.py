"""Cost of pushed requests and DPoP: a proof against its bare signature check, a sign-in against a plain one."""

from __future__ import annotations

import json
import logging
import tempfile
from base64 import urlsafe_b64decode
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path
from typing import Any

import trustme
from joserfc import jwt
from joserfc.jwk import ECKey
from sqlalchemy import event

from flask_cimd.core.proof import check_proof
from flask_cimd_site.models import db
from tests.support.atproto import App
from tests.support.browser import Browser, Site, publish_client
from tests.support.demo import demo_in_process
from tests.support.dpop import ProofKey
from tests.support.origin import TLSOrigin

from .foundation import Row, paired

_URL = "https://as.example.com/token"
_NONCE = "MOKc-Sl0qlp6Pbej8g"
_MORE_THAN_ARE_REMEMBERED = 1500


def run() -> list[Row]:
    """Measure everything once."""
    logging.disable(logging.WARNING)
    return [_first_proof(), _next_proof(), *_sign_ins()]


def _first_proof() -> Row:
    """Clients that come for the first time: their key is read out of the proof."""
    now = datetime.now(UTC)
    texts = cycle([ProofKey().proof("POST", _URL, now, nonce=_NONCE) for _ in range(_MORE_THAN_ARE_REMEMBERED)])

    def bare() -> object:
        text = next(texts)
        encoded = text.partition(".")[0]
        header = json.loads(urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
        return jwt.decode(text, ECKey.import_key(header["jwk"]), algorithms=["ES256"])

    return _row("first proof of a key / bare check that reads it", lambda: _check(next(texts), now), bare)


def _next_proof() -> Row:
    """A client that has been here: both sides know its key."""
    now, key = datetime.now(UTC), ProofKey()
    text = key.proof("POST", _URL, now, nonce=_NONCE)

    def bare() -> object:
        return jwt.decode(text, key.key, algorithms=["ES256"])

    return _row("next proof of a key / bare check", lambda: _check(text, now), bare)


def _check(text: str, now: datetime) -> object:
    return check_proof(text, method="POST", url=_URL, now=now)


def _row(name: str, ours: Callable[[], object], theirs: Callable[[], object]) -> Row:
    a, b = paired(ours, theirs, calls=200)
    return Row(name=name, figure=a / b, limit=1.3, note=f"{a * 1e6:.0f} us against {b * 1e6:.0f} us")


def _sign_ins() -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        ca = trustme.CA()
        bundle = Path(folder) / "ca.pem"
        ca.cert_pem.write_to_path(str(bundle))
        with TLSOrigin(ca) as origin, demo_in_process(f"sqlite:///{folder}/demo.db", bundle) as site:
            return _compared(site, site.owner(), publish_client(origin))


def _compared(site: Site, owner: Browser, client_id: str) -> list[Row]:
    app = App(site)

    def pushed() -> object:
        app.nonce = None  # as a client that comes for the first time: both endpoints ask for their nonce
        return app.sign_in(owner, scope="atproto profile")

    def plain() -> object:
        return owner.tokens(client_id, scope="profile")

    pushed(), plain()
    more, less = _statements(site, pushed), _statements(site, plain)
    slow, fast = paired(pushed, plain, calls=3, rounds=9)
    return [
        Row(
            name="database statements, PAR and DPoP / plain",
            figure=more / less,
            limit=2,
            note=f"{more} against {less}",
        ),
        Row(
            name="whole sign-in, PAR and DPoP / plain",
            figure=slow / fast,
            limit=2.5,
            note=f"{slow * 1e3:.1f} ms against {fast * 1e3:.1f} ms",
        ),
    ]


def _statements(site: Site, work: Any) -> int:
    """Return how many statements the site's database sees while this runs."""
    seen: list[str] = []

    def count(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    with site.app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", count)
    try:
        work()
    finally:
        event.remove(engine, "before_cursor_execute", count)
    return len(seen)

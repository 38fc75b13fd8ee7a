"""Owner pages of the demo with 1,000 grants and 10,000 events, against an empty Flask view plus the page's queries.

Run ``python -m bench.owner``; CPU seconds in turn, the median of pairs. Each page may cost 3 times the bare one.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from flask import Flask
from sqlalchemy import Engine, insert

from flask_cimd_site import create_app
from flask_cimd_site.models import db
from tests.support.statements import recorded

PAGES = ("/notes", "/apps", "/clients", "/activity", "/explain", "/profile", "/tokens", "/write")
LIMIT = 3.0
_PAIRS = 15
_ENVIRONMENT = {"DEMO_DEVELOPMENT": "1", "DEMO_BASE_URL": "http://127.0.0.1:5000"}


def fill(app: Flask) -> None:
    """Add 1,000 living grants of 100 clients, and 10,000 events."""
    now = datetime.now(UTC).timestamp()
    grant = {
        "issuer": "http://127.0.0.1:5000", "client": None, "fingerprint": "", "subject": "http://127.0.0.1:5000/",
        "scope": "create", "resource": "[]", "redirect_uri": "https://app.example/cb", "access_seconds": 900.0,
        "auth_method": "none", "created_at": now, "used_at": now, "ends_at": now + 86400,
    }  # fmt: skip
    grants = [{**grant, "id": f"{n:032}", "client_id": f"https://app{n % 100}.example/"} for n in range(1_000)]
    event = {"kind": "login", "host": "", "detail": "", "browser": "Firefox on Linux", "network": "203.0.113.0/24"}
    events = [{**event, "at": now - n} for n in range(10_000)]
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(insert(db.metadata.tables["cimd_grant"]), grants)
        connection.execute(insert(db.metadata.tables["activity"]), events)


def main() -> int:
    """Print one row a page; return 1 if one is beyond the limit."""
    with tempfile.TemporaryDirectory() as folder:
        app = create_app({**_ENVIRONMENT, "DEMO_DATABASE_URL": f"sqlite:///{Path(folder) / 'demo.db'}"})
        app.config["WTF_CSRF_ENABLED"] = False
        fill(app)
        client = app.test_client()
        client.post("/login", data={"password": "let-me-in"}, base_url="http://127.0.0.1:5000")
        with app.app_context():
            engine = db.engine
        return max(_row(lambda path: client.get(path, base_url="http://127.0.0.1:5000"), engine, p) for p in PAGES)


def _row(get: Callable[[str], object], engine: Engine, path: str) -> int:
    with recorded(engine) as sent:
        answer = get(path)
    statements, parameters = zip(*sent.statements, strict=True) if sent.statements else ((), ())
    empty = Flask("empty")

    @empty.get("/")
    def view() -> str:
        for statement, values in zip(statements, parameters, strict=True):
            with engine.connect() as connection:
                connection.exec_driver_sql(statement, values).fetchall()
        return ""

    bare = empty.test_client()
    pairs = [(_cpu(lambda: get(path)), _cpu(lambda: bare.get("/"))) for _ in range(_PAIRS)]
    page, base = (statistics.median(times) for times in zip(*pairs, strict=True))
    ratio = statistics.median(one / other for one, other in pairs)
    status = getattr(answer, "status_code", 0)
    print(f"{path:10} {status} {len(statements):2} queries  {page * 1e3:6.2f} ms / {base * 1e3:6.2f} ms = {ratio:.2f}")
    return int(ratio > LIMIT)


def _cpu(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


if __name__ == "__main__":
    sys.exit(main())

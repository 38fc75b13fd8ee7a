"""Eight gunicorn workers start at once, on an empty database and on one of an earlier schema."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.support.databases import private_schema
from tests.support.gunicorn import gunicorn
from tests.support.old_schemas import WRITTEN, newest, revision_of, write

WORKERS = 8
#: The project's configuration; the master imports the code, so that all workers come to the database at one moment.
_CONFIGURATION = """
import runpy

globals().update({name: value for name, value in runpy.run_path("gunicorn.conf.py").items() if name[0] != "_"})

def on_starting(server):
    import demo, flask_migrate, psycopg, sqlalchemy.dialects.postgresql, sqlalchemy.dialects.sqlite

def post_worker_init(worker):
    print("a worker is ready", flush=True)
"""
#: Two schemas with different tables of grants.
OLD = ("0001", "0013")


@pytest.mark.parametrize("is_old", [False, True], ids=["empty", "old"])
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_eight_workers_start_at_once(kind: str, is_old: bool, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    is_sqlite = kind == "sqlite"
    url = f"sqlite:///{tmp_path}/site.db" if is_sqlite else private_schema(request.getfixturevalue("postgres_url"))
    old = {revision: WRITTEN[revision] for revision in OLD} if is_old else {}
    write(url, old, now=time.time())
    configuration = tmp_path / "gunicorn.conf.py"
    configuration.write_text(_CONFIGURATION)
    options = ["--config", str(configuration)]
    with gunicorn(tmp_path, database_url=url, workers=WORKERS, options=options) as (_, owner):
        ends = time.monotonic() + 60
        while (said := (tmp_path / "gunicorn.log").read_text()).count("a worker is ready") < WORKERS:
            assert time.monotonic() < ends, said
            time.sleep(0.1)
        assert [owner.get("/healthz").status_code for _ in range(WORKERS)] == [200] * WORKERS
        refreshed = [owner.refresh(one["client_id"], one["refresh_token"]).status_code for one in old.values()]
    assert refreshed == [200] * len(old)
    said = (tmp_path / "gunicorn.log").read_text()
    assert said.count("Booting worker") == WORKERS
    assert [word for word in ("Traceback", "ERROR", "database is locked") if word in said] == []
    assert revision_of(url) == newest()

"""``/readyz`` names what is missing, and tells strangers no more than that."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from flask_cimd_site import readiness
from flask_cimd_site.models import db
from flask_cimd_site.site import health
from tests.support.browser import Site

WELL = {"database": "ok", "schema": "ok", "disk": "ok", "store": "ok"}


@pytest.fixture(autouse=True)
def every_question_is_answered_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "KEPT", 0.0)


def asked(site: Site) -> tuple[int, dict[str, Any]]:
    answer = site.app.test_client().get("/readyz")
    members = answer.get_json()
    assert members.pop("ready") is (answer.status_code == 200)
    assert ("Retry-After" in answer.headers) is (answer.status_code == 503)
    return answer.status_code, members["checks"]


def test_a_site_that_is_well_is_ready(any_site: Site) -> None:
    assert asked(any_site) == (200, WELL)


def test_a_schema_of_another_version_is_named(site: Site) -> None:
    with site.app.app_context(), db.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0015'"))
    assert asked(site) == (503, WELL | {"schema": "failed"})


def test_a_full_disk_is_named(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "LEAST_FREE", 2**62)
    assert asked(site) == (503, WELL | {"disk": "failed"})


def test_a_database_that_is_away_is_named_without_its_address(make_site: Any, tmp_path: Path) -> None:
    site = make_site(f"sqlite:///{tmp_path}/folder.db")
    with site.app.app_context():
        db.engine.dispose()
    (tmp_path / "folder.db").unlink()
    (tmp_path / "folder.db").mkdir()
    assert asked(site) == (503, {"database": "failed", "schema": "failed", "disk": "failed", "store": "ok"})
    assert "folder" not in site.app.test_client().get("/readyz").text


def test_a_redis_that_is_away_is_named(make_site: Any, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    site = make_site(f"sqlite:///{tmp_path}/site.db", CIMD_STORE=f"redis://127.0.0.1:{port}/0")
    assert asked(site) == (503, WELL | {"store": "failed"})


def test_a_redis_that_answers_is_well(make_site: Any, tmp_path: Path, private_redis: object) -> None:
    site = make_site(f"sqlite:///{tmp_path}/site.db", CIMD_STORE="redis://127.0.0.1:6379/0")
    assert asked(site) == (200, WELL)

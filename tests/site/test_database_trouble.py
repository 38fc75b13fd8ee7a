"""A database in trouble: a page with status 503, a short log, and the site is back at once when the trouble is over."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, event, text

from flask_cimd import ConfigurationError
from flask_cimd_site import logs, readiness
from flask_cimd_site.models import db
from flask_cimd_site.site import health
from tests.support.browser import Site


@pytest.fixture(autouse=True)
def every_question_is_answered_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "KEPT", 0.0)


def engine_of(site: Site) -> Engine:
    with site.app.app_context():
        return db.engine


def fill(engine: Engine, *, is_full: bool) -> None:
    """Let no connection take another page, as on a full disk; or as many as it likes."""

    def bound(connection: Any, *_: object) -> None:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages if is_full else 10**6}")

    event.listen(engine, "checkout", bound)
    if is_full:
        return
    with engine.connect():
        pass


def test_a_full_disk_is_no_health(site: Site) -> None:
    browser = site.app.test_client()
    assert browser.get("/healthz").status_code == 200
    fill(engine_of(site), is_full=True)
    answer = browser.get("/healthz")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    fill(engine_of(site), is_full=False)
    assert browser.get("/healthz").status_code == 200


def test_little_space_is_no_health(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "LEAST_FREE", 2**62)
    assert site.app.test_client().get("/healthz").status_code == 503


def test_a_database_that_cannot_be_written_is_no_health(site: Site) -> None:
    engine, browser = engine_of(site), site.app.test_client()

    def forbid(connection: Any, *_: object) -> None:
        connection.execute("PRAGMA query_only = ON")

    def allow(connection: Any, *_: object) -> None:
        connection.execute("PRAGMA query_only = OFF")

    event.listen(engine, "checkout", forbid)
    assert browser.get("/healthz").status_code == 503
    event.remove(engine, "checkout", forbid)
    event.listen(engine, "checkout", allow)
    assert browser.get("/healthz").status_code == 200


def test_strangers_who_ask_for_health_cause_one_write_a_second(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "KEPT", 1000.0)
    written: list[str] = []
    event.listen(engine_of(site), "before_cursor_execute", lambda *given: written.append(given[2]))
    for _ in range(5):
        assert site.app.test_client().get("/healthz").status_code == 200
    assert len([statement for statement in written if "rate_limit" in statement]) <= 1


def test_a_failure_is_a_page_with_the_name_of_the_request_and_one_line_in_the_log(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    with engine_of(site).begin() as connection:
        connection.execute(text("ALTER TABLE rate_limit RENAME TO other"))
    answer = site.app.test_client().get("/healthz")
    name = answer.headers["X-Request-Id"]
    assert answer.status_code == 503
    assert f"<code>{name}</code>" in answer.text
    assert "Traceback" not in answer.text + caplog.text


def test_every_request_has_another_name_whatever_the_sender_says(site: Site) -> None:
    browser = site.app.test_client()
    names = [browser.get("/nowhere", headers={"X-Request-Id": "mine"}).headers["X-Request-Id"] for _ in range(3)]
    assert len({*names, "mine"}) == 4


def test_statements_show_no_parameters(site: Site) -> None:
    assert engine_of(site).hide_parameters is True


@pytest.fixture
def logging_as_before() -> Iterator[None]:
    logger = logging.getLogger()
    before, level = list(logger.handlers), logger.level
    yield
    logger.handlers[:] = before
    logger.setLevel(level)


@pytest.mark.usefixtures("logging_as_before")
def test_the_log_is_json_if_asked_for(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up({"DEMO_LOG": "json"})
    with site.app.test_request_context():
        logging.getLogger("a").warning("said")
    record = json.loads(capsys.readouterr().err.splitlines()[-1])
    assert (record["level"], record["logger"], record["message"]) == ("WARNING", "a", "said")
    assert len(record["request"]) == 16
    with pytest.raises(ConfigurationError, match="DEMO_LOG"):
        logs.set_up({"DEMO_LOG": "xml"})

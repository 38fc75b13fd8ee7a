"""People, apps and databases that misbehave in the middle of a sign-in: a clear answer, and nothing half granted."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from flask_cimd.testing import ClientOrigin, DocumentClient, sign_in

from .steps import Made, answer, ask, become, decide, logged_in, transaction


@pytest.fixture
def client(client_origin: ClientOrigin) -> DocumentClient:
    return client_origin.publish()


def grants(app: Flask) -> list[Any]:
    site = app.extensions["cimd_providers"][0]
    with app.app_context():
        found: list[Any] = site.storage.grants(site.clock())
    return found


# -- the subject hook ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("subject", [KeyError("user"), "", "a\nb", "x" * 2049, 7])
def test_a_subject_that_breaks_before_the_approval_grants_nothing(
    make: Callable[..., Made], client: DocumentClient, subject: Any
) -> None:
    app, provider = make()
    answers: list[Any] = ["ada"]

    @provider.subject
    def who() -> Any:
        if isinstance(answers[0], Exception):
            raise answers[0]
        return answers[0]

    browser = app.test_client()
    handle = transaction(ask(browser, client))
    answers[0] = subject
    for broken in (decide(browser, handle), ask(browser, client), browser.get("/apps"), browser.post("/apps/revoke")):
        assert (broken.status_code, broken.headers["Retry-After"]) == (503, "5")
        assert "Error" not in broken.text
    assert grants(app) == []
    answers[0] = "ada"
    assert "code" in answer(decide(browser, handle))


def test_a_waiting_request_dies_when_another_person_answers_it(
    make: Callable[..., Made], client: DocumentClient
) -> None:
    app, _ = make()
    browser = logged_in(app)
    handle = transaction(ask(browser, client))
    for user in ("eve", "ada"):  # it does not come back with the first person either
        become(user)(browser)
        refused = decide(browser, handle)
        assert (refused.status_code, "request-ended" in refused.text) == (400, True)
    assert grants(app) == []


def test_a_waiting_request_outlives_a_log_out_and_the_click_of_another_browser(
    make: Callable[..., Made], client: DocumentClient
) -> None:
    app, _ = make()
    browser = logged_in(app)
    handle = transaction(ask(browser, client))
    browser.delete_cookie("session")
    assert decide(browser, handle).status_code == 400
    assert decide(logged_in(app, "eve"), handle).status_code == 400
    become("ada")(browser)
    assert "code" in answer(decide(browser, handle))


# -- the database -------------------------------------------------------------------------------------------------


class SwitchedDatabase:
    """A SQLite file that is opened for reading alone from some moment on."""

    def __init__(self, path: Path) -> None:
        self.path, self.mode = path, "rwc"

    def connect(self) -> sqlite3.Connection:
        return sqlite3.connect(f"file:{self.path}?mode={self.mode}", uri=True, timeout=0.1, check_same_thread=False)


@pytest.fixture
def switched(make: Callable[..., Made], tmp_path: Path) -> tuple[Flask, SwitchedDatabase]:
    database = SwitchedDatabase(tmp_path / "site.db")
    app, _ = make(config={"SQLALCHEMY_ENGINE_OPTIONS": {"creator": database.connect}})
    return app, database


def lock(app: Flask, database: SwitchedDatabase, mode: str) -> None:
    database.mode = mode
    with app.app_context():
        app.extensions["sqlalchemy"].engine.dispose()


def is_read_only(page: Any) -> None:
    assert (page.status_code, page.headers["Retry-After"], "sqlite" in page.text.lower()) == (503, "5", False)


def test_a_read_only_database_refuses_each_step_and_spends_nothing(
    switched: tuple[Flask, SwitchedDatabase], client: DocumentClient
) -> None:
    app, database = switched
    browser = logged_in(app)
    handle = transaction(ask(browser, client))
    lock(app, database, "ro")
    for step in (
        lambda: decide(browser, handle),
        lambda: decide(browser, handle, "deny"),
        lambda: ask(browser, client),
    ):
        is_read_only(step())
    is_read_only(ask(app.test_client(), client))
    assert grants(app) == []
    lock(app, database, "rw")
    assert "code" in answer(decide(browser, handle))
    assert len(grants(app)) == 1


def test_a_read_only_database_spends_no_code_and_no_refresh_token(
    switched: tuple[Flask, SwitchedDatabase], client: DocumentClient
) -> None:
    app, database = switched
    tokens = sign_in(app, client, log_in=become("ada")).tokens
    browser = app.test_client()
    lock(app, database, "ro")
    refused = refresh(browser, client, tokens)
    assert (refused.status_code, refused.json["error"]) == (503, "temporarily_unavailable")
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert browser.get("/userinfo", headers=bearer).status_code == 200  # reading goes on
    lock(app, database, "rw")
    assert refresh(browser, client, tokens).status_code == 200


def refresh(browser: FlaskClient, client: DocumentClient, tokens: dict[str, Any]) -> Any:
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"], "client_id": client.client_id}
    return browser.post("/token", data=form)


def test_without_tables_every_path_answers_and_the_log_has_the_cure(
    make: Callable[..., Made], client: DocumentClient, caplog: pytest.LogCaptureFixture
) -> None:
    app, _ = make()
    with app.app_context():
        app.extensions["sqlalchemy"].drop_all()
    person, program = logged_in(app), app.test_client()
    form = {"grant_type": "refresh_token", "refresh_token": "x", "client_id": client.client_id}
    steps: list[Callable[[], Any]] = [
        lambda: ask(program, client),
        lambda: ask(person, client),
        lambda: decide(person, "x"),
        lambda: person.get("/apps"),
        lambda: program.get("/authorize/x"),
        lambda: program.post("/token", data=form),
        lambda: program.get("/userinfo", headers={"Authorization": "Bearer x"}),
    ]
    for step in steps:
        caplog.clear()
        answered = step()
        assert (answered.status_code, answered.headers["Retry-After"]) == (503, "5"), answered.text
        assert "flask cimd create-tables" in caplog.text
    assert program.get("/.well-known/oauth-authorization-server").status_code == 200


# -- many requests ------------------------------------------------------------------------------------------------


def test_a_visitor_who_asks_again_and_again_keeps_twenty_pages(
    make: Callable[..., Made], client: DocumentClient, clock: Any
) -> None:
    app, _ = make()
    browser = app.test_client()
    for number in range(60):
        clock.forward(seconds=1)
        assert ask(browser, client, state=str(number)).status_code == 401
    database = app.config["SQLALCHEMY_DATABASE_URI"].removeprefix("sqlite:///")
    with sqlite3.connect(database) as connection:
        (rows,) = connection.execute("SELECT count(*) FROM cimd_waiting_request").fetchone()
    assert rows == 20

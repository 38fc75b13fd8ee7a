"""``flask cimd create-tables`` and ``sweep``."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask
from flask_sqlalchemy import SQLAlchemy

from flask_cimd import CIMD
from flask_cimd.cli import commands
from flask_cimd.provider import SQLAlchemyStorage, missing_tables
from flask_cimd.testing._steps import MINUTE, NOW

Run = Callable[..., Result]


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    app, db = Flask("app"), SQLAlchemy()
    app.config.update(CIMD_STORE="sqlalchemy", SQLALCHEMY_DATABASE_URI=f"sqlite:///{tmp_path}/app.db")
    db.init_app(app)
    CIMD().init_app(app, db=db)
    yield app
    with app.app_context():
        db.engine.dispose()


@pytest.fixture
def run(app: Flask) -> Run:
    return lambda *arguments: app.test_cli_runner().invoke(commands, list(arguments))


def test_tables_are_made_once_and_again_without_harm(app: Flask, run: Run) -> None:
    for _ in range(2):
        made = run("create-tables")
        assert made.exit_code == 0
        assert {"cimd_client", "cimd_grant", "cimd_token"} <= set(made.output.split())
    with app.app_context():
        assert missing_tables(app.extensions["sqlalchemy"]) == []


def test_a_sweep_prints_what_went(app: Flask, run: Run) -> None:
    run("create-tables")
    with app.app_context():
        storage = SQLAlchemyStorage(app.extensions["sqlalchemy"])
        for key in ("one", "two"):
            storage.use_once(key, NOW - 400 * 24 * 60 * MINUTE, NOW - 500 * 24 * 60 * MINUTE)
    swept = run("sweep", "--every", "60")
    assert swept.exit_code == 0
    assert "cimd_replay_key\t2" in swept.output.splitlines()
    assert json.loads(run("sweep", "--json").output)["done"] is True
    assert json.loads(run("sweep", "--json", "--every", "60").output) == {"tables": {}, "done": False}


def test_a_sweep_without_tables_says_no(run: Run) -> None:
    swept = run("sweep")
    assert swept.exit_code == 1
    assert "tables-missing" in swept.output


@pytest.mark.parametrize("command", ["create-tables", "sweep"])
def test_an_app_without_a_database_is_told(command: str) -> None:
    ended = Flask("app").test_cli_runner().invoke(commands, [command])
    assert ended.exit_code == 2
    assert "db.init_app(app)" in ended.output

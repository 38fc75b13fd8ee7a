"""``flask cimd grants``, ``registrations`` and ``clients show`` as an operator runs them."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from flask import Flask
from flask_sqlalchemy import SQLAlchemy

from flask_cimd import CIMD
from flask_cimd.cli import commands
from flask_cimd.clients import utc_now
from flask_cimd.oauth import MemoryStorage, Registration
from flask_cimd.provider import Provider, SQLAlchemyStorage
from flask_cimd.testing._steps import make_client, make_code, make_grant, make_tokens
from tests.support.databases import private_schema

ADA, BOB = "https://ada.example/", "https://bob.example/"
NOTES, SKY = "https://notes.example/client.json", "https://sky.example/client.json"
Run = Callable[..., Result]


def make_app(url: str, *issuers: str, storage: Any = None, **config: Any) -> Flask:
    app, db, cimd = Flask("app"), SQLAlchemy(), CIMD()
    app.config.update(SECRET_KEY="key", SQLALCHEMY_DATABASE_URI=url, **config)
    db.init_app(app)
    cimd.init_app(app, db=db)
    for number, issuer in enumerate(issuers):
        provider = Provider(scopes={"profile": "See your name"}, login_view="/login")
        where = {"storage": storage} if storage else {"db": db}
        provider.init_app(app, cimd=cimd, issuer=issuer, url_prefix=f"/{number}", **where)
    return app


@pytest.fixture(params=["sqlite", "postgresql", "memory"])
def app(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Flask]:
    url = f"sqlite:///{tmp_path}/app.db"
    if request.param == "postgresql":
        url = private_schema(request.getfixturevalue("postgres_url"))
    app = make_app(url, "https://me.example", storage=MemoryStorage() if request.param == "memory" else None)
    with app.app_context():
        app.extensions["sqlalchemy"].create_all()
        fill(storage_of(app))
    yield app
    with app.app_context():
        app.extensions["sqlalchemy"].engine.dispose()


def storage_of(app: Flask) -> Any:
    return app.extensions["cimd_providers"][0].storage


def fill(storage: Any) -> None:
    """Let Ada approve two clients and Bob one, and two clients register themselves."""
    now = utc_now()
    for number, (person, client_id) in enumerate(((ADA, NOTES), (ADA, SKY), (BOB, NOTES))):
        changes = {"subject": person, "client_id": client_id, "client": make_client(client_id), "created_at": now}
        grant, code = make_grant(id=f"grant{number}", **changes), make_code(expires_at=now + timedelta(minutes=1))
        assert storage.add_code(grant, code)
        assert storage.redeem_code(code.digest, make_tokens(now), now)
    for name in ("cimd-a", "cimd-b"):
        members = {"client_name": "\u202eevil\x1b[2J\u2066", "redirect_uris": ["https://x.example/cb"]}
        storage.add(Registration(client_id=name, members=json.dumps(members), created_at=now), now)


@pytest.fixture
def run(app: Flask) -> Run:
    return lambda *arguments: app.test_cli_runner().invoke(commands, list(arguments))


def ids(result: Result) -> list[str]:
    return [line.split("\t")[0] for line in result.stdout.splitlines()]


def test_grants_are_listed_page_by_page(run: Run) -> None:
    first = run("grants", "list", "--limit", "2")
    assert (first.exit_code, ids(first)) == (0, ["grant0", "grant1"])
    assert first.stderr == "there are more: --after grant1\n"
    last = run("grants", "list", "--limit", "2", "--after", "grant1")
    assert (ids(last), last.stderr) == (["grant2"], "")
    assert run("grants", "list", "--limit", "1001").exit_code == 2
    page = json.loads(run("grants", "list", "--limit", "2", "--json").stdout)
    assert page["next"] == "grant1"
    assert page["grants"][0]["client_id"] == NOTES
    assert page["grants"][0]["scope"] == "profile"


def test_grants_of_a_person_and_of_a_client(run: Run) -> None:
    assert ids(run("grants", "list", "--subject", ADA)) == ["grant0", "grant1"]
    assert ids(run("grants", "list", "--client", NOTES)) == ["grant0", "grant2"]
    assert ids(run("grants", "list", "--client", NOTES, "--subject", BOB)) == ["grant2"]
    nothing = run("grants", "list", "--subject", "https://eve.example/")
    assert (nothing.exit_code, nothing.stdout) == (1, "")
    assert json.loads(run("grants", "list", "--subject", "x", "--json").stdout) == {"grants": [], "next": None}


@pytest.mark.parametrize(
    ("arguments", "left"),
    [
        (("--client", NOTES), ["grant1"]),
        (("--subject", ADA), ["grant2"]),
        (("--client", NOTES, "--subject", ADA), ["grant1", "grant2"]),
        (("--all",), []),
    ],
)
def test_grants_are_revoked_by_client_person_or_all(run: Run, arguments: tuple[str, ...], left: list[str]) -> None:
    done = run("grants", "revoke", *arguments)
    assert (done.exit_code, done.stdout) == (0, f"{3 - len(left)} grants ended\n")
    assert ids(run("grants", "list")) == left
    again = run("grants", "revoke", *arguments, "--json")
    assert (again.exit_code, json.loads(again.stdout)) == (1, {"revoked": 0})


@pytest.mark.parametrize("arguments", [(), ("--all", "--client", NOTES), ("--all", "--subject", ADA)])
def test_a_revocation_that_names_nobody_or_everybody_and_somebody_is_refused(
    run: Run, arguments: tuple[str, ...]
) -> None:
    assert run("grants", "revoke", *arguments).exit_code == 2
    assert len(ids(run("grants", "list"))) == 3


def test_registrations_are_listed_without_what_would_steer_a_terminal(run: Run) -> None:
    listed = run("registrations", "list")
    assert listed.exit_code == 0
    assert listed.stdout.splitlines()[0].split("\t")[:3] == ["cimd-a", "evil[2J", "https://x.example/cb"]
    as_json = run("registrations", "list", "--json", "--limit", "1")
    assert as_json.stdout.isascii()
    assert "\x1b" not in as_json.stdout
    assert json.loads(as_json.stdout)["next"] == "cimd-a"
    assert json.loads(as_json.stdout)["registrations"][0]["client_name"] == "\u202eevil\x1b[2J\u2066"
    assert ids(run("registrations", "list", "--after", "cimd-a")) == ["cimd-b"]


def test_registrations_are_removed(run: Run) -> None:
    assert run("registrations", "remove", "cimd-a").exit_code == 0
    again = run("registrations", "remove", "cimd-a", "cimd-b")
    assert (again.exit_code, "cimd-a" in again.stderr, "cimd-b" in again.stderr) == (1, True, False)
    assert ids(run("registrations", "list")) == []
    assert run("registrations", "remove").exit_code == 2


def test_a_client_is_shown_with_its_grants_and_its_registration(run: Run) -> None:
    shown = run("clients", "show", NOTES)
    assert (shown.exit_code, shown.stdout) == (0, f"client_id: {NOTES}\nat https://me.example: 2 living grants\n")
    registered = json.loads(run("clients", "show", "cimd-a", "--json").stdout)
    assert registered["providers"][0]["grants"] == 0
    assert registered["providers"][0]["registered_at"].startswith("20")
    assert run("clients", "show", "https://nobody.example/c").exit_code == 1
    assert run("clients", "list").exit_code == 0


# -- what is not there --------------------------------------------------------------------------------------------

EVERY = (
    ("grants", "list"),
    ("grants", "revoke", "--all"),
    ("registrations", "list"),
    ("registrations", "remove", "x"),
    ("clients", "show", NOTES),
    ("clients", "list"),
    ("rules",),
    ("deny", "evil.example"),
    ("remove", "evil.example"),
    ("allowance",),
    ("pins",),
    ("unpin", NOTES),
    ("forget", NOTES),
    ("sweep",),
    ("create-tables",),
)


@pytest.mark.parametrize("command", EVERY, ids=" ".join)
def test_a_database_that_is_away_cannot_be_known_now(command: tuple[str, ...]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    url = f"postgresql+psycopg://nobody@127.0.0.1:{port}/none"
    ended = make_app(url, "https://me.example", CIMD_STORE="sqlalchemy").test_cli_runner().invoke(commands, command)
    assert (ended.exit_code, ended.exception.__class__) == (3, SystemExit), ended.output
    assert ended.stderr.startswith("Error: ")


@pytest.mark.parametrize("command", EVERY[:-1], ids=" ".join)
def test_missing_tables_are_a_no_with_the_cure(command: tuple[str, ...], tmp_path: Path) -> None:
    app = make_app(f"sqlite:///{tmp_path}/empty.db", "https://me.example", CIMD_STORE="sqlalchemy")
    ended = app.test_cli_runner().invoke(commands, command)
    assert (ended.exit_code, "flask cimd create-tables" in ended.stderr) == (1, True), ended.output


def test_a_read_only_database_is_a_no(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    app = make_app(f"sqlite:///{path}", "https://me.example")
    with app.app_context():
        app.extensions["sqlalchemy"].create_all()
        app.extensions["sqlalchemy"].engine.dispose()
    app = make_app(f"sqlite:///file:{path}?mode=ro&uri=true", "https://me.example")
    ended = app.test_cli_runner().invoke(commands, ["grants", "revoke", "--all"])
    assert (ended.exit_code, "storage-read-only" in ended.stderr) == (1, True), ended.output
    assert app.test_cli_runner().invoke(commands, ["grants", "list"]).exit_code == 0


def test_an_app_without_a_provider_is_a_wrong_call() -> None:
    runner = make_app("sqlite://").test_cli_runner()
    for command in EVERY[:4]:
        assert runner.invoke(commands, command).exit_code == 2


def test_one_of_several_providers_is_named(tmp_path: Path) -> None:
    app = make_app(f"sqlite:///{tmp_path}/two.db", "https://a.example", "https://b.example")
    with app.app_context():
        db = app.extensions["sqlalchemy"]
        db.create_all()
        fill(SQLAlchemyStorage(db, "https://b.example"))
    run = app.test_cli_runner()
    unnamed = run.invoke(commands, ["grants", "list"])
    assert (unnamed.exit_code, "--issuer: https://a.example https://b.example" in unnamed.stderr) == (2, True)
    assert run.invoke(commands, ["grants", "list", "--issuer", "https://c.example"]).exit_code == 2
    assert ids(run.invoke(commands, ["grants", "list", "--issuer", "https://a.example"])) == []
    assert len(ids(run.invoke(commands, ["grants", "list", "--issuer", "https://b.example"]))) == 3


def test_a_storage_that_cannot_tell_is_a_wrong_call(tmp_path: Path) -> None:
    class Small:
        """Keeps tokens alone."""

    runner = make_app(f"sqlite:///{tmp_path}/s.db", "https://me.example", storage=Small()).test_cli_runner()
    told = runner.invoke(commands, ["grants", "list"])
    assert (told.exit_code, "Small has no method grants" in told.stderr) == (2, True)

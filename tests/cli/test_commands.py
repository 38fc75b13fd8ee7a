"""``flask cimd …`` as an operator runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from flask import Flask
from flask_sqlalchemy import SQLAlchemy

from flask_cimd import CIMD, PolicyDeniedError
from flask_cimd.cli import commands
from flask_cimd.core.policy import Allowance, Tier
from tests.support.clock import Clock
from tests.support.origin import TLSOrigin, publish_document
from tests.support.proves import proves

Run = Callable[..., Result]


@pytest.fixture
def app(ca_bundle: Path, tmp_path: Path, clock: Clock) -> Any:
    app = Flask("app")
    app.config.update(
        CIMD_ALLOW_LOOPBACK=True,
        CIMD_CA_BUNDLE=str(ca_bundle),
        CIMD_STORE="sqlalchemy",
        CIMD_DENIED_HOSTS=["spam.example"],
        SQLALCHEMY_DATABASE_URI=f"sqlite:///{tmp_path}/app.db",
    )
    db = SQLAlchemy()
    db.init_app(app)
    CIMD(clock=clock).init_app(app, db=db)
    with app.app_context():
        db.create_all()
    yield app
    with app.app_context():
        db.engine.dispose()


@pytest.fixture
def run(app: Flask) -> Run:
    return lambda *arguments: app.test_cli_runner().invoke(commands, list(arguments))


def resolve(app: Flask, url: str) -> Any:
    with app.app_context():
        return app.extensions["cimd"].resolve(url)


def test_stored_clients_are_listed_shown_and_forgotten(app: Flask, run: Run, origin: TLSOrigin, clock: Clock) -> None:
    urls = [publish_document(origin, f"/{name}.json", client_name=name) for name in ("one", "two")]
    for url in urls:
        resolve(app, url)
    clock.forward(minutes=59)
    assert run("list").stdout == f"{urls[0]}\tfresh\tone\n{urls[1]}\tfresh\ttwo\n"
    assert [row["client_name"] for row in json.loads(run("list", "--json").stdout)] == ["one", "two"]
    limited = run("list", "--limit", "1")
    assert limited.stdout.count("\n") == 1
    assert "1 more" in limited.stderr
    shown = run("show", urls[0]).stdout
    assert "client_name: one\n" in shown
    assert "tier: unknown\n" in shown
    assert json.loads(run("show", urls[0], "--json").stdout)["metadata"]["redirect_uris"] == [origin.url("/cb")]
    clock.forward(minutes=2)
    assert "\tstale\t" in run("list").stdout
    assert run("forget", *urls).exit_code == 0
    assert run("list").stdout == ""
    assert run("show", urls[0]).exit_code == 1
    assert run("forget", urls[0]).exit_code == 1
    assert run("show", "no url at all").exit_code == 1


def test_refresh_fetches_now_and_leaves_the_copy_alone_if_that_fails(app: Flask, run: Run, origin: TLSOrigin) -> None:
    url = publish_document(origin)
    resolve(app, url)
    publish_document(origin, client_name="Renamed")
    assert "Renamed" in run("refresh", url).stdout
    origin.serve("/client.json", b"", status=503)
    failed = run("refresh", url)
    assert failed.exit_code == 3
    assert "status 503" in failed.stderr
    assert resolve(app, url).client_name == "Renamed"
    origin.forget("/client.json")
    assert run("refresh", url).exit_code == 1
    assert run("show", url).exit_code == 1  # gone is gone


@proves("C-96")
def test_rules_are_edited_and_listed(app: Flask, run: Run, origin: TLSOrigin) -> None:
    url = publish_document(origin)
    assert run("deny", "localhost", ".evil.example").exit_code == 0
    assert run("trust", url).exit_code == 0
    with pytest.raises(PolicyDeniedError):
        resolve(app, url)
    assert sorted(run("rules").stdout.splitlines()) == sorted(
        [
            "deny\tspam.example\tsettings",
            "deny\t.evil.example\tstore",
            "deny\tlocalhost\tstore",
            f"trust\t{url}\tstore",
        ]
    )
    assert {"decision": "trust", "subject": url, "from": "store"} in json.loads(run("rules", "--json").stdout)
    assert run("allow", "localhost").exit_code == 0  # one rule for each subject: the later one
    assert resolve(app, url).client_name == "App"
    assert run("remove", "localhost", url).exit_code == 0
    assert run("remove", "localhost").exit_code == 1


@pytest.mark.parametrize("subject", ["*", "https://app.example/#", "app.example:443"])
def test_a_rule_that_could_never_match_is_a_wrong_call(run: Run, subject: str) -> None:
    result = run("deny", "good.example", subject)
    assert result.exit_code == 2
    assert "good.example" not in run("rules").stdout


def test_a_document_is_pinned_from_its_host_or_from_a_file(
    app: Flask, run: Run, origin: TLSOrigin, tmp_path: Path
) -> None:
    url = publish_document(origin)
    assert run("pin", url, "--fetch").exit_code == 0
    assert run("pins").stdout == f"{url}\n"
    origin.serve("/client.json", b"", status=503)
    assert resolve(app, url).client_name == "App"
    assert run("unpin", url).exit_code == 0
    assert run("unpin", url).exit_code == 1
    file = tmp_path / "copy.json"
    file.write_text(json.dumps({"client_id": url, "client_name": "From a file", "redirect_uris": [url]}))
    assert run("pin", url, str(file)).exit_code == 0
    assert run("forget", url).exit_code == 0
    assert resolve(app, url).client_name == "From a file"


def test_only_what_is_valid_today_can_be_pinned(run: Run, tmp_path: Path, origin: TLSOrigin) -> None:
    file = tmp_path / "copy.json"
    file.write_text("{}")
    result = run("pin", origin.url("/client.json"), str(file))
    assert result.exit_code == 1
    assert "invalid-document" in result.stderr
    assert run("pin", origin.url("/client.json")).exit_code == 2
    assert run("pin", origin.url("/client.json"), str(file), "--fetch").exit_code == 2
    assert run("pin", "https://spam.example/c", str(file)).exit_code == 1
    assert run("pins").stdout == ""


def test_rules_in_memory_are_refused_because_they_would_end_with_the_command() -> None:
    app = Flask("app")
    CIMD(app)
    result = app.test_cli_runner().invoke(commands, ["deny", "spam.example"])
    assert result.exit_code == 2
    assert "CIMD_STORE" in result.stderr


@proves("M-38")
def test_an_operator_says_what_a_tier_may_ask_for(app: Flask, run: Run) -> None:
    assert run("allowance").stdout.splitlines()[0] == "trusted\tscopes=any\tresources=any"
    done = run("allowance", "unknown", "--scopes", "profile email", "--resources", "https://me.example/api")
    assert done.stdout == "unknown\tscopes=email profile\tresources=https://me.example/api\n"
    run("allowance", "unknown", "--scopes", "")
    with app.app_context():
        kept = app.extensions["cimd"].admission.allowance(Tier.UNKNOWN)
    assert kept == Allowance(scopes=frozenset(), resources=frozenset({"https://me.example/api"}))
    assert json.loads(run("allowance", "unknown", "--any", "--json").stdout)[0]["scopes"] is None


@pytest.mark.parametrize("arguments", [("--any",), ("blocked",), ("known", "--any", "--scopes", "profile")])
def test_an_allowance_that_says_nothing_clear_is_a_wrong_call(run: Run, arguments: tuple[str, ...]) -> None:
    assert run("allowance", *arguments).exit_code == 2


def test_a_client_is_explained_and_the_exit_code_is_the_verdict(run: Run, origin: TLSOrigin) -> None:
    good = run("explain", publish_document(origin, client_name="Notebook"))
    assert good.exit_code == 0
    assert "ok    tls: TLSv1.3" in good.stdout
    assert good.stdout.endswith("Verdict: usable\n")
    refused = run("explain", "https://spam.example/c.json", "--json")
    assert refused.exit_code == 1
    assert json.loads(refused.stdout)["verdict"] == "refused"
    assert run("explain", origin.url("/missing.json")).exit_code == 3


def test_a_developer_without_a_server_has_the_explainer_too() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "flask_cimd", "https://127.0.0.1/client.json"], capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "FAIL  identifier" in done.stdout
    assert "ip-address" in done.stdout

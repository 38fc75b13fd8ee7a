"""``flask-cimd-site check``, ``serve`` and ``upgrade`` on sites that are well and that are not."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from flask_cimd_site import readiness, schema
from tests.site.command.conftest import Run


def outcomes(run: Run, directory: Path) -> tuple[int, dict[str, str]]:
    result = run("-d", directory, "check", "--json")
    return result.exit_code, {one["check"]: one["outcome"] for one in json.loads(result.output)}


def add(directory: Path, line: str) -> None:
    with (directory / "site.env").open("a") as file:
        file.write(f"{line}\n")


def test_a_new_site_is_well_before_and_after_its_first_schema(run: Run, any_directory: Path) -> None:
    before, _ = outcomes(run, any_directory)
    upgraded = run("-d", any_directory, "upgrade")
    assert (upgraded.exit_code, "was empty and is" in upgraded.output) == (0, True)
    after, found = outcomes(run, any_directory)
    assert (before in (0, 1), after) == (True, 0)
    assert {found["database"], found["schema"], found["store"], found["environment-file"]} == {"ok"}
    again = run("-d", any_directory, "upgrade")
    assert (again.exit_code, again.output) == (0, f"The schema is up to date: {schema.newest()}.\n")


def test_lines_for_people_begin_with_their_outcome(run: Run, directory: Path) -> None:
    lines = run("-d", directory, "check").output.splitlines()
    assert {line.split()[0] for line in lines} == {"ok", "warning"}


def test_a_directory_without_an_environment_file_says_how_to_make_one(run: Run, tmp_path: Path) -> None:
    for command in ("serve", "backup", "upgrade"):
        ended = run("-d", tmp_path / "none", command)
        assert ended.exit_code == 1
        assert "flask-cimd-site init" in ended.output
    assert outcomes(run, tmp_path / "none") == (1, {"configuration": "failed"})


@pytest.mark.parametrize(
    "line",
    ["DEMO_SECRET_KEY=short", "DEMO_BASE_URL=http://me.example", "DEMO_METRICS_TOKEN=short", "CIMD_FETCH_TIMEOUT=soon"],
)
def test_a_wrong_configuration_stops_every_command(run: Run, directory: Path, line: str) -> None:
    add(directory, line)
    name = line.partition("=")[0]
    ended = run("-d", directory, "check")
    if name.startswith("DEMO_"):
        assert (ended.exit_code, name in ended.output) == (1, True)
        ended = run("-d", directory, "serve")
    else:  # the library reads its settings when the app is made
        ended = run("-d", directory, "sweep")
    assert (ended.exit_code, name in ended.output) == (1, True)


def test_a_variable_of_the_process_wins(run: Run, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEMO_SECRET_KEY", "short")
    assert outcomes(run, directory) == (1, {"configuration": "failed"})


def test_files_that_others_can_read_fail(run: Run, directory: Path) -> None:
    (directory / "site.env").chmod(0o644)
    (directory / "data").chmod(0o755)
    code, found = outcomes(run, directory)
    assert (code, found["environment-file"]) == (1, "failed")
    assert f"chmod 700 {directory / 'data'}" in run("-d", directory, "check").output


def test_an_older_schema_fails_until_it_is_upgraded(run: Run, any_directory: Path) -> None:
    url = _url(run, any_directory)
    engine = create_engine(url)
    with schema.locked(engine), engine.begin() as connection:
        schema.migrate(connection, "0015")
    code, found = outcomes(run, any_directory)
    assert (code, found["schema"]) == (1, "failed")
    upgraded = run("-d", any_directory, "upgrade")
    assert upgraded.exit_code == 0
    assert upgraded.output.endswith(f"The schema was 0015 and is {schema.newest()}.\n")
    (backup,) = (any_directory / "backups").iterdir()
    assert f"Backup: {backup}" in upgraded.output
    assert outcomes(run, any_directory)[0] == 0
    engine.dispose()


@pytest.mark.parametrize("any_directory", ["sqlite"], indirect=True)
def test_a_newer_schema_is_left_alone(run: Run, any_directory: Path) -> None:
    url = _url(run, any_directory)
    run("-d", any_directory, "upgrade")
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    code, found = outcomes(run, any_directory)
    assert (code, found["schema"]) == (1, "failed")
    for command in ("upgrade", "serve"):
        ended = run("-d", any_directory, command)
        assert ended.exit_code == 1
        assert "9999 of a newer version" in ended.output
    with engine.begin() as connection:
        assert schema.revision_of(connection) == "9999"
    engine.dispose()


def test_a_database_that_does_not_answer_cannot_be_judged_now(run: Run, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    url = f"postgresql://nobody:secret-word@127.0.0.1:{port}/none"
    assert run("init", tmp_path / "site", "--domain", "me.example", "--database-url", url).exit_code == 0
    code, found = outcomes(run, tmp_path / "site")
    assert (code, found["database"]) == (3, "unknown")
    for command in ("serve", "upgrade", "backup"):
        ended = run("-d", tmp_path / "site", command)
        assert ended.exit_code == 3
        assert "secret-word" not in ended.output


@pytest.mark.parametrize("url", ["mysql://me@localhost/me", "no url", "sqlite+other:///x"])
def test_a_url_of_no_database_that_is_known_is_refused(run: Run, directory: Path, url: str) -> None:
    add(directory, f"DEMO_DATABASE_URL={url}")
    code, found = outcomes(run, directory)
    assert (code, found["database"]) == (1, "failed")
    ended = run("-d", directory, "serve")
    assert (ended.exit_code, "DEMO_DATABASE_URL" in ended.output) == (1, True)


def test_a_file_that_is_no_database_fails(run: Run, directory: Path) -> None:
    (directory / "data/site.db").write_bytes(b"no database " * 100)
    assert outcomes(run, directory)[0] == 1
    assert run("-d", directory, "serve").exit_code == 1


def test_little_space_fails(run: Run, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run("-d", directory, "upgrade")
    monkeypatch.setattr(readiness, "LEAST_FREE", 2**62)
    code, found = outcomes(run, directory)
    assert (code, found["disk"]) == (1, "failed")


def test_a_redis_that_does_not_answer_cannot_be_judged_now(run: Run, directory: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    add(directory, f"CIMD_STORE=redis://127.0.0.1:{port}/0")
    code, found = outcomes(run, directory)
    assert (code, found["store"]) == (3, "unknown")


def test_the_account_and_the_library_have_their_commands_here(run: Run, directory: Path) -> None:
    secret = run("-d", directory, "owner", "set-up")
    assert (secret.exit_code, len(secret.stdout.strip())) == (0, 43)
    rules = run("-d", directory, "cimd", "rules")
    assert rules.exit_code == 0, rules.output
    assert run("-d", directory, "sweep").output == "0 rows deleted\n"
    added = run("-d", directory, "resource-server", "add", "Tools", "https://tools.example/mcp")
    assert added.output.startswith("id=")


def _url(run: Run, directory: Path) -> str:
    from flask_cimd_site.cli.folder import Folder
    from flask_cimd_site.config import Configuration

    return Configuration.from_environment(Folder(directory).environment()).database_url

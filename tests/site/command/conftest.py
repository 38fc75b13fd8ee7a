"""The commands of a site, run in this process at a directory of the test."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from flask_cimd_site.cli import main
from tests.support.databases import private_schema

Run = Callable[..., Result]


@pytest.fixture(autouse=True)
def nothing_of_this_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Keep variables, umask and current directory of this process apart from those of the commands."""
    for name in list(os.environ):
        if name.startswith(("DEMO_", "CIMD_", "FLASK_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("FLASK_RUN_FROM_CLI", "true")
    monkeypatch.chdir(tmp_path)
    umask = os.umask(0)
    yield
    os.umask(umask)


@pytest.fixture
def run() -> Run:
    """Return the function that runs a command; anything but an exit code is raised to the test."""

    def run(*arguments: object, **options: object) -> Result:
        result = CliRunner().invoke(main, [str(argument) for argument in arguments], **options)  # type: ignore[arg-type]  # click's options
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


@pytest.fixture
def directory(run: Run, tmp_path: Path) -> Path:
    """Return the directory of a new site on SQLite."""
    path = tmp_path / "site"
    assert run("init", path, "--domain", "me.example").exit_code == 0
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def any_directory(request: pytest.FixtureRequest, run: Run, tmp_path: Path) -> Path:
    """Return the directory of a new site on each database."""
    path, more = tmp_path / "site", []
    if request.param == "postgresql":
        more = ["--database-url", private_schema(request.getfixturevalue("postgres_url"))]
    assert run("init", path, "--domain", "me.example", *more).exit_code == 0
    return path

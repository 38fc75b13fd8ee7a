"""``flask-cimd-site init`` makes a directory that is private, complete and never overwritten by accident."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

import pytest

from flask_cimd_site.cli import templates
from flask_cimd_site.cli.folder import become_owner, read_variables
from flask_cimd_site.config import Configuration
from tests.site.command.conftest import Run
from tests.support.demo import ROOT

FILES = {
    "site.env",
    "flask-cimd-site.service",
    "flask-cimd-site-backup.service",
    "flask-cimd-site-backup.timer",
    "nginx.conf",
    "Caddyfile",
}


def variables(directory: Path) -> dict[str, str]:
    return read_variables((directory / "site.env").read_text())


def test_it_asks_for_the_domain_and_nothing_else(run: Run, tmp_path: Path) -> None:
    made = run("init", tmp_path / "new", input="Me.Example\n")
    assert made.exit_code == 0, made.output
    assert made.output.count("?") + made.output.count("such as me.example:") == 1
    assert "https://me.example/first-run" in made.output
    assert variables(tmp_path / "new")["DEMO_BASE_URL"] == "https://me.example"


def test_everything_is_private_whatever_the_umask(directory: Path) -> None:
    modes = {path.relative_to(directory).as_posix(): stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()}
    assert modes == {**dict.fromkeys(FILES, 0o600), "data": 0o700, "backups": 0o700}
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700


def test_the_environment_starts_a_site_with_a_key_of_its_own(directory: Path, run: Run, tmp_path: Path) -> None:
    run("init", tmp_path / "other", "--domain", "me.example")
    key, other = variables(directory)["DEMO_SECRET_KEY"], variables(tmp_path / "other")["DEMO_SECRET_KEY"]
    assert len(key) == 64
    assert key != other
    given = {**variables(directory), "DEMO_DATABASE_URL": "sqlite://"}
    configuration = Configuration.from_environment(given)
    assert (configuration.base_url, configuration.trusted_proxies) == ("https://me.example", 1)


def test_the_files_name_this_site_and_no_example(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "new"
    assert run("init", path, "--domain", "ada.example", "--port", 5055).exit_code == 0
    nginx, caddy, unit = ((path / name).read_text() for name in ("nginx.conf", "Caddyfile", "flask-cimd-site.service"))
    assert "server_name ada.example;" in nginx
    assert "server 127.0.0.1:5055;" in nginx
    assert "\nada.example {" in caddy
    assert "reverse_proxy 127.0.0.1:5055 {" in caddy
    assert f"WorkingDirectory={path}\n" in unit
    assert f"ReadWritePaths={path}\n" in unit
    assert f"ExecStart={templates.program()} serve\n" in unit
    assert "StateDirectory" not in unit
    for text in (nginx, caddy, unit):
        assert "me.example" not in text.replace("name.example", "")
        assert "/var/lib/flask-cimd-site" not in text


def test_systemd_makes_a_directory_below_its_own_place() -> None:
    values = templates.Values(host="me.example", port=5000, directory=Path("/var/lib/me"), user="me")
    unit = templates.filled_in("flask-cimd-site.service", values)
    assert "StateDirectory=me\nStateDirectoryMode=0700\nReadWritePaths=/var/lib/me\n" in unit
    assert "User=me\n" in unit


@pytest.mark.parametrize("name", sorted(templates.NAMES))
def test_the_files_are_those_of_the_folder_deploy(name: str) -> None:
    assert templates.template(name) == (ROOT / "deploy" / name).read_text()


def test_a_second_run_changes_nothing_without_force(run: Run, directory: Path) -> None:
    before = (directory / "site.env").read_text()
    again = run("init", directory, "--domain", "other.example")
    assert again.exit_code == 1
    assert "site.env" in again.output
    assert (directory / "site.env").read_text() == before
    assert run("init", directory, "--domain", "other.example", "--force").exit_code == 0
    assert variables(directory)["DEMO_BASE_URL"] == "https://other.example"


def test_one_file_that_is_there_keeps_all_others_from_being_written(run: Run, directory: Path) -> None:
    for name in FILES - {"Caddyfile"}:
        (directory / name).unlink()
    assert run("init", directory, "--domain", "other.example").exit_code == 1
    assert {path.name for path in directory.iterdir()} == {"Caddyfile", "data", "backups"}


def test_force_leaves_data_alone(run: Run, directory: Path) -> None:
    (directory / "data/site.db").write_bytes(b"data")
    assert run("init", directory, "--domain", "me.example", "--force").exit_code == 0
    assert (directory / "data/site.db").read_bytes() == b"data"


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--domain", "http://me.example"), 2),
        (("--domain", "me.example/path"), 2),
        (("--domain", "localhost"), 2),
        (("--domain", "me..example"), 2),
        (("--domain", ""), 1),  # the question for the domain was not answered
        (("--domain", "me.example", "--port", "0"), 2),
        (("--domain", "me.example", "--user", "nobody-of-this-name"), 2),
    ],
)
def test_wrong_usage_makes_no_directory(run: Run, tmp_path: Path, options: tuple[str, ...], code: int) -> None:
    ended = run("init", tmp_path / "new", *options, input="\n")
    assert ended.exit_code == code
    assert not (tmp_path / "new").exists()


def test_without_a_directory_it_says_how_to_name_one(run: Run) -> None:
    ended = run("init", "--domain", "me.example")
    assert ended.exit_code == 2
    assert "flask-cimd-site init DIRECTORY" in ended.output


def test_a_site_for_a_try_has_no_domain_and_no_units(run: Run, tmp_path: Path) -> None:
    assert run("init", tmp_path / "try", "--development", "--port", 5099).exit_code == 0
    assert variables(tmp_path / "try")["DEMO_BASE_URL"] == "http://localhost:5099"
    assert {path.name for path in (tmp_path / "try").iterdir()} == {"site.env", "data", "backups"}


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives files away")
def test_root_gives_the_files_to_the_user_of_the_service(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "new"
    assert run("init", path, "--domain", "me.example", "--user", "nobody").exit_code == 0
    assert {one.owner() for one in (path, *path.iterdir())} == {"nobody"}
    assert "User=nobody\n" in (path / "flask-cimd-site.service").read_text()


@pytest.mark.skipif(os.getuid() != 0, reason="only root becomes somebody else")
def test_root_becomes_the_user_of_the_directory_so_that_no_file_is_roots(tmp_path: Path) -> None:
    shutil.chown(tmp_path, "nobody", "nogroup")
    here = os.open(tmp_path, os.O_RDONLY)  # the folders above are root's alone
    if (child := os.fork()) == 0:  # there is no way back
        try:
            os.setgroups([0, 1])
            become_owner(tmp_path)
            os.close(os.open("made", os.O_CREAT | os.O_WRONLY, 0o600, dir_fd=here))
            os._exit(len(os.getgroups()))
        finally:
            os._exit(1)
    os.close(here)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    made = tmp_path / "made"
    assert (made.owner(), made.group()) == ("nobody", "nogroup")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("A=1\n\n# B=2\n;C=3\n D=4 \n", {"A": "1", "D": "4"}),
        (
            "A=Ada Lovelace\nB='x y'\nC=\"x#y\"\nD=x#y\nE=a=b\nF=",
            {
                "A": "Ada Lovelace",
                "B": "x y",
                "C": "x#y",
                "D": "x#y",
                "E": "a=b",
                "F": "",
            },
        ),
        ("A=$HOME\nB=`id`", {"A": "$HOME", "B": "`id`"}),
    ],
)
def test_the_environment_file_is_read_as_systemd_reads_it(text: str, found: dict[str, str]) -> None:
    assert read_variables(text) == found


@pytest.mark.parametrize("text", ["no equals sign", "export A=1", "A='open", "1A=2", "A B=2"])
def test_another_line_is_named_by_its_number(run: Run, directory: Path, text: str) -> None:
    (directory / "site.env").write_text(f"# fine\n{text}\n")
    ended = run("-d", directory, "upgrade")
    assert ended.exit_code == 1
    assert "site.env, line 2" in ended.output

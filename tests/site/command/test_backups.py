"""Backups hold one instant while the site is written to; restores are checked first and happen whole or not at all."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import stat
import tarfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from flask_cimd.clients import admission
from flask_cimd_site import backups, schema
from flask_cimd_site.backups import postgresql, records
from tests.site.command import data
from tests.site.command.conftest import Run
from tests.support import private_servers
from tests.support.databases import private_schema
from tests.support.private_servers import RedisServer


@pytest.fixture
def filled(any_directory: Path, run: Run) -> Path:
    """Return the directory of a site with two posts and pictures."""
    assert run("-d", any_directory, "upgrade").exit_code == 0
    with data.engine_at(any_directory) as engine:
        data.write(engine, 1)
        data.write(engine, 2)
    return any_directory


@pytest.fixture
def other(request: pytest.FixtureRequest, filled: Path, run: Run, tmp_path: Path) -> Path:
    """Return the directory of an empty site on the same kind of database."""
    path, more = tmp_path / "other", []
    if "DEMO_DATABASE_URL" in (filled / "site.env").read_text():
        more = ["--database-url", private_schema(request.getfixturevalue("postgres_url"))]
    assert run("init", path, "--domain", "other.example", *more).exit_code == 0
    return path


def backed_up(run: Run, directory: Path, *options: str) -> Path:
    result = run("-d", directory, "backup", *options)
    assert result.exit_code == 0, result.output
    return Path(result.stdout.strip())


def all_of(directory: Path) -> list[tuple[Any, ...]]:
    with data.engine_at(directory) as engine:
        return data.content(engine)


def test_a_restored_site_is_the_one_that_was_backed_up(run: Run, filled: Path, other: Path) -> None:
    backup = backed_up(run, filled)
    restored = run("-d", other, "restore", backup)
    assert restored.exit_code == 0, restored.output
    assert all_of(other) == all_of(filled)
    with data.engine_at(other) as engine:
        data.write(engine, 3)  # new rows get new numbers
        assert data.counted(engine) == (3, 3)
    assert run("-d", other, "check").exit_code == 0


@pytest.mark.parametrize("any_directory", ["sqlite"], indirect=True)
def test_a_backup_is_private_named_by_its_instant_and_without_secrets(run: Run, filled: Path) -> None:
    backup = backed_up(run, filled)
    assert backup.parent == filled / "backups"
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    assert [path.name for path in backup.parent.iterdir()] == [backup.name]  # nothing else is left
    with tarfile.open(backup) as archive:
        manifest = json.load(archive.extractfile("manifest.json"))  # type: ignore[arg-type]  # it is a file
        names = archive.getnames()
    assert manifest["schema"] == schema.newest()
    assert names == ["manifest.json", *manifest["files"]]
    assert "site.env" not in names


def test_a_backup_while_the_site_is_written_to_holds_one_instant(run: Run, filled: Path, other: Path) -> None:
    with data.engine_at(filled) as engine, data.Writer(engine, 10) as writer:
        before = writer.written
        backup = backed_up(run, filled)
    assert writer.error is None  # nobody had to wait too long
    assert run("-d", other, "restore", backup).exit_code == 0
    with data.engine_at(other) as engine:
        posts, pictures = data.counted(engine)
    assert posts == pictures  # each transaction as a whole
    assert before + 2 <= posts <= writer.written + 2


@pytest.mark.parametrize("any_directory", ["sqlite"], indirect=True)
def test_secrets_are_in_a_backup_only_if_asked_for_and_said(run: Run, filled: Path, tmp_path: Path) -> None:
    file = tmp_path / "full.tar.gz"
    made = run("-d", filled, "backup", file, "--with-secrets")
    assert (made.exit_code, "with site.env and its secrets" in made.output) == (0, True)
    new = tmp_path / "moved"
    moved = run("-d", new, "restore", file, "--with-secrets")
    assert moved.exit_code == 0, moved.output
    assert (new / "site.env").read_text() == (filled / "site.env").read_text()
    assert stat.S_IMODE((new / "site.env").stat().st_mode) == 0o600
    assert all_of(new) == all_of(filled)


@pytest.mark.parametrize("any_directory", ["sqlite"], indirect=True)
def test_a_site_moves_into_a_directory_that_init_made(run: Run, filled: Path, tmp_path: Path) -> None:
    backup, new = backed_up(run, filled, "--with-secrets"), tmp_path / "new"
    run("init", new, "--domain", "me.example")
    assert run("-d", new, "restore", backup, "--with-secrets", "--replace").exit_code == 0
    assert (new / "site.env").read_text() == (filled / "site.env").read_text()
    assert all_of(new) == all_of(filled)
    assert (new / "nginx.conf").exists()


def _is_postgres(directory: Path) -> bool:
    return "postgresql" in (directory / "site.env").read_text()


@pytest.mark.parametrize("any_directory", ["sqlite"], indirect=True)
def test_an_environment_file_is_not_overwritten(run: Run, filled: Path, other: Path) -> None:
    backup, before = backed_up(run, filled, "--with-secrets"), (other / "site.env").read_text()
    ended = run("-d", other, "restore", backup, "--with-secrets")
    assert (ended.exit_code, "site.env exists" in ended.output) == (1, True)
    assert (other / "site.env").read_text() == before
    plain = run("-d", other, "restore", backed_up_again(run, filled), "--with-secrets", "--replace")
    assert (plain.exit_code, "(no-secrets)" in plain.output) == (1, True)


def backed_up_again(run: Run, directory: Path) -> Path:
    return backed_up(run, directory, str(directory / "second.tar.gz"))


def test_living_data_are_kept_unless_told(run: Run, filled: Path) -> None:
    backup = backed_up(run, filled)
    with data.engine_at(filled) as engine:
        data.write(engine, 3)
    before = all_of(filled)
    refused = run("-d", filled, "restore", backup)
    assert (refused.exit_code, "post: 3" in refused.output, "(holds-data)" in refused.output) == (1, True, True)
    assert all_of(filled) == before
    assert run("-d", filled, "restore", backup, "--replace").exit_code == 0
    with data.engine_at(filled) as engine:
        assert data.counted(engine) == (2, 2)


def test_a_backup_of_an_older_schema_is_brought_up_to_date(run: Run, any_directory: Path, tmp_path: Path) -> None:
    with data.engine_at(any_directory) as engine:
        with schema.locked(engine), engine.begin() as connection:
            schema.migrate(connection, "0012")  # of other tables than those of today
            connection.execute(text("INSERT INTO profile (id, name, note, links, urls) VALUES (1, 'Ada', '', '', '')"))
        backup = backed_up(run, any_directory)
        assert run("-d", any_directory, "restore", backup, "--replace").exit_code == 0
        with engine.connect() as connection:
            assert schema.revision_of(connection) == schema.newest()
            assert connection.execute(text("SELECT name FROM profile")).scalar_one() == "Ada"


@pytest.mark.parametrize("any_directory", ["postgresql"], indirect=True)
def test_tables_of_others_in_the_same_database_are_left_alone(run: Run, filled: Path) -> None:
    backup = backed_up(run, filled)
    with data.engine_at(filled) as engine:
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE guestbook (entry text)"))
            connection.execute(text("INSERT INTO guestbook VALUES ('hello')"))
        assert run("-d", filled, "restore", backup, "--replace").exit_code == 0
        with engine.connect() as connection:
            assert connection.execute(text("SELECT entry FROM guestbook")).scalar_one() == "hello"


def test_a_restore_that_fails_half_way_changes_nothing(run: Run, filled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    backup, before = backed_up(run, filled), all_of(filled)
    if _is_postgres(filled):
        monkeypatch.setattr(postgresql, "_continue_numbers", _out_of_power)
    else:
        monkeypatch.setattr("flask_cimd_site.backups.sqlite.put", _out_of_power)
    ended = run("-d", filled, "restore", backup, "--replace")
    assert (ended.exit_code, "out of power" in ended.output) == (1, True)
    assert all_of(filled) == before


def test_a_restore_that_fails_leaves_no_new_database_behind(
    run: Run, directory: Path, tmp_path: Path, good: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "good.tar.gz").write_bytes(good)
    monkeypatch.setattr("flask_cimd_site.backups.sqlite.put", _out_of_power)
    assert run("-d", directory, "restore", tmp_path / "good.tar.gz").exit_code == 1
    assert [path.name for path in (directory / "data").iterdir()] == ["site.db.lock"]


def _out_of_power(*_: object) -> None:
    raise OSError(5, "out of power")


# -- files that are no backups, or not of this site ------------------------------------------------------------------


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return the bytes of a backup of an empty SQLite site."""
    folder = tmp_path_factory.mktemp("good")
    engine = create_engine(f"sqlite:///{folder}/site.db")
    schema.upgrade(engine)
    backups.make(engine, folder / "good.tar.gz", environment_file=None, now=datetime.now(UTC))
    engine.dispose()
    return (folder / "good.tar.gz").read_bytes()


def changed(backup: bytes, change: Callable[[dict[str, Any], dict[str, bytes]], None]) -> bytes:
    """Return a backup whose manifest and members were changed."""
    with tarfile.open(fileobj=io.BytesIO(backup)) as archive:
        members = {name: archive.extractfile(name).read() for name in archive.getnames()}  # type: ignore[union-attr]  # they are files
    manifest = json.loads(members.pop("manifest.json"))
    change(manifest, members)
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w:gz") as archive:
        for name, content in {"manifest.json": json.dumps(manifest).encode(), **members}.items():
            head = tarfile.TarInfo(name)
            head.size = len(content)
            archive.addfile(head, io.BytesIO(content))
    return written.getvalue()


def _flip(_: dict[str, Any], members: dict[str, bytes]) -> None:
    members["site.db"] = members["site.db"][:5000] + b"?" + members["site.db"][5001:]


def _not_a_database(manifest: dict[str, Any], members: dict[str, bytes]) -> None:
    members["site.db"] = b"no database " * 100
    manifest["files"]["site.db"] = {"size": 1200, "sha256": hashlib.sha256(members["site.db"]).hexdigest()}


def _leave_out(_: dict[str, Any], members: dict[str, bytes]) -> None:
    del members["site.db"]


def _more(_: dict[str, Any], members: dict[str, bytes]) -> None:
    members["../../evil"] = b""


def _outside(manifest: dict[str, Any], members: dict[str, bytes]) -> None:
    members["../evil"] = b""
    manifest["files"]["../evil"] = {"size": 0, "sha256": hashlib.sha256(b"").hexdigest()}


def setting(name: str, value: Any) -> Callable[[dict[str, Any], dict[str, bytes]], None]:
    return lambda manifest, _: manifest.update({name: value})


def _without_files(manifest: dict[str, Any], _: dict[str, bytes]) -> None:
    del manifest["files"]


BROKEN: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "empty": (lambda _: b"", "damaged"),
    "text": (lambda _: b"not a backup", "damaged"),
    "gzip of text": (lambda _: gzip.compress(b"not a backup" * 100), "damaged"),
    "cut": (lambda good: good[: len(good) // 2], "damaged"),
    "flipped in the gzip": (lambda good: good[:2000] + bytes([good[2000] ^ 255]) + good[2001:], "damaged"),
    "flipped": (lambda good: changed(good, _flip), "damaged"),
    "not a database": (lambda good: changed(good, _not_a_database), "damaged"),
    "member missing": (lambda good: changed(good, _leave_out), "damaged"),
    "another member": (lambda good: changed(good, _more), "damaged"),
    "member outside": (lambda good: changed(good, _outside), "damaged"),
    "no list of files": (lambda good: changed(good, _without_files), "damaged"),
    "manifest of another schema": (lambda good: changed(good, setting("schema", "0015")), "damaged"),
    "newer schema": (lambda good: changed(good, setting("schema", "9999")), "newer-backup"),
    "newer format": (lambda good: changed(good, setting("format", 2)), "newer-backup"),
    "other database": (lambda good: changed(good, setting("database", "postgresql")), "other-database"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_what_is_no_backup_of_this_site_changes_nothing(
    run: Run, directory: Path, tmp_path: Path, good: bytes, kind: str
) -> None:
    make, slug = BROKEN[kind]
    file = tmp_path / "broken.tar.gz"
    file.write_bytes(make(good))
    ended = run("-d", directory, "restore", file)
    assert (ended.exit_code, f"({slug})" in ended.output) == (1, True), ended.output
    assert {path.name for path in directory.rglob("*")} >= {"data", "backups", "site.env"}
    assert list((directory / "data").iterdir()) == []
    assert not (tmp_path / "evil").exists()
    assert not [path for path in directory.iterdir() if path.name.startswith(".restore-")]


def test_a_missing_member_is_named(run: Run, directory: Path, tmp_path: Path, good: bytes) -> None:
    (tmp_path / "broken.tar.gz").write_bytes(changed(good, _leave_out))
    assert "it lacks site.db" in run("-d", directory, "restore", tmp_path / "broken.tar.gz").output


def test_a_tar_without_a_manifest_is_no_backup(run: Run, directory: Path, tmp_path: Path) -> None:
    file = tmp_path / "other.tar.gz"
    with tarfile.open(file, "w:gz") as archive:
        archive.add(directory / "site.env", "notes.txt")
    ended = run("-d", directory, "restore", file)
    assert (ended.exit_code, "(not-a-backup)" in ended.output) == (1, True)


def test_a_file_that_is_there_is_never_replaced_by_a_backup(run: Run, directory: Path, tmp_path: Path) -> None:
    run("-d", directory, "upgrade")
    file = tmp_path / "mine"
    file.write_text("mine")
    ended = run("-d", directory, "backup", file)
    assert (ended.exit_code, "(exists)" in ended.output, file.read_text()) == (1, True, "mine")


def test_a_site_that_never_ran_has_nothing_to_back_up(run: Run, directory: Path) -> None:
    ended = run("-d", directory, "backup")
    assert (ended.exit_code, "(no-site)" in ended.output) == (1, True)
    assert list((directory / "data").iterdir()) == []


def test_older_backups_are_deleted_if_asked_for(run: Run, directory: Path) -> None:
    run("-d", directory, "upgrade")
    old = [directory / f"backups/site-2026010{day}T000000Z.tar.gz" for day in (1, 2, 3)]
    for path in (*old, directory / "backups/mine.tar.gz"):
        path.touch()
    new = backed_up(run, directory, "--keep", "2")
    assert {path.name for path in new.parent.iterdir()} == {"mine.tar.gz", old[2].name, new.name}


# -- rules in Redis --------------------------------------------------------------------------------------------------


@pytest.fixture
def with_redis(filled: Path) -> Iterator[RedisServer]:
    """Let the site keep its rules in a Redis of its own."""
    with private_servers.redis_server() as server:
        with (filled / "site.env").open("a") as file:
            file.write(f"CIMD_STORE={server.url}\n")
        yield server


@pytest.mark.parametrize("any_directory", ["sqlite"], indirect=True)
def test_rules_in_redis_are_backed_up_and_restored(run: Run, filled: Path, with_redis: RedisServer) -> None:
    assert run("-d", filled, "cimd", "deny", "casino.example").exit_code == 0
    assert run("-d", filled, "cimd", "trust", "friend.example").exit_code == 0
    backup = backed_up(run, filled)
    run("-d", filled, "cimd", "remove", "casino.example")
    run("-d", filled, "cimd", "deny", "other.example")
    with data.engine_at(filled) as engine:
        data.empty(engine)
    refused = run("-d", filled, "restore", backup)
    assert (refused.exit_code, "(holds-data)" in refused.output) == (1, True)
    assert run("-d", filled, "restore", backup, "--replace").exit_code == 0
    rules = run("-d", filled, "cimd", "rules").output.splitlines()
    assert {tuple(rule.split()[:2]) for rule in rules} == {("deny", "casino.example"), ("trust", "friend.example")}


@pytest.mark.parametrize("any_directory", ["sqlite"], indirect=True)
def test_a_redis_that_is_away_stops_both_before_anything_is_changed(
    run: Run, filled: Path, with_redis: RedisServer
) -> None:
    run("-d", filled, "cimd", "deny", "casino.example")
    backup, before = backed_up(run, filled), all_of(filled)
    with data.engine_at(filled) as engine:
        data.write(engine, 3)
    with_redis.stop()
    kept = all_of(filled)
    for command in (("backup", filled / "second"), ("restore", backup, "--replace")):
        ended = run("-d", filled, *command)
        assert (ended.exit_code, "Redis does not answer" in ended.output) == (3, True), ended.output
    assert all_of(filled) == kept != before
    assert not (filled / "second").exists()


@pytest.mark.parametrize("any_directory", ["sqlite"], indirect=True)
def test_rules_of_a_redis_need_one(run: Run, filled: Path, with_redis: RedisServer) -> None:
    run("-d", filled, "cimd", "deny", "casino.example")
    backup = backed_up(run, filled)
    text = (filled / "site.env").read_text()
    (filled / "site.env").write_text(text.replace("CIMD_STORE", "# CIMD_STORE"))
    ended = run("-d", filled, "restore", backup, "--replace")
    assert (ended.exit_code, "(other-store)" in ended.output) == (1, True)


def test_every_kind_of_record_is_backed_up() -> None:
    assert set(records.KINDS) == {admission._RULE, admission._TIER, admission._PIN}


# -- a full disk -----------------------------------------------------------------------------------------------------


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """Mount a disk of 1 MiB."""
    with private_servers.small_disk(1) as path:
        yield path


@pytest.fixture
def large(run: Run, directory: Path) -> Path:
    """Return a site whose backup does not fit on the small disk."""
    run("-d", directory, "upgrade")
    with data.engine_at(directory) as engine, engine.begin() as connection:
        connection.execute(
            text("INSERT INTO media VALUES ('0123456789abcdef0123456789abcdef.png', 'image/png', :content, 1, 1, 0)"),
            {"content": os.urandom(2 * 1024 * 1024)},
        )
    return directory


def test_a_backup_on_a_full_disk_leaves_nothing_behind(run: Run, large: Path, small_disk: Path) -> None:
    ended = run("-d", large, "backup", small_disk / "backup.tar.gz")
    assert (ended.exit_code, "full" in ended.output) == (1, True), ended.output
    assert list(small_disk.iterdir()) == []


def test_a_restore_on_a_full_disk_changes_nothing(run: Run, large: Path, small_disk: Path) -> None:
    backup = backed_up(run, large)
    site = small_disk / "site"
    assert run("init", site, "--domain", "me.example").exit_code == 0
    run("-d", site, "upgrade")
    with data.engine_at(site) as engine:
        data.write(engine, 1)
    before = all_of(site)
    ended = run("-d", site, "restore", backup, "--replace")
    assert (ended.exit_code, "full" in ended.output) == (1, True), ended.output
    assert all_of(site) == before
    assert {path.name for path in site.iterdir()} >= {"data", "site.env"}
    assert not [path for path in site.iterdir() if path.name.startswith(".")]


def test_a_database_on_a_full_disk_keeps_its_data(run: Run, large: Path, small_disk: Path, tmp_path: Path) -> None:
    backup = backed_up(run, large)
    site = tmp_path / "elsewhere"
    url = f"DEMO_DATABASE_URL=sqlite:///{small_disk}/site.db\n"
    assert run("init", site, "--domain", "me.example").exit_code == 0
    with (site / "site.env").open("a") as file:
        file.write(url)
    run("-d", site, "upgrade")
    with data.engine_at(site) as engine:
        data.write(engine, 1)
    before = all_of(site)
    ended = run("-d", site, "restore", backup, "--replace")  # unpacked on the large disk, put on the small one
    assert (ended.exit_code, "full" in ended.output) == (1, True), ended.output
    assert all_of(site) == before

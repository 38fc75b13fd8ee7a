"""A SQLite file on a disk that is full, or that cannot be written for a while; and a copy of it during sign-ins."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from tests.soak import rounds
from tests.support.browser import Browser, SignIn, Site, publish_client
from tests.support.gunicorn import gunicorn
from tests.support.origin import TLSOrigin
from tests.support.private_servers import small_disk
from tests.support.visitors import Visitors, is_clear_refusal

#: Seconds within which everything works again after the trouble is over.
RECOVERY = 5.0
PEOPLE = 4
#: Bytes of the log for each request that is refused.
LOGGED = 600


@pytest.fixture
def disk() -> Iterator[Path]:
    with small_disk(24) as folder:
        yield folder


def approved(owner: Browser, origin: TLSOrigin) -> list[str]:
    """Return apps that the owner has used once."""
    clients = [publish_client(origin, f"/{number}.json") for number in range(PEOPLE)]
    for client in clients:
        owner.tokens(client)
    return clients


def recovers(visitors: Visitors, since: float) -> None:
    """Check that every person signs in within `RECOVERY` seconds, and that nobody is refused afterwards."""
    assert visitors.wait(lambda now: sum(at > since for at in now.ended) >= 3 * PEOPLE or bool(now.errors), RECOVERY)
    assert visitors.errors == []
    assert max(visitors.refused, default=0.0) < since + RECOVERY


def fill(folder: Path) -> Path:
    """Write a file until the disk has no space left."""
    file = folder / "filling"
    with contextlib.suppress(OSError), file.open("wb", buffering=0) as filling:
        while filling.write(bytes(4096)):
            pass
    return file


def test_a_full_disk_loses_nothing_and_the_site_is_back_when_there_is_space(
    disk: Path, tmp_path: Path, ca_bundle: Path, origin: TLSOrigin
) -> None:
    url = f"sqlite:///{disk}/site.db"
    with gunicorn(tmp_path, database_url=url, workers=2, CIMD_CA_BUNDLE=str(ca_bundle)) as (_, owner):
        clients = approved(owner, origin)
        logged = (tmp_path / "gunicorn.log").stat().st_size
        with Visitors(owner, clients) as visitors:
            assert visitors.wait(lambda now: len(now.ended) >= PEOPLE, 20)
            filling = fill(disk)
            # The log of SQLite has room for some more writes.
            assert visitors.wait(lambda now: len(now.refused) >= 2 * PEOPLE or bool(now.errors), 20), visitors.errors
            filling.unlink()
            recovers(visitors, time.monotonic())
        assert rounds.lost(owner, visitors.tokens) == []
        said = (tmp_path / "gunicorn.log").read_text()[logged:]
        assert owner.get("/healthz").status_code == 200
    assert rounds.doubled(url) == 0
    assert "Traceback" not in said
    assert len(said) <= LOGGED * len(visitors.refused)


#: Runs a command as a user whom the permissions of files bind, which is anybody but root.
_BOUND = "-dac_override,-dac_read_search"
UNPRIVILEGED = () if os.getuid() else ("setpriv", f"--bounding-set={_BOUND}", f"--inh-caps={_BOUND}")


def set_writable(folder: Path, *, is_writable: bool) -> None:
    for file in (folder, *folder.glob("site.db*")):
        file.chmod((0o755 if file.is_dir() else 0o644) if is_writable else (0o555 if file.is_dir() else 0o444))


def test_a_file_that_was_read_only_for_a_while_is_written_by_every_connection_afterwards(
    tmp_path: Path, ca_bundle: Path, origin: TLSOrigin
) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    url, given = f"sqlite:///{folder}/site.db", {"CIMD_CA_BUNDLE": str(ca_bundle)}
    with gunicorn(tmp_path, database_url=url, workers=1, before=UNPRIVILEGED, **given) as (_, owner):
        clients = approved(owner, origin)
        logged = (tmp_path / "gunicorn.log").stat().st_size
        set_writable(folder, is_writable=False)
        # Many requests at once open connections beside the one that can write, and those stay read-only.
        refused = 0
        with ThreadPoolExecutor(16) as pool:
            while refused < PEOPLE:
                pages = list(pool.map(lambda _: open_page(owner, clients[0]), range(32)))
                assert [page.text for page in pages if page.status_code != 200 and not is_clear_refusal(page)] == []
                refused += sum(page.status_code == 503 for page in pages)
        set_writable(folder, is_writable=True)
        with Visitors(owner, clients) as visitors:
            recovers(visitors, time.monotonic())
        assert rounds.lost(owner, visitors.tokens) == []
        assert "Traceback" not in (tmp_path / "gunicorn.log").read_text()[logged:]


def open_page(owner: Browser, client_id: str) -> requests.Response:
    """Open the consent page over a connection of its own."""
    browser = Browser(owner.base_url)
    browser.session.cookies.update(owner.session.cookies)
    with browser.session:
        return browser.authorize(SignIn.begin(client_id, scope="profile"))


def test_a_copy_during_sign_ins_holds_everything_that_was_acknowledged_before(
    tmp_path: Path, ca_bundle: Path, origin: TLSOrigin, make_site: Callable[..., Site]
) -> None:
    url = f"sqlite:///{tmp_path}/site.db"
    with gunicorn(tmp_path, database_url=url, workers=2, CIMD_CA_BUNDLE=str(ca_bundle)) as (_, owner):
        clients = approved(owner, origin)
        with Visitors(owner, clients) as visitors:
            for number in range(2):
                assert visitors.wait(lambda now, least=4 * (number + 1): len(now.ended) >= least, 20)
                known = list(visitors.tokens)
                copy = tmp_path / f"copy-{number}.db"
                with contextlib.closing(sqlite3.connect(tmp_path / "site.db")) as source:
                    source.execute("VACUUM INTO ?", [str(copy)])
                assert missing_in(copy, known) == []
        assert visitors.errors == visitors.refused == []
    browser = make_site(f"sqlite:///{copy}").browser()
    bearers = [{"Authorization": f"Bearer {token}"} for token in known]
    assert {browser.get("/userinfo", headers=bearer).status_code for bearer in bearers} == {200}


def missing_in(copy: Path, tokens: list[str]) -> list[str]:
    """Check that a copy is sound, and return the tokens that it does not hold."""
    with contextlib.closing(sqlite3.connect(copy)) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert database.execute("PRAGMA foreign_key_check").fetchall() == []
        kept = {digest for (digest,) in database.execute("SELECT digest FROM cimd_token")}
    return [token for token in tokens if hashlib.sha256(token.encode()).hexdigest() not in kept]

"""The demo for tests: inside this process, or running as it is run for real; and somebody with a browser at it.

A site in this process, on a database of its own and a clock that the test moves::

    with demo_in_process(f"sqlite:///{tmp_path}/demo.db", ca_bundle) as site:
        owner = site.owner()                                     # logged in
        client_id = publish_client(origin, redirect_uris=[REDIRECT])
        tokens = owner.tokens(client_id, REDIRECT, scope="profile")

The fixtures ``site`` (SQLite), ``postgres_site``, ``any_site`` (both, one after the other) and ``make_site`` (with
environment variables of your own) of ``tests/conftest.py`` do the first line.

A demo as a process of its own, at a free port::

    with running_demo(tmp_path, CIMD_CA_BUNDLE=str(ca_bundle)) as demo:
        owner = demo.owner()

The fixture ``running_site`` is one for the whole test run. In both, `Browser` has the same methods; step by step::

    sign_in = SignIn.begin(client_id, REDIRECT, scope="profile")   # state, PKCE pair
    page = owner.authorize(sign_in)                                # the consent page, or another answer
    answer = owner.approve(page, scope=["profile"])                # parameters of the redirect: code, state, iss
    tokens = owner.redeem(sign_in, answer["code"]).json()
"""

from __future__ import annotations

import contextlib
import os
import random
import re
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread

from alembic import command
from sqlalchemy import create_engine, inspect

from flask_cimd_site import create_app, schema
from flask_cimd_site.config import DEVELOPMENT_PASSWORD
from flask_cimd_site.models import db

from .browser import BASE_URL, Browser, Site
from .clock import Clock

ROOT = Path(__file__).resolve().parents[2]
_START_SECONDS = 60


# -- inside this process ----------------------------------------------------------------------------------------


@contextlib.contextmanager
def demo_in_process(
    database_url: str, ca_bundle: Path, *, clock: Clock | None = None, **environment: str
) -> Iterator[Site]:
    """Build the demo in development mode; keywords are ``DEMO_*`` and ``CIMD_*`` variables.

    Anything that the app does not handle is raised to the test instead of a page with status 500.
    """
    clock = clock or Clock()
    given = {
        "DEMO_DEVELOPMENT": "1",
        "DEMO_BASE_URL": BASE_URL,
        "DEMO_OWNER_EMAIL": "owner@example.com",
        "DEMO_DATABASE_URL": database_url,
        "CIMD_CA_BUNDLE": str(ca_bundle),
        **environment,
    }
    _start_with_the_schema(database_url)
    app = create_app(given, clock=clock)
    app.config["PROPAGATE_EXCEPTIONS"] = True
    password = given.get("DEMO_OWNER_PASSWORD", DEVELOPMENT_PASSWORD)
    try:
        yield Site(app=app, base_url=given["DEMO_BASE_URL"], clock=clock, password=password)
    finally:
        with app.app_context():
            db.session.remove()
            db.engine.dispose()


_migrated: list[bytes] = []


def _start_with_the_schema(database_url: str) -> None:
    """Give a new database the schema at once: migrations run once a process, on SQLite.

    On PostgreSQL the models make the tables; a test of the schema shows that the migrations make the same ones.
    """
    if database_url.startswith("postgresql"):
        _create_tables(database_url)
        return
    path = Path(database_url.removeprefix("sqlite:///"))
    if not database_url.startswith("sqlite:////") or path.exists():
        return
    if not _migrated:
        with tempfile.TemporaryDirectory() as folder:
            empty = Path(folder) / "empty.db"
            engine = create_engine(f"sqlite:///{empty}")
            schema.upgrade(engine)  # an app would make the account, with a password of its own
            engine.dispose()
            _migrated.append(empty.read_bytes())
    path.write_bytes(_migrated[0])


def _create_tables(database_url: str) -> None:
    engine = create_engine(database_url)
    with engine.begin() as connection:
        if not inspect(connection).get_table_names():
            db.metadata.create_all(connection)
            command.stamp(schema.migration_config(connection), "head")
    engine.dispose()


# -- as a process of its own ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningDemo:
    """A demo that runs as a process.

    Attributes:
        printed: what it printed so far, by line; grows.
        samples: addresses of the sample apps, by name.
        log: the file with what it logged.
        environment: the variables that it was given.
    """

    base_url: str
    process: subprocess.Popen[str]
    log: Path
    password: str = DEVELOPMENT_PASSWORD
    printed: list[str] = field(default_factory=list)
    samples: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)

    def browser(self) -> Browser:
        """Return a fresh browser, which trusts the authority that the demo trusts."""
        browser = Browser(self.base_url)
        browser.session.verify = self.environment.get("CIMD_CA_BUNDLE", True)
        return browser

    def owner(self) -> Browser:
        """Return a fresh browser, logged in."""
        return self.browser().log_in(self.password)


@contextlib.contextmanager
def running_demo(folder: Path, *, samples: bool = False, **environment: str) -> Iterator[RunningDemo]:
    """Run ``python -m demo`` in development mode at a free port until the block ends.

    Args:
        folder: for its database and log.
        samples: run the sample apps beside it.
        environment: ``DEMO_*`` and ``CIMD_*`` variables; ours are replaced, those of this process are not passed on.
    """
    port = free_ports((0, 1, 2, 3, 5, 8, 9) if samples else (0,))
    given = {
        "DEMO_DEVELOPMENT": "1",
        "DEMO_PORT": str(port),
        "DEMO_OWNER_EMAIL": "owner@example.com",
        "DEMO_BASE_URL": f"http://127.0.0.1:{port}",
        "DEMO_DATABASE_URL": f"sqlite:///{folder}/demo-{port}.db",
        **environment,
    }
    log = folder / f"demo-{port}.log"
    command = [sys.executable, "-m", "demo", *([] if samples else ["--no-samples"])]
    with log.open("w") as errors:
        process = subprocess.Popen(
            command, cwd=ROOT, env=inherited_environment() | given, stdout=subprocess.PIPE, stderr=errors, text=True
        )
    with _stopping(process):
        printed = _wait_until_announced(process, log)
        demo = RunningDemo(
            base_url=given["DEMO_BASE_URL"],
            process=process,
            log=log,
            password=given.get("DEMO_OWNER_PASSWORD", DEVELOPMENT_PASSWORD),
            printed=printed,
            environment=given,
            samples={name: url for name, url in _addresses(printed) if name != "The site"},
        )
        assert demo.browser().get("/healthz").status_code == 200, log.read_text()
        yield demo


#: Below the ports that systems give to outgoing connections: one of those could be taken before a server has it.
#: Each worker of a parallel run has a thousand of its own, so that no two of them find the same port free.
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 20
_PORTS = range(12000 + 1000 * _WORKER, 12000 + 1000 * _WORKER + 980)
_handed_out: set[int] = set()


def free_ports(offsets: Sequence[int] = (0,)) -> int:
    """Return a port on 127.0.0.1 that is free, as are those at these offsets after it; each is returned once."""
    for _ in range(1000):
        first = random.choice(_PORTS)
        wanted = {first + offset for offset in (0, *offsets)}
        if wanted & _handed_out or not all(map(_is_free, wanted)):
            continue
        _handed_out.update(wanted)
        return first
    raise OSError("no free ports")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def inherited_environment() -> dict[str, str]:
    """Return this process's environment without what a demo reads."""
    ours = ("DEMO_", "CIMD_", "FLASK_", "GUNICORN_")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


@contextlib.contextmanager
def _stopping(process: subprocess.Popen[str]) -> Iterator[None]:
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)
        if process.stdout is not None:
            process.stdout.close()


def _wait_until_announced(process: subprocess.Popen[str], log: Path) -> list[str]:
    """Read lines until the blank one after the addresses; a demo that fails closes its output, which ends it too."""
    printed: list[str] = []

    def read() -> None:
        for line in process.stdout or ():
            printed.append(line.rstrip("\n"))
            # A site without an owner prints a secret first.
            if not printed[-1] and any(known.startswith("The site:") for known in printed):
                return

    reader = Thread(target=read, daemon=True)
    reader.start()
    reader.join(_START_SECONDS)
    assert len(printed) > 1, f"the demo does not start: {log.read_text()}"
    return printed


def _addresses(printed: Sequence[str]) -> Iterator[tuple[str, str]]:
    for line in printed:
        if found := re.match(r"([\w ]+): +(https?://\S+?)/?(?:\s|$)", line):
            yield found[1], found[2]

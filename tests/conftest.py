"""Fixtures that all tests share: a private certificate authority, a real TLS origin, private databases."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import redis
import trustme
from flask import Flask

from flask_cimd import CIMD
from tests.support.browser import Site
from tests.support.clock import Clock
from tests.support.databases import private_postgres, private_schema, redis_keys
from tests.support.demo import RunningDemo, demo_in_process, running_demo
from tests.support.origin import TLSOrigin

pytest_plugins = ["tests.support.proves"]

#: Folders of tests that need browsers, packages of npm and PyPI, or many processes.
SLOW_FOLDERS = frozenset({"browser", "examples", "interop", "scale"})
#: Folders of tests that send many requests through a whole site, provider or command.
BROAD = frozenset({"site", "cli", "provider"})
#: Folders and files of tests that read the repository: its documentation, its tables, the package that it builds.
REPOSITORY = frozenset(
    {
        "docs",
        "test_conformance.py",
        "test_deploy.py",
        "test_house.py",
        "test_mutation.py",
        "test_package.py",
        "test_public_names.py",
        "test_readme.py",
        "test_security_policy.py",
    }
)
#: Parameters of tests that need a server of databases.
SERVERS = frozenset({"postgresql", "redis"})


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark slow and broad tests, and those of the repository."""
    top = item.path.relative_to(Path(__file__).parent).parts[0]
    if top in SLOW_FOLDERS:
        item.add_marker(pytest.mark.slow)
    given = getattr(item, "callspec", None)
    needs_server = given is not None and not SERVERS.isdisjoint(v for v in given.params.values() if isinstance(v, str))
    if top in REPOSITORY:
        item.add_marker(pytest.mark.repository)
    if top in BROAD or needs_server:
        item.add_marker(pytest.mark.broad)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the slow tests, so that no worker is left with them at the end."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


def pytest_collection_finish() -> None:
    """Keep what all tests share out of the garbage collector's sight: half a million objects that stay to the end."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def ca() -> trustme.CA:
    """Return the authority that the test's fetchers trust."""
    return trustme.CA()


@pytest.fixture(scope="session")
def ca_bundle(ca: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the file of trusted certificates."""
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    ca.cert_pem.write_to_path(str(path))
    return path


@pytest.fixture
def origin(ca: trustme.CA) -> Iterator[TLSOrigin]:
    """Run an https origin at localhost."""
    with TLSOrigin(ca) as running:
        yield running


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """Create a private PostgreSQL database."""
    with private_postgres() as url:
        yield url


@pytest.fixture
def clock() -> Clock:
    """Return a clock that the test moves."""
    return Clock()


@pytest.fixture
def make_app(ca_bundle: Path, clock: Clock) -> Callable[..., tuple[Flask, CIMD]]:
    """Return a function that builds an app with the extension: ``make_app(CIMD_CACHE_MIN=0)``."""

    def make(registered: Any = None, **config: Any) -> tuple[Flask, CIMD]:
        app = Flask("app")
        app.config.update({"CIMD_ALLOW_LOOPBACK": True, "CIMD_CA_BUNDLE": str(ca_bundle), **config})
        cimd = CIMD(clock=clock)
        cimd.init_app(app, registered=registered)
        return app, cimd

    return make


@pytest.fixture
def make_site(tmp_path: Path, ca_bundle: Path, clock: Clock) -> Iterator[Callable[..., Site]]:
    """Return a function that builds a demo in this process: ``make_site(DEMO_ME="https://me.example/")``.

    ``database_url=`` puts it on a database of your choice; without it each has a SQLite file of its own.
    """
    with ExitStack() as stack:

        def make(database_url: str | None = None, **environment: str) -> Site:
            made.append(None)
            url = database_url or f"sqlite:///{tmp_path}/demo-{len(made)}.db"
            return stack.enter_context(demo_in_process(url, ca_bundle, clock=clock, **environment))

        made: list[None] = []
        yield make


@pytest.fixture
def site(make_site: Callable[..., Site]) -> Site:
    """Return a demo in this process, on SQLite."""
    return make_site()


@pytest.fixture
def postgres_site(make_site: Callable[..., Site], postgres_url: str) -> Site:
    """Return a demo in this process, on a PostgreSQL schema of its own."""
    return make_site(private_schema(postgres_url))


@pytest.fixture(params=["site", "postgres_site"], ids=["sqlite", "postgresql"])
def any_site(request: pytest.FixtureRequest) -> Site:
    """Return a demo in this process: first on SQLite, then on PostgreSQL."""
    found: Site = request.getfixturevalue(request.param)
    return found


@pytest.fixture(scope="session")
def running_site(tmp_path_factory: pytest.TempPathFactory, ca_bundle: Path) -> Iterator[RunningDemo]:
    """Run a demo as a process of its own, one for all tests: leave it as you found it."""
    with running_demo(tmp_path_factory.mktemp("running"), CIMD_CA_BUNDLE=str(ca_bundle)) as demo:
        yield demo


@pytest.fixture
def private_redis() -> Iterator[tuple[redis.Redis, str]]:
    """Return a Redis client and the prefix of this test's keys."""
    with redis_keys() as found:
        yield found

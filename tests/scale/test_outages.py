"""Database servers that go away and come back under load: clear answers, no loss, and recovery without a restart."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.soak import rounds
from tests.support.browser import Browser, SignIn, publish_client, redirect_parameters
from tests.support.gunicorn import running_gunicorn
from tests.support.origin import TLSOrigin
from tests.support.private_servers import PostgresServer, RedisServer, postgres_server, redis_server
from tests.support.visitors import Visitors, is_clear_refusal

#: Seconds within which everything works again after the database came back.
RECOVERY = 5.0
PEOPLE = 4


@dataclass(frozen=True, slots=True)
class Running:
    """A site on database servers of its own.

    Attributes:
        clients: client identifiers that the owner has approved once.
        log: the file with what the workers logged.
    """

    owner: Browser
    database: PostgresServer
    redis: RedisServer
    clients: list[str]
    origin: TLSOrigin
    log: Path


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, ca_bundle: Path, ca: object) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("outages")
    with TLSOrigin(ca) as origin, postgres_server() as database, redis_server() as redis:  # type: ignore[arg-type]  # trustme.CA
        given = {"CIMD_CA_BUNDLE": str(ca_bundle), "CIMD_STORE": redis.url, "DEMO_PUSH_LIMIT": "1000 per minute"}
        with running_gunicorn(folder, database_url=database.url, workers=2, **given) as owner:
            clients = [publish_client(origin, f"/{number}.json") for number in range(PEOPLE)]
            for client in clients:
                owner.tokens(client)
            yield Running(owner, database, redis, clients, origin, folder / "gunicorn.log")


def recovers(visitors: Visitors, since: float) -> None:
    """Check that every person signs in within `RECOVERY` seconds, and that nobody is refused afterwards."""
    assert visitors.wait(lambda now: sum(at > since for at in now.ended) >= 3 * PEOPLE or bool(now.errors), RECOVERY)
    assert visitors.errors == []
    assert max(visitors.refused, default=0.0) < since + RECOVERY


def is_well_again(owner: Browser) -> None:
    """Check that health says so within `RECOVERY` seconds; each worker keeps its answer for a second."""
    ends = time.monotonic() + RECOVERY
    while owner.get("/healthz").status_code != 200:
        assert time.monotonic() < ends, "the site is not well"
        time.sleep(0.1)


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_a_restart_of_postgresql_under_load_loses_and_doubles_nothing(running: Running, mode: str) -> None:
    # "fast" ends the connections, "immediate" is a crash with recovery from the log.
    logged = running.log.stat().st_size
    with Visitors(running.owner, running.clients) as visitors:
        assert visitors.wait(lambda now: len(now.ended) >= 2 * PEOPLE, 30)
        running.database.stop(mode)
        assert visitors.wait(lambda now: len(now.refused) >= 2 * PEOPLE, 10)
        running.database.start()
        recovers(visitors, time.monotonic())
    assert rounds.lost(running.owner, visitors.tokens) == []
    assert rounds.doubled(running.database.url) == 0
    said = running.log.read_text()[logged:]
    assert "Traceback" not in said
    assert len(said) < 600 * len(visitors.refused)


def test_without_postgresql_every_page_and_endpoint_answers_503(running: Running) -> None:
    owner, client = running.owner, running.clients[0]
    tokens = owner.tokens(client)
    asked, code = owner.code(client)
    waiting = SignIn.begin(client, scope="profile")
    page = owner.authorize(waiting)
    running.database.stop()
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    try:
        refused = [
            owner.get("/healthz"),
            owner.get("/"),
            owner.authorize(SignIn.begin(client, scope="profile")),
            owner.press(page, "Approve"),
            owner.get("/apps"),
            owner.redeem(asked, code),
            owner.refresh(client, tokens["refresh_token"]),
            owner.post("/par", waiting.parameters),
            owner.get("/userinfo", headers=bearer),
            owner.get("/api/profile", headers=bearer),
            owner.post("/introspect", {"token": tokens["access_token"]}, headers=bearer),
            owner.post("/revoke", {"token": tokens["access_token"], "client_id": client}),
        ]
    finally:
        running.database.start()
    assert [answer.url for answer in refused if not is_clear_refusal(answer)] == []
    # What was refused is done now, with the same form, code and tokens.
    assert "code" in redirect_parameters(owner.press(page, "Approve"))
    assert owner.redeem(asked, code).status_code == 200
    assert owner.get("/userinfo", headers=bearer).status_code == 200
    assert owner.refresh(client, tokens["refresh_token"]).status_code == 200
    is_well_again(owner)


def test_sign_ins_go_on_without_redis_and_use_it_again_afterwards(running: Running) -> None:
    with Visitors(running.owner, running.clients) as visitors:
        assert visitors.wait(lambda now: len(now.ended) >= PEOPLE, 30)
        running.redis.stop()
        stopped = time.monotonic()
        assert visitors.wait(lambda now: sum(at > stopped for at in now.ended) >= 3 * PEOPLE, 30)
        # Rate limits are counted, and an app that nobody has used is fetched.
        new = publish_client(running.origin, "/without-redis.json")
        assert running.owner.post("/par", SignIn.begin(new, scope="profile").parameters).status_code == 201
        running.redis.start()
        recovers(visitors, time.monotonic())
    assert (visitors.errors, visitors.refused) == ([], [])
    assert rounds.lost(running.owner, visitors.tokens) == []
    before = running.origin.count("/0.json")
    running.owner.tokens(running.clients[0])
    running.owner.tokens(running.clients[0])
    assert running.origin.count("/0.json") == before  # kept in Redis again

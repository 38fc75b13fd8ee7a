"""The counters of the rate limits: all workers count together, and a guess is charged before it is answered."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from uuid import uuid4

import pytest
from sqlalchemy import text

from flask_cimd_site.counters import Counters, shared_counters
from flask_cimd_site.models import db
from tests.support.browser import Site
from tests.support.clock import Clock
from tests.support.databases import private_schema, redis_keys

REDIS = "redis://127.0.0.1:6379/0"
KEY = f"test/{uuid4().hex}"
#: Two workers: objects that share nothing but the store.
Workers = tuple[Counters, Counters]


@pytest.fixture(params=["sqlite", "postgresql", "redis"])
def workers(request: pytest.FixtureRequest, make_site: Callable[..., Site], clock: Clock) -> Iterator[Workers]:
    if request.param == "redis":
        with redis_keys() as (client, _):
            site = make_site()
            yield shared_counters(site.app, REDIS, clock), shared_counters(site.app, REDIS, clock)
            client.delete(*client.scan_iter(f"*{KEY}*"))
        return
    url = private_schema(request.getfixturevalue("postgres_url")) if request.param == "postgresql" else None
    site = make_site(url)
    other = make_site(site.app.config["SQLALCHEMY_DATABASE_URI"])
    yield shared_counters(site.app, "sqlalchemy", clock), shared_counters(other.app, "sqlalchemy", clock)


def test_workers_count_together(workers: Workers) -> None:
    one, other = workers
    assert [one.incr(KEY, 60), other.incr(KEY, 60), one.incr(KEY, 60, 2), other.incr(KEY, 60, -1)] == [1, 2, 4, 3]
    assert one.incr(f"{KEY}/another", 60) == 1


def test_requests_side_by_side_are_all_counted(workers: Workers) -> None:
    together = Barrier(8)

    def add(number: int) -> int:
        together.wait(20)
        return workers[number % 2].incr(KEY, 60)

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(add, range(8))) == list(range(1, 9))


def test_a_counter_begins_anew_after_its_end(make_site: Callable[..., Site], clock: Clock) -> None:
    counters = shared_counters(make_site().app, "sqlalchemy", clock)
    counters.incr(KEY, 60)
    clock.forward(seconds=59)
    assert counters.incr(KEY, 60) == 2
    clock.forward(seconds=1)
    assert counters.incr(KEY, 60) == 1


def test_counters_that_ended_are_deleted(make_site: Callable[..., Site], clock: Clock) -> None:
    site = make_site()
    counters = shared_counters(site.app, "sqlalchemy", clock)
    for number in range(255):
        counters.incr(f"{KEY}/{number}", 60)
    clock.forward(seconds=60)
    counters.incr(KEY, 60)
    with site.app.app_context(), db.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM rate_limit")).scalar_one() == 1


def test_while_the_database_does_not_answer_each_worker_counts_for_itself(
    make_site: Callable[..., Site], clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    site = make_site()
    counters = shared_counters(site.app, "sqlalchemy", clock)
    with site.app.app_context(), db.engine.begin() as connection:
        connection.execute(text("DROP TABLE rate_limit"))
    assert [counters.incr(KEY, 60) for _ in range(2)] == [1, 2]
    assert "the counters of the rate limits do not answer" in caplog.text


def test_while_redis_does_not_answer_each_worker_counts_for_itself(
    make_site: Callable[..., Site], clock: Clock
) -> None:
    counters = shared_counters(make_site().app, "redis://127.0.0.1:1/0", clock)
    assert [counters.incr(KEY, 60) for _ in range(2)] == [1, 2]


# -- guesses ------------------------------------------------------------------------------------------------------


def guess(site: Site, peer: str) -> int:
    browser = site.browser(peer=peer)
    return browser.press(browser.get("/login"), "Log in", password="wrong").status_code


def test_the_limit_on_guesses_holds_over_workers(make_site: Callable[..., Site]) -> None:
    first = make_site(DEMO_LOGIN_LIMIT="2 per hour")
    second = make_site(first.app.config["SQLALCHEMY_DATABASE_URI"], DEMO_LOGIN_LIMIT="2 per hour")
    assert [guess(site, "192.0.2.1") for site in (first, second, first, second)] == [403, 403, 429, 429]


def test_guesses_side_by_side_are_charged_before_they_are_answered(make_site: Callable[..., Site]) -> None:
    site, together = make_site(DEMO_LOGIN_LIMIT="2 per hour"), Barrier(6)

    def attempt(_: int) -> int:
        browser = site.browser(peer="192.0.2.1")
        page = browser.get("/login")
        together.wait(20)
        return browser.press(page, "Log in", password="wrong").status_code

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(attempt, range(6))) == [403, 403, 429, 429, 429, 429]


def test_an_ipv6_48_has_four_times_the_guesses_of_one_network(make_site: Callable[..., Site]) -> None:
    site = make_site(DEMO_LOGIN_LIMIT="1 per hour")
    assert [guess(site, f"2001:db8:1:{n}::1") for n in range(5)] == [403, 403, 403, 403, 429]
    assert guess(site, "2001:db8:2::1") == 403


def test_everybody_together_has_twenty_times_the_guesses_and_one_sender_cannot_use_them_up(
    make_site: Callable[..., Site],
) -> None:
    site = make_site(DEMO_LOGIN_LIMIT="1 per hour")
    assert [guess(site, "192.0.2.1") for _ in range(22)] == [403] + [429] * 21
    assert [guess(site, f"198.51.100.{n}") for n in range(20)] == [403] * 19 + [429]

"""Coalescing: one answer for all who ask at once."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event

import pytest

from flask_cimd.errors import DeadlineExceededError, FetchError, TooManyFetchesError
from flask_cimd.fetch.coalescing import Flights
from tests.support.proves import proves


@proves("C-65")
def test_one_key_is_worked_on_by_one_thread_at_a_time() -> None:
    flights, together = Flights(1, patience=10), Barrier(20)
    at_work = most_at_work = 0

    def work() -> str:
        nonlocal at_work, most_at_work
        at_work += 1
        most_at_work = max(most_at_work, at_work)
        at_work -= 1
        return "answer"

    def ask(_: int) -> str:
        together.wait(10)
        return flights.run("url", work)

    with ThreadPoolExecutor(20) as pool:
        assert set(pool.map(ask, range(20))) == {"answer"}
    assert most_at_work == 1


def test_followers_share_the_leaders_error() -> None:
    flights, started, release = Flights(1, patience=10), Event(), Event()

    def work() -> str:
        started.set()
        release.wait(10)
        raise FetchError("status", hint="500")

    with ThreadPoolExecutor(2) as pool:
        leader = pool.submit(flights.run, "url", work)
        started.wait(10)
        follower = pool.submit(flights.run, "url", lambda: "never asked")
        release.set()
        with pytest.raises(FetchError):
            leader.result(10)
        error = follower.exception(10)
    assert isinstance(error, FetchError) or follower.result() == "never asked"  # it may have come just too late


@proves("C-58")
def test_an_error_is_not_remembered() -> None:
    flights = Flights(1, patience=1)

    def fail() -> str:
        raise FetchError("status")

    with pytest.raises(FetchError):
        flights.run("url", fail)
    assert flights.run("url", lambda: "now it works") == "now it works"


@proves("C-98")
def test_one_more_than_the_places_is_told_to_come_back_and_others_go_on() -> None:
    flights, started, release = Flights(1, patience=10), Event(), Event()

    def slow() -> str:
        started.set()
        release.wait(10)
        return "slow"

    with ThreadPoolExecutor(1) as pool:
        leader = pool.submit(flights.run, "slow", slow)
        started.wait(10)
        with pytest.raises(TooManyFetchesError) as caught:
            flights.run("other", lambda: "other")
        release.set()
        assert leader.result(10) == "slow"
    assert caught.value.temporary
    assert caught.value.status == 503
    assert flights.run("other", lambda: "other") == "other"


def test_a_follower_waits_no_longer_than_its_patience() -> None:
    flights, started, release = Flights(1, patience=0.05), Event(), Event()

    def slow() -> str:
        started.set()
        release.wait(10)
        return "late"

    with ThreadPoolExecutor(1) as pool:
        leader = pool.submit(flights.run, "url", slow)
        started.wait(10)
        with pytest.raises(DeadlineExceededError):
            flights.run("url", slow)
        release.set()
        assert leader.result(10) == "late"

"""Coalescing: one answer for all who ask at once."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event

import pytest

from flask_cimd.errors import DeadlineExceededError, FetchError, TooManyFetchesError
from flask_cimd.flights import Flights


def test_followers_share_the_leaders_answer() -> None:
    # C-65
    flights, started, release = Flights(1, patience=10), Event(), Event()
    calls: list[int] = []

    def work() -> str:
        calls.append(1)
        started.set()
        release.wait(10)
        return "answer"

    with ThreadPoolExecutor(20) as pool:
        leader = pool.submit(flights.run, "url", work)
        started.wait(10)
        waiting = Barrier(20)

        def follow() -> str:
            waiting.wait(10)
            return flights.run("url", work)

        followers = [pool.submit(follow) for _ in range(19)]
        waiting.wait(10)
        release.set()
        answers = {future.result(10) for future in [leader, *followers]}
    assert answers == {"answer"}
    assert len(calls) <= 2  # a follower that came after the landing leads a flight of its own


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
        try:
            assert follower.result(10) == "never asked"
        except FetchError as error:
            assert error.slug == "status"


def test_an_error_is_not_remembered() -> None:
    # C-58
    flights = Flights(1, patience=1)

    def fail() -> str:
        raise FetchError("status")

    with pytest.raises(FetchError):
        flights.run("url", fail)
    assert flights.run("url", lambda: "now it works") == "now it works"


def test_one_more_than_the_places_is_told_to_come_back_and_others_go_on() -> None:
    # C-98
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

"""Coalescing in one process: concurrent callers for one key share one result."""

from concurrent.futures import Future, ThreadPoolExecutor
from threading import Barrier, Event, Lock

import pytest

from flask_cimd.errors import DeadlineExceededError, FetchError, TooManyFetchesError
from flask_cimd.fetch.coalescing import Coalescing
from tests.support.proves import proves

URL = "https://app.example/client.json"


class Leader:
    """Work that runs until it is released, so that a test can start followers meanwhile."""

    def __init__(self, outcome: str | BaseException) -> None:
        self._outcome = outcome
        self._started, self._release = Event(), Event()

    def __call__(self) -> str:
        self._started.set()
        assert self._release.wait(20)
        if isinstance(self._outcome, BaseException):
            raise self._outcome
        return self._outcome

    def wait_until_started(self) -> None:
        assert self._started.wait(20)

    def release(self) -> None:
        self._release.set()


class Follower:
    """A call that is known to follow: it waits for the leader's result and does no work of its own."""

    def __init__(self, pool: ThreadPoolExecutor, coalescing: Coalescing, monkeypatch: pytest.MonkeyPatch) -> None:
        waiting, result = Event(), Future.result

        def watched(future: Future[object], timeout: float | None = None) -> object:
            if not future.done():
                waiting.set()
            return result(future, timeout)

        with monkeypatch.context() as patch:
            patch.setattr("flask_cimd.fetch.coalescing.Future.result", watched)
            self.outcome = pool.submit(coalescing.run, URL, _never)
            assert waiting.wait(20)


def _never() -> str:
    raise AssertionError("a follower must not work")


@proves("C-65")
def test_one_key_is_worked_on_by_one_thread_at_a_time() -> None:
    coalescing, together, lock = Coalescing(10), Barrier(20), Lock()
    at_work = most_at_work = 0

    def work() -> str:
        nonlocal at_work, most_at_work
        with lock:
            at_work += 1
            most_at_work = max(most_at_work, at_work)
        with lock:
            at_work -= 1
        return "result"

    def ask(_: int) -> str:
        together.wait(10)
        return coalescing.run(URL, work)

    with ThreadPoolExecutor(20) as pool:
        assert set(pool.map(ask, range(20))) == {"result"}
    assert most_at_work == 1


@pytest.mark.parametrize("outcome", ["result", FetchError("status", hint="500")], ids=["result", "error"])
def test_a_follower_gets_what_the_leader_gets(outcome: str | FetchError, monkeypatch: pytest.MonkeyPatch) -> None:
    coalescing, leader = Coalescing(20), Leader(outcome)

    with ThreadPoolExecutor(2) as pool:
        leading = pool.submit(coalescing.run, URL, leader)
        leader.wait_until_started()
        follower = Follower(pool, coalescing, monkeypatch)
        leader.release()

        if isinstance(outcome, FetchError):
            assert leading.exception(20) is outcome
            assert follower.outcome.exception(20) is outcome
        else:
            assert leading.result(20) == follower.outcome.result(20) == outcome


@proves("C-58")
def test_an_error_is_not_remembered() -> None:
    coalescing = Coalescing(1)

    def fail() -> str:
        raise FetchError("status")

    with pytest.raises(FetchError):
        coalescing.run(URL, fail)
    assert coalescing.run(URL, lambda: "now it works") == "now it works"


def test_another_key_does_not_wait() -> None:
    coalescing, leader = Coalescing(20), Leader("slow")

    with ThreadPoolExecutor(1) as pool:
        leading = pool.submit(coalescing.run, URL, leader)
        leader.wait_until_started()
        assert coalescing.run("https://other.example/c", lambda: "quick") == "quick"
        leader.release()
        assert leading.result(20) == "slow"


def test_a_follower_waits_no_longer_than_the_timeout() -> None:
    coalescing, leader = Coalescing(0.05), Leader("late")

    with ThreadPoolExecutor(1) as pool:
        leading = pool.submit(coalescing.run, URL, leader)
        leader.wait_until_started()
        with pytest.raises(DeadlineExceededError):
            coalescing.run(URL, _never)
        leader.release()
        assert leading.exception(20) is None or isinstance(leading.exception(20), DeadlineExceededError)


def test_threads_beyond_the_bound_are_refused_and_the_places_come_back() -> None:
    coalescing, leader = Coalescing(10, most=1), Leader("done")
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(coalescing.run, URL, leader)
        leader.wait_until_started()
        with pytest.raises(TooManyFetchesError) as refused:
            coalescing.run("https://other.example/c", lambda: "")
        leader.release()
        assert first.result() == "done"
    assert refused.value.slug == "too-many-fetches"
    assert coalescing.run(URL, lambda: "again") == "again"

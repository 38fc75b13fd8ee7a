"""Coalescing across processes: leases on every shared store, and what followers learn from their leader."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier, Event

import pytest
from flask import current_app

from flask_cimd.errors import (
    CIMDError,
    DeadlineExceededError,
    DocumentError,
    FetchError,
    Problem,
    TooManyFetchesError,
    UnexpectedResponseError,
)
from flask_cimd.fetch.coalescing import SharedCoalescing, describe, recall
from flask_cimd.stores import Lease, Leases
from tests.support.proves import proves
from tests.support.stores import SHARED, opened_store

URL = "https://app.example/client.json"
NOW = datetime.now(UTC)
SOON = NOW + timedelta(seconds=30)


@pytest.fixture(params=SHARED)
def leases(request: pytest.FixtureRequest) -> Iterator[Leases]:
    with opened_store(request.param, request) as store:
        assert store.leases is not None
        yield store.leases


def in_context(work: Callable[[], object]) -> Callable[[], object]:
    """Let a thread see the app that the test sees; Redis needs none."""
    app = current_app._get_current_object() if current_app else None  # type: ignore[attr-defined]  # typed as the app, is a LocalProxy

    def run() -> object:
        if app is None:
            return work()
        with app.app_context():
            return work()

    return run


def test_a_lease_has_one_owner_at_a_time(leases: Leases) -> None:
    assert leases.look(URL) is None
    assert leases.take(URL, "first", now=NOW, until=SOON)
    assert not leases.take(URL, "second", now=NOW, until=SOON)
    assert leases.take("https://app.example/other", "second", now=NOW, until=SOON)
    lease = leases.look(URL)
    assert lease is not None
    assert lease.outcome is None
    assert lease.expires_at == SOON


@proves("L-28")
def test_of_many_at_once_exactly_one_takes_a_lease(leases: Leases) -> None:
    together = Barrier(8)

    def take(number: int) -> object:
        together.wait(10)
        return leases.take(URL, f"owner-{number}", now=NOW, until=SOON)

    for _ in range(5):
        with ThreadPoolExecutor(8) as pool:
            taken = [pool.submit(in_context(lambda n=number: take(n))) for number in range(8)]
            winners = [number for number, future in enumerate(taken) if future.result(20)]
        assert len(winners) == 1
        leases.finish(URL, f"owner-{winners[0]}", "stored")


def test_a_finished_lease_tells_how_it_ended_and_can_be_taken(leases: Leases) -> None:
    leases.take(URL, "first", now=NOW, until=SOON)
    leases.finish(URL, "first", "stored")
    lease = leases.look(URL)
    assert lease is not None
    assert lease.outcome == "stored"
    assert leases.take(URL, "second", now=NOW, until=SOON)
    assert leases.look(URL) == Lease(expires_at=SOON, outcome=None)


def test_only_the_owner_can_finish(leases: Leases) -> None:
    leases.take(URL, "first", now=NOW, until=SOON)
    leases.finish(URL, "impostor", "stored")
    assert leases.look(URL) == Lease(expires_at=SOON, outcome=None)


@pytest.mark.parametrize("leases", ["sqlite", "postgresql"], indirect=True)
def test_an_expired_lease_can_be_taken_and_its_owner_comes_too_late(leases: Leases) -> None:
    later = SOON + timedelta(seconds=30)
    leases.take(URL, "killed", now=NOW, until=SOON)
    assert not leases.take(URL, "heir", now=SOON - timedelta(seconds=1), until=later)
    assert leases.take(URL, "heir", now=SOON, until=later)
    leases.finish(URL, "killed", "stored")
    assert leases.look(URL) == Lease(expires_at=later, outcome=None)


def coalescing(leases: Leases, *, timeout: float = 20) -> SharedCoalescing:
    return SharedCoalescing(leases, lifetime=timedelta(seconds=30), timeout=timeout, clock=lambda: datetime.now(UTC))


def follow(
    leases: Leases, lead: Callable[[], tuple[str, bool]], work: Callable[[], tuple[str, bool]], kept: str | None
) -> tuple[object, object]:
    """Let one process lead and another follow it; return what each got, as a value or an error."""
    started, release, looking = Event(), Event(), Event()

    def slow() -> tuple[str, bool]:
        started.set()
        assert release.wait(20)
        return lead()

    def outcome(work: Callable[[], tuple[str, bool]], shared: SharedCoalescing) -> object:
        try:
            return shared.run(URL, work, lambda: kept)
        except CIMDError as error:
            return error

    class Watched:
        """The follower's view of the leases: tells when it began to wait."""

        def take(self, *args: object, **kwargs: object) -> bool:
            return leases.take(*args, **kwargs)  # type: ignore[arg-type]  # passed through

        def look(self, client_id: str) -> Lease | None:
            looking.set()
            return leases.look(client_id)

        def finish(self, *args: str) -> None:
            leases.finish(*args)

    with ThreadPoolExecutor(2) as pool:
        leader = pool.submit(in_context(lambda: outcome(slow, coalescing(leases))))
        assert started.wait(20)
        follower = pool.submit(in_context(lambda: outcome(work, coalescing(Watched()))))
        assert looking.wait(20)
        release.set()
        return leader.result(20), follower.result(20)


def never() -> tuple[str, bool]:
    raise AssertionError("the follower must not fetch")


@proves("C-65")
def test_a_follower_reads_what_the_leader_stored(leases: Leases) -> None:
    assert follow(leases, lambda: ("fetched", True), never, kept="fetched") == ("fetched", "fetched")


@proves("C-58", "C-65")
def test_a_follower_learns_the_leaders_error_in_short_form(leases: Leases) -> None:
    def fail() -> tuple[str, bool]:
        raise UnexpectedResponseError("status", URL, hint="status 500 instead of 200")

    _, told = follow(leases, fail, never, kept=None)
    assert isinstance(told, UnexpectedResponseError)
    assert (told.slug, told.phase, told.temporary) == ("status", "response", True)
    assert "500" not in str(told)
    # It is for those who waited: whoever asks afterwards fetches.
    assert coalescing(leases).run(URL, lambda: ("now it works", True), lambda: None) == "now it works"


def test_a_limit_of_the_leaders_own_process_leaves_the_work_to_others(leases: Leases) -> None:
    def limited() -> tuple[str, bool]:
        raise TooManyFetchesError("too-many-fetches", URL)

    refused, done = follow(leases, limited, lambda: ("fetched here", True), kept=None)
    assert isinstance(refused, TooManyFetchesError)
    assert done == "fetched here"


@proves("C-61")
def test_a_follower_of_a_no_store_document_fetches_for_itself(leases: Leases) -> None:
    assert follow(leases, lambda: ("mine", False), lambda: ("my own", False), kept=None) == ("mine", "my own")


@proves("L-35")
def test_a_leader_that_breaks_leaves_the_work_to_others(leases: Leases) -> None:
    def cancelled() -> tuple[str, bool]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        coalescing(leases).run(URL, cancelled, lambda: None)
    assert coalescing(leases).run(URL, lambda: ("done", True), lambda: None) == "done"


def test_a_follower_waits_bounded(leases: Leases) -> None:
    now = datetime.now(UTC)
    leases.take(URL, "never ends", now=now, until=now + timedelta(seconds=60))
    with pytest.raises(DeadlineExceededError):
        coalescing(leases, timeout=0.1).run(URL, never, lambda: None)


@pytest.mark.parametrize(
    "error",
    [
        FetchError("tls-failed", URL, phase="tls"),
        DeadlineExceededError("deadline", URL, phase="connect"),
    ],
)
def test_fetch_errors_travel_with_type_slug_and_phase(error: FetchError) -> None:
    told = recall(describe(error), URL)
    assert isinstance(told, FetchError)
    assert (type(told), told.slug, told.phase, told.client_id) == (type(error), error.slug, error.phase, URL)


@proves("C-59")
def test_an_invalid_document_travels_as_names_of_rules_only() -> None:
    # Never what the host answered
    problems = tuple(Problem(f"/secret-{n}", f"rule-{n}", "a message") for n in range(500))
    text = describe(DocumentError(URL, problems))
    assert "secret" not in text
    assert len(text) < 500
    told = recall(text, URL)
    assert isinstance(told, DocumentError)
    assert {problem.rule for problem in told.problems} <= {problem.rule for problem in problems}


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"error": "ConfigurationError", "slug": "x", "phase": "tls"}', "null"]
)
def test_an_outcome_of_another_version_is_still_an_error(text: str) -> None:
    assert isinstance(recall(text, URL), FetchError)

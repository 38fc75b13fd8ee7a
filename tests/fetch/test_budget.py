"""The budget: how many fetches run at once, how often a site is asked, and how soon after a failure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from flask_cimd.core.identifier import ClientIdentifier, IdentifierRules, parse_identifier
from flask_cimd.core.requester import Stranger, asked_by
from flask_cimd.errors import DocumentError, FetchError, GoneError, TooManyFetchesError
from flask_cimd.fetch.limits import FetchBudget, NotFoundLimits, SiteLimits
from tests.support.clock import Clock
from tests.support.proves import proves

MakeBudget = Callable[..., FetchBudget]


def client(raw: str = "https://app.example/client.json") -> ClientIdentifier:
    return parse_identifier(raw, IdentifierRules())


@pytest.fixture
def make_budget(clock: Clock) -> MakeBudget:
    def make(*, simultaneous: int = 4, documents: int = 100, linked: int = 100, pause: float = 0) -> FetchBudget:
        def sites(most: int) -> SiteLimits:
            return SiteLimits(most, 60, site_of=lambda host: host, clock=lambda: 0)

        return FetchBudget(
            simultaneous=simultaneous,
            documents=sites(documents),
            linked=sites(linked),
            pause=timedelta(seconds=pause),
            clock=clock,
        )

    return make


@proves("C-98")
def test_one_fetch_too_many_is_refused_at_once_and_a_later_one_is_admitted(make_budget: MakeBudget) -> None:
    budget = make_budget(simultaneous=1)

    with (
        budget.for_document(client()),
        pytest.raises(TooManyFetchesError) as refused,
        budget.for_document(client("https://other.example/c")),
    ):
        pytest.fail("admitted")

    assert (refused.value.slug, refused.value.status, refused.value.temporary) == ("too-many-fetches", 503, True)
    with budget.for_document(client("https://other.example/c")):
        pass


def test_a_fetch_that_fails_gives_its_slot_back(make_budget: MakeBudget) -> None:
    budget = make_budget(simultaneous=1)

    with pytest.raises(FetchError, match="status"), budget.for_document(client()):
        raise FetchError("status")

    with budget.for_document(client()):
        pass


def test_linked_fetches_take_slots_too(make_budget: MakeBudget) -> None:
    budget = make_budget(simultaneous=1)

    with (
        budget.for_document(client()),
        pytest.raises(TooManyFetchesError) as refused,
        budget.for_linked("keys.example", client().raw),
    ):
        pytest.fail("admitted")

    assert refused.value.slug == "too-many-fetches"


def test_a_site_has_its_own_limit_for_documents(make_budget: MakeBudget) -> None:
    budget = make_budget(documents=1)
    with budget.for_document(client()):
        pass

    with pytest.raises(TooManyFetchesError) as refused, budget.for_document(client("https://app.example/other")):
        pytest.fail("admitted")

    assert refused.value.slug == "too-many-fetches-of-site"


def test_linked_fetches_of_a_site_do_not_use_up_its_documents(make_budget: MakeBudget) -> None:
    budget = make_budget(documents=1, linked=1)
    with budget.for_linked("app.example", "https://stranger.example/c"):
        pass

    with pytest.raises(TooManyFetchesError) as refused, budget.for_linked("app.example", "https://stranger.example/c"):
        pytest.fail("admitted")

    assert refused.value.slug == "too-many-fetches-of-site"
    with budget.for_document(client()):
        pass


@proves("C-63")
def test_a_failure_refuses_the_url_for_the_pause(make_budget: MakeBudget, clock: Clock) -> None:
    budget = make_budget(pause=10)
    budget.note_failure(client(), DocumentError(client().raw, ()))

    clock.forward(seconds=9.9)
    with pytest.raises(FetchError) as refused, budget.for_document(client()):
        pytest.fail("admitted")
    assert refused.value.slug == "backing-off"
    with budget.for_document(client("https://app.example/neighbour")):
        pass
    with budget.for_document(client(), after_failure=True):
        pass

    clock.forward(seconds=0.1)
    with budget.for_document(client()):
        pass


@pytest.mark.parametrize("phase", ["resolve", "connect", "tls"])
def test_a_host_that_cannot_be_reached_refuses_all_its_urls(make_budget: MakeBudget, phase: str) -> None:
    budget = make_budget(pause=10)
    budget.note_failure(client(), FetchError("connection-failed", phase=phase))  # type: ignore[arg-type]  # one of the phases

    with pytest.raises(FetchError) as refused, budget.for_document(client("https://app.example/neighbour")):
        pytest.fail("admitted")

    assert refused.value.slug == "backing-off"


def test_a_bad_response_of_one_url_leaves_its_neighbours_alone(make_budget: MakeBudget) -> None:
    budget = make_budget(pause=10)
    budget.note_failure(client(), FetchError("bad-response", phase="response"))

    with pytest.raises(FetchError) as refused, budget.for_document(client()):
        pytest.fail("admitted")

    assert refused.value.slug == "backing-off"
    with budget.for_document(client("https://app.example/neighbour")):
        pass


def test_a_limit_of_ours_is_no_failure_of_the_host(make_budget: MakeBudget) -> None:
    budget = make_budget(pause=10)
    budget.note_failure(client(), TooManyFetchesError("too-many-look-ups"))

    with budget.for_document(client()):
        pass


def test_urls_without_a_document_count_for_a_network_until_the_window_has_passed(clock: Clock) -> None:
    limits = NotFoundLimits(2, 60, clock=lambda: clock().timestamp())
    for _ in range(2):
        limits.check("192.0.2.1", "")
        limits.count("192.0.2.1")
    with pytest.raises(TooManyFetchesError) as refused:
        limits.check("192.0.2.1", client().raw)
    limits.check("192.0.2.2", "")

    assert (refused.value.slug, refused.value.retry_after) == ("too-many-not-found", 61)
    clock.forward(seconds=60)
    limits.check("192.0.2.1", "")


def test_many_networks_together_make_a_site_flooded_no_more_than_ten_times_its_limit(clock: Clock) -> None:
    sites = SiteLimits(2, 60, site_of=lambda host: host, clock=lambda: clock().timestamp())
    budget = FetchBudget(
        simultaneous=4,
        documents=sites,
        linked=sites,
        pause=timedelta(),
        clock=clock,
        not_found=NotFoundLimits(9, 60, clock=lambda: clock().timestamp()),
    )

    def ask(number: int) -> str:
        stranger = asked_by(Stranger(f"network {number}"))
        with stranger, pytest.raises(FetchError) as refused, budget.for_document(client()):
            raise GoneError("status")
        return refused.value.slug

    assert [ask(number) for number in range(22)] == ["status"] * 22
    assert [ask(number) for number in range(22, 25)] == ["too-many-fetches-of-site"] * 3


def test_a_host_that_is_not_counted_takes_back_no_fetch_of_its_neighbour() -> None:
    limits = SiteLimits(1, 60, site_of=lambda _: "site", exempt={"local.example"}.__contains__, clock=lambda: 0.0)
    limits.count("app.example", "")
    limits.refund("local.example")
    with pytest.raises(TooManyFetchesError):
        limits.count("app.example", "")


def test_a_refused_fetch_does_not_lengthen_the_wait(clock: Clock) -> None:
    limits = SiteLimits(1, 60, site_of=lambda host: host, clock=lambda: clock().timestamp())
    limits.count("app.example", client().raw)
    clock.forward(seconds=59)
    with pytest.raises(TooManyFetchesError) as refused:
        limits.count("app.example", client().raw)
    assert (refused.value.slug, refused.value.retry_after) == ("too-many-fetches-of-site", 2)
    clock.forward(seconds=1)
    limits.count("app.example", client().raw)


def test_the_site_asked_longest_ago_is_forgotten_when_too_many_are_counted() -> None:
    limits = SiteLimits(1, 60, site_of=lambda host: host, clock=lambda: 0.0)
    limits.count("first.example", "https://first.example/c")
    with pytest.raises(TooManyFetchesError):
        limits.count("first.example", "https://first.example/c")
    for number in range(10_000):
        limits.count(f"{number}.example", "https://a.example/c")

    limits.count("first.example", "https://first.example/c")

"""The components of one app's client look-up, and the function that assembles them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TypeVar

from ..core.clock import Clock, utc_now
from ..core.policy import Policy
from ..core.requester import current_stranger
from ..errors import TooManyFetchesError
from ..fetch.coalescing import Coalescing, SharedCoalescing
from ..fetch.fetcher import Fetcher
from ..fetch.limits import FetchBudget, NotFoundLimits
from ..fetch.look_up import FOR_KNOWN_CLIENTS, FOR_STRANGERS, LookUps, Resolve
from ..settings import Settings
from ..signals import Notify, send_none
from ..stores import ClientCache, ClientStore, MemoryRecords, MemoryStore
from .admission import Admission
from .fetching import fetch_settings, not_found_limits, site_limits
from .linked import LinkedFetcher
from .loading import ClientLoader
from .stores import MEMORY_SIZE

T = TypeVar("T")

#: Time for parsing and storing a document after its fetch, in seconds.
_LEASE_MARGIN = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientParts:
    """The components of one app, shared by the resolver, the key finder, the logos and the explainer.

    Attributes:
        coalescing: coalescing in this process.
        shared_coalescing: coalescing across processes; ``None`` if only this process uses the store.
        reserve: further parts with the same cache; they fetch a client with a grant after these parts have reached a
            limit.
    """

    settings: Settings
    clock: Clock
    notify: Notify
    admission: Admission
    cache: ClientCache
    budget: FetchBudget
    loader: ClientLoader
    linked: LinkedFetcher
    fetcher: Fetcher
    coalescing: Coalescing
    shared_coalescing: SharedCoalescing | None
    reserve: ClientParts | None = None


def assemble(
    settings: Settings,
    store: ClientStore,
    *,
    notify: Notify = send_none,
    clock: Clock = utc_now,
    resolve: Resolve | None = None,
) -> ClientParts:
    """Return the parts for these settings and this store.

    Args:
        settings: settings of the app.
        store: store of clients, key sets and logos.
        notify: sends signals.
        clock: returns the current time as an aware `datetime`.
        resolve: returns the addresses for a host name and a port; defaults to the system's resolver.

    Raises:
        ConfigurationError: ``CIMD_PROXY`` is not the URL of a proxy.
    """
    admission = Admission(settings.policy, store.records)
    cache = ClientCache(store, settings.document_rules.digest)
    fetching = replace(fetch_settings(settings), resolve=resolve)
    fetcher = Fetcher(fetching)
    budget = _budget(settings, clock)
    loader = ClientLoader(settings, fetcher=fetcher, budget=budget, admission=admission, clock=clock, notify=notify)
    coalescing, shared = _coalescing(cache, fetching.timeout, clock)
    return ClientParts(
        settings=settings,
        clock=clock,
        notify=notify,
        admission=admission,
        cache=cache,
        budget=budget,
        loader=loader,
        linked=LinkedFetcher(fetcher, budget, admission),
        fetcher=fetcher,
        coalescing=coalescing,
        shared_coalescing=shared,
    )


def assemble_for_strangers(parts: ClientParts) -> ClientParts:
    """Return parts for unauthenticated requesters, with separate limits, look-ups and a separate memory store.

    Strangers therefore cannot fill the app's store, and the response time does not reveal which clients the users of
    this server use: a client that a user's sign-in stored is fetched again for a stranger.

    Args:
        parts: the app's parts for users.
    """
    settings = parts.settings
    store = MemoryStore(settings.cache_size or MEMORY_SIZE)
    cache = ClientCache(store, settings.document_rules.digest)
    reserve = _apart(parts, cache, FOR_KNOWN_CLIENTS, threads=settings.max_fetches)
    return replace(_apart(parts, cache, FOR_STRANGERS, threads=2 * settings.max_fetches), reserve=reserve)


def assemble_for_explaining(strangers: ClientParts) -> ClientParts:
    """Return parts that explain a client to a stranger, with the strangers' limits and none of the operator's rules.

    What they find is true of every server with these settings: no rule, tier, pinned copy, private host or stored
    client of this one shows, and nothing is stored, signalled or kept for a sign-in.

    Args:
        strangers: the parts for the requests of strangers.
    """
    admission = Admission(Policy(), MemoryRecords())
    fetcher = Fetcher(replace(strangers.fetcher.settings, private_hosts={}), look_ups=FOR_STRANGERS)
    budget = strangers.budget
    loader = ClientLoader(
        strangers.settings, fetcher=fetcher, budget=budget, admission=admission, clock=strangers.clock, notify=send_none
    )
    linked = LinkedFetcher(fetcher, budget, admission)
    return replace(
        strangers,
        admission=admission,
        fetcher=fetcher,
        loader=loader,
        linked=linked,
        notify=send_none,
        reserve=None,
    )


def _apart(parts: ClientParts, cache: ClientCache, look_ups: LookUps, *, threads: int) -> ClientParts:
    settings, fetcher = parts.settings, parts.fetcher.apart(look_ups)
    budget = _budget(settings, parts.clock, not_found_limits(settings))
    loader = ClientLoader(
        settings, fetcher=fetcher, budget=budget, admission=parts.admission, clock=parts.clock, notify=parts.notify
    )
    return replace(
        parts,
        cache=cache,
        budget=budget,
        loader=loader,
        linked=LinkedFetcher(fetcher, budget, parts.admission),
        fetcher=fetcher,
        coalescing=Coalescing(settings.fetch_timeout + 1, threads),
        shared_coalescing=None,
    )


def for_requester(people: T, strangers: T) -> T:
    """Return ``strangers`` if the current requester is a `Stranger`, else ``people``."""
    return people if current_stranger() is None else strangers


def run_with_reserve(
    client_id: str, work: Callable[[], T], reserve: ClientParts | None, again: Callable[[ClientParts], T]
) -> T:
    """Run ``work``; if it reaches a limit on strangers and the client has a grant, run ``again`` with the reserve.

    The limit of one network does not open the reserve: a single requester could otherwise reach it and learn from the
    reserve which clients have a grant. After many strangers together have reached a limit, the response reveals it.
    """
    try:
        return work()
    except TooManyFetchesError as error:
        stranger, is_own = current_stranger(), error.slug == "too-many-not-found"
        if is_own or reserve is None or stranger is None or not stranger.has_grant(client_id):
            raise
        return again(reserve)


def _budget(settings: Settings, clock: Clock, not_found: NotFoundLimits | None = None) -> FetchBudget:
    return FetchBudget(
        simultaneous=settings.max_fetches,
        documents=site_limits(settings),
        linked=site_limits(settings),
        pause=settings.failure_backoff,
        clock=clock,
        not_found=not_found,
    )


def _coalescing(cache: ClientCache, timeout: float, clock: Clock) -> tuple[Coalescing, SharedCoalescing | None]:
    if cache.leases is None:
        return Coalescing(timeout + 1), None
    lifetime = timeout + _LEASE_MARGIN
    # Long enough for the lease of a killed leader to expire and for the next leader's fetch to end.
    shared_timeout = lifetime + timeout + 1
    shared = SharedCoalescing(cache.leases, lifetime=timedelta(seconds=lifetime), timeout=shared_timeout, clock=clock)
    return Coalescing(shared_timeout + timeout + 1), shared

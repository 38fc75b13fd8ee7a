"""The parts of which one app's client look-up is made, wired once and handed to whoever needs them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

from ..core.clock import Clock, utc_now
from ..fetch.coalescing import Coalescing, SharedCoalescing
from ..fetch.fetcher import Fetcher
from ..fetch.limits import FetchBudget
from ..fetch.look_up import Resolve
from ..settings import Settings
from ..signals import Notify, send_none
from ..stores import ClientCache, ClientStore
from .admission import Admission
from .fetching import fetch_settings, site_limits
from .linked import LinkedFetcher
from .loading import ClientLoader

#: Seconds for parsing and storing a document, beyond the deadline of its fetch.
_LEASE_MARGIN = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientParts:
    """One app's parts; a resolver, the key finder, the logos and the explainer each take what they need.

    Attributes:
        coalescing: in this process.
        shared_coalescing: across processes; ``None`` if only this process uses the store.
    """

    settings: Settings
    clock: Clock
    notify: Notify
    admission: Admission
    cache: ClientCache
    budget: FetchBudget
    loader: ClientLoader
    linked: LinkedFetcher
    coalescing: Coalescing
    shared_coalescing: SharedCoalescing | None


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
        settings: of the app.
        store: keeps clients, key sets and logos.
        notify: sends signals.
        clock: returns the current aware instant.
        resolve: host name and port to addresses; by default the system's resolver.

    Raises:
        ConfigurationError: ``CIMD_PROXY`` is not the URL of a proxy.
    """
    admission = Admission(settings.policy, store.records)
    cache = ClientCache(store, settings.document_rules.digest)
    fetching = replace(fetch_settings(settings), resolve=resolve)
    fetcher = Fetcher(fetching)
    budget = FetchBudget(
        simultaneous=settings.max_fetches,
        documents=site_limits(settings),
        linked=site_limits(settings),
        pause=settings.failure_backoff,
        clock=clock,
    )
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
        coalescing=coalescing,
        shared_coalescing=shared,
    )


def _coalescing(cache: ClientCache, timeout: float, clock: Clock) -> tuple[Coalescing, SharedCoalescing | None]:
    if cache.leases is None:
        return Coalescing(timeout + 1), None
    lifetime = timeout + _LEASE_MARGIN
    # Long enough to outlive one killed leader and to see the next one's fetch end.
    shared_timeout = lifetime + timeout + 1
    shared = SharedCoalescing(cache.leases, lifetime=timedelta(seconds=lifetime), timeout=shared_timeout, clock=clock)
    return Coalescing(shared_timeout + timeout + 1), shared

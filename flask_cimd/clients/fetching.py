"""Build the parts of `flask_cimd.fetch` from one app's settings."""

from __future__ import annotations

from ..core.urls import LOOPBACK_HOSTS
from ..fetch.fetcher import FetchSettings
from ..fetch.limits import NotFoundLimits, SiteLimits, site_finder
from ..settings import Settings

#: Window of ``CIMD_SITE_FETCHES``, in seconds.
_SITE_WINDOW = 60


def fetch_settings(settings: Settings) -> FetchSettings:
    """Return the app's fetch settings.

    Raises:
        ConfigurationError: ``CIMD_PROXY`` is not the URL of a proxy.
    """
    return FetchSettings(
        timeout=settings.fetch_timeout,
        connect_timeout=settings.connect_timeout,
        allowed_ports=settings.allowed_ports,
        allow_loopback=settings.allow_loopback,
        development_hosts=settings.development_hosts,
        private_hosts=settings.private_hosts,
        proxy=settings.proxy,
        ca_bundle=settings.ca_bundle,
        user_agent=settings.user_agent,
        nat64=settings.nat64,
        allow_http=settings.allow_http_clients,
    )


def not_found_limits(settings: Settings) -> NotFoundLimits:
    """Return a new counter of URLs without a document by network, with the limit ``CIMD_SITE_FETCHES``."""
    return NotFoundLimits(settings.site_fetches, _SITE_WINDOW)


def site_limits(settings: Settings) -> SiteLimits:
    """Return a new counter of fetches by site; loopback hosts count only if the limit is set explicitly."""
    local = set() if settings.counts_loopback else LOOPBACK_HOSTS | set(settings.development_hosts)
    return SiteLimits(
        settings.site_fetches,
        _SITE_WINDOW,
        site_of=site_finder(settings.shared_domains),
        exempt=local.__contains__,
    )

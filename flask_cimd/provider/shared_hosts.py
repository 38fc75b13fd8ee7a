"""Hosts on which unrelated parties publish: services for developers, and shared domains."""

from __future__ import annotations

import functools
from typing import Any

from ..core.policy import HostPattern, Policy


def is_for_many(host: str, services: tuple[HostPattern, ...], domains: tuple[HostPattern, ...]) -> bool:
    """Return whether a lower-case host belongs to a service for developers or to a shared domain."""
    return Policy(service_hosts=services).serves_many(host) or is_shared(host, domains)


def is_shared(host: str, domains: tuple[HostPattern, ...] = ()) -> bool:
    """Return whether a host is under one of these domains, or under a private suffix of the Public Suffix List.

    The extra ``sites`` contains the list; without it the result is ``True`` for every host.
    """
    if any(f".{host}".endswith("." + pattern.text.lstrip(".")) for pattern in domains):
        return True
    try:
        every, official = _suffixes(official=False), _suffixes(official=True)
    except ImportError:
        return True
    return bool(every.publicsuffix(host) != official.publicsuffix(host))


@functools.cache
def _suffixes(*, official: bool) -> Any:
    """Return the list, or only its ICANN section; each process parses it once."""
    from publicsuffixlist import PublicSuffixList

    return PublicSuffixList(only_icann=official)

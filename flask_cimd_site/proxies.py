"""The address of a visitor behind proxies, from the part of ``X-Forwarded-For`` that trusted proxies wrote."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Any

from flask_cimd.core import network_of

logger = logging.getLogger(__name__)

Network = IPv4Network | IPv6Network
Application = Callable[[dict[str, Any], Any], Iterable[bytes]]
_MONITORED = ("/healthz", "/readyz", "/metrics")


def behind_proxies(application: Any, trusted: int | tuple[Network, ...] | None) -> Application:
    """Return the application with the visitor's address in ``REMOTE_ADDR``.

    Args:
        application: a WSGI application.
        trusted: number of proxies, each of which adds its peer at the end of the header; or the networks of the
            proxies. ``None`` is one proxy, with a warning.
    """
    if trusted is None:
        logger.warning("DEMO_TRUSTED_PROXIES is not set: exactly one proxy is taken to write X-Forwarded-For")
    find = _by_network(trusted) if isinstance(trusted, tuple) else _by_number(1 if trusted is None else trusted)
    warned: list[None] = []

    def behind(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        hops = [hop.strip() for hop in environ.get("HTTP_X_FORWARDED_FOR", "").split(",") if hop.strip()]
        address = find([*hops, environ.get("REMOTE_ADDR", "")])
        if address is not None:
            environ["REMOTE_ADDR"] = network_of(address, ipv6_prefix=128)  # without its port
        elif not warned and environ.get("PATH_INFO") not in _MONITORED:  # monitors ask without a proxy
            warned.append(None)
            logger.warning(
                "a request has no usable X-Forwarded-For, so the limits count all visitors as one: let the proxy set "
                "the header, and set DEMO_TRUSTED_PROXIES to the number of proxies"
            )
        result: Iterable[bytes] = application(environ, start_response)
        return result

    return behind


def _by_number(number: int) -> Callable[[list[str]], str | None]:
    """Return the function from the hops, the nearest last, to the visitor's address; ``None`` if there are too few."""
    return lambda hops: hops[-1 - number] if number < len(hops) and _is_address(hops[-1 - number]) else None


def _by_network(networks: tuple[Network, ...]) -> Callable[[list[str]], str | None]:
    def is_proxy(hop: str) -> bool:
        return _is_address(hop) and any(_parsed(hop) in network for network in networks)

    def find(hops: list[str]) -> str | None:
        last = next((hop for hop in reversed(hops) if not is_proxy(hop)), None)
        return last if last is not None and _is_address(last) else None

    return find


def _parsed(hop: str) -> Any:
    return ip_address(network_of(hop, ipv6_prefix=128))


def _is_address(hop: str) -> bool:
    try:
        _parsed(hop)
    except ValueError:
        return False
    return True

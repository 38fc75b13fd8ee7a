"""Declarations of settings, and readers of their values.

A reader takes Python objects, or text as environment variables hold it. It returns the value in use, or raises
``ValueError`` or ``TypeError`` with the accepted values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import timedelta
from ipaddress import ip_network
from typing import Any

from .addresses import Network, is_never_private
from .legacy import INDIEAUTH_VERSIONS
from .policy import HostPattern
from .urls import host_problem
from .version import __version__

#: Name and version of this package, for operators of the fetched hosts (RFC 9110 §10.1.5).
USER_AGENT = f"flask-cimd/{__version__}"
_REDIS = ("redis://", "rediss://", "unix://")


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One configuration key.

    Attributes:
        key: the name in ``app.config``.
        name: the attribute that holds the value in use.
        topic: ``clients``, ``hosts``, ``fetches``, ``cache``, ``logos`` or ``development``.
        default: the value of a key that is not set, as it may stand in ``app.config``.
        unit: of a number, else empty.
        note: one line of documentation in Markdown.
        read: returns the value in use; raises ``ValueError`` or ``TypeError``.
    """

    key: str
    name: str
    topic: str
    default: Any
    unit: str
    note: str
    read: Callable[[Any], Any]


def declare(topic: str, default: Any, note: str, reader: Callable[[Any], Any], *, unit: str = "") -> Any:
    """Return a dataclass field that is one setting; the name of the field gives the key."""
    metadata = {"topic": topic, "default": default, "unit": unit, "note": note, "read": reader}
    return field(default_factory=lambda: reader(default), metadata=metadata)


def declared_settings(cls: Any) -> tuple[Setting, ...]:
    """Return the settings that a dataclass declares, in order."""
    return tuple(
        Setting(key=f"CIMD_{declared.name.upper()}", name=declared.name, **declared.metadata)
        for declared in fields(cls)
        if declared.metadata
    )


def flag(value: object) -> bool:
    """Read a boolean, or ``1``, ``true``, ``yes``, ``on`` and ``0``, ``false``, ``no``, ``off`` as text."""
    if isinstance(value, str):
        lowered = value.strip().lower()
        if lowered in {"1", "true", "yes", "on"}:
            return True
        if lowered in {"0", "false", "no", "off", ""}:
            return False
        raise ValueError("must be true or false")
    return bool(value)


def seconds(low: float, high: float) -> Callable[[Any], float]:
    """Return a reader of durations as seconds; it takes numbers of seconds and ``timedelta``."""

    def read(value: Any) -> float:
        seconds = value.total_seconds() if isinstance(value, timedelta) else float(value)
        if not low <= seconds <= high:
            raise ValueError(f"must be between {low:g} and {high:g} seconds")
        return float(seconds)

    return read


def duration(low: float, high: float) -> Callable[[Any], timedelta]:
    """Return a reader of durations as ``timedelta``; it takes numbers of seconds and ``timedelta``."""
    return lambda value: timedelta(seconds=seconds(low, high)(value))


def count(low: int, high: int) -> Callable[[Any], int]:
    """Return a reader of integers from ``low`` to ``high``."""

    def read(value: Any) -> int:
        number = int(value)
        if not low <= number <= high:
            raise ValueError(f"must be between {low} and {high}")
        return number

    return read


def optional_count(low: int, high: int) -> Callable[[Any], int | None]:
    """Return a reader of integers from ``low`` to ``high``, or ``None``."""
    return lambda value: None if value in (None, "") else count(low, high)(value)


def items(value: Any) -> tuple[str, ...]:
    """Read a list, or text with commas."""
    if isinstance(value, str):
        return tuple(item.strip() for item in value.split(",") if item.strip())
    if not isinstance(value, Iterable):
        raise TypeError("must be a list")
    return tuple(str(item) for item in value)


def hosts(value: Any) -> tuple[HostPattern, ...]:
    """Read host patterns."""
    return tuple(HostPattern.parse(item) for item in items(value))


def optional_hosts(value: Any) -> tuple[HostPattern, ...] | None:
    """Read host patterns; ``None`` means any host."""
    return None if value is None else hosts(value)


def ports(value: Any) -> tuple[int, ...] | None:
    """Read port numbers; ``None`` means any port."""
    return None if value is None else tuple(count(1, 65535)(item) for item in items(value))


def optional_text(value: Any) -> str | None:
    """Read text; empty text is ``None``."""
    return str(value) if value else None


def user_agent(value: Any) -> str:
    """Read a user agent; the default names this package."""
    return str(value or USER_AGENT)


def methods(value: Any) -> tuple[str, ...]:
    """Read client authentication methods."""
    methods = items(value)
    if not methods or not set(methods) <= {"none", "private_key_jwt"}:
        raise ValueError("may hold none and private_key_jwt; shared secrets are never possible")
    return methods


def development_hosts(value: Any) -> Mapping[str, tuple[str, int]]:
    """Read ``name=address:port,…`` or a mapping of name to ``"address:port"`` or ``(address, port)``."""
    pairs = value.items() if isinstance(value, Mapping) else (item.split("=", 1) for item in items(value))
    hosts = {}
    for name, target in pairs:
        address, port = target.rsplit(":", 1) if isinstance(target, str) else target
        if address.strip("[]") not in {"127.0.0.1", "::1"}:
            raise ValueError("development hosts lead to 127.0.0.1 or [::1] only")
        hosts[name.lower()] = (address.strip("[]"), count(1, 65535)(port))
    return hosts


def is_strict(value: Any) -> bool:
    """Return whether the value of ``CIMD_PROFILE`` names the profile ``strict``."""
    return isinstance(value, str) and "strict" in (item.strip() for item in value.split(","))


def private_hosts(value: Any) -> Mapping[str, tuple[Network, ...]]:
    """Read ``name=network network,…`` or a mapping of name to one network or several."""
    pairs = value.items() if isinstance(value, Mapping) else (item.split("=", 1) for item in items(value))
    return {_private_name(name): _networks(networks) for name, networks in pairs}


def _private_name(name: str) -> str:
    if host_problem(name) is not None:
        raise ValueError("each private host is one exact name with at least two labels, without wildcards")
    return name.lower()


def _networks(value: Any) -> tuple[Network, ...]:
    named = value.split() if isinstance(value, str) else [str(network) for network in value]
    networks = tuple(ip_network(network) for network in named)
    if not networks or any(is_never_private(network) for network in networks):
        raise ValueError("a private host needs networks; loopback, link-local and a network of /0 are never among them")
    return networks


def indieauth(value: Any) -> Any:
    """Read the oldest version of IndieAuth whose clients are accepted, or ``False``."""
    if str(value) in INDIEAUTH_VERSIONS:
        return str(value)
    if value is not True and str(value).strip().lower() in {"0", "false", "no", "off", ""}:
        return False
    raise ValueError(f"must be {', '.join(INDIEAUTH_VERSIONS)} or False")


def store(value: Any) -> Any:
    """Read the name of a store, the URL of a Redis server, or a store object."""
    if isinstance(value, str) and value not in {"memory", "sqlalchemy"} and not value.startswith(_REDIS):
        raise ValueError("must be memory, sqlalchemy, a URL such as redis://127.0.0.1:6379/0, or a store object")
    return value

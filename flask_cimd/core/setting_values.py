"""How the value of a setting is read: from Python, or from text as environment variables hold it.

Each reader returns the value in use, or raises ``ValueError`` or ``TypeError`` with a sentence that helps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import Any

from .policy import HostPattern

#: Name, version and an address, so that a client's operator can see who asks (RFC 9110 §10.1.5).
USER_AGENT = "flask-cimd/0.1 (+https://pypi.org/project/flask-cimd/)"


def flag(value: object) -> bool:
    """Return a boolean; texts as environment variables hold them count too."""
    if isinstance(value, str):
        lowered = value.strip().lower()
        if lowered in {"1", "true", "yes", "on"}:
            return True
        if lowered in {"0", "false", "no", "off", ""}:
            return False
        raise ValueError("must be true or false")
    return bool(value)


def seconds(low: float, high: float) -> Callable[[Any], float]:
    """Return a reader of durations within bounds, as seconds or a ``timedelta``."""

    def read(value: Any) -> float:
        seconds = value.total_seconds() if isinstance(value, timedelta) else float(value)
        if not low <= seconds <= high:
            raise ValueError(f"must be between {low:g} and {high:g} seconds")
        return float(seconds)

    return read


def count(low: int, high: int) -> Callable[[Any], int]:
    """Return a reader of whole numbers within bounds."""

    def read(value: Any) -> int:
        number = int(value)
        if not low <= number <= high:
            raise ValueError(f"must be between {low} and {high}")
        return number

    return read


def optional_count(low: int, high: int) -> Callable[[Any], int | None]:
    """Return a reader of whole numbers within bounds, or of nothing."""
    return lambda value: None if value in (None, "") else count(low, high)(value)


def one_of(*names: str) -> Callable[[Any], str]:
    """Return a reader that takes these words alone."""

    def read(value: Any) -> str:
        if value not in names:
            raise ValueError("must be one of " + ", ".join(names))
        return str(value)

    return read


def items(value: Any) -> tuple[str, ...]:
    """Read a list, or a comma-separated string as environment variables hold it."""
    if isinstance(value, str):
        return tuple(item.strip() for item in value.split(",") if item.strip())
    if not isinstance(value, Iterable):
        raise TypeError("must be a list")
    return tuple(str(item) for item in value)


def hosts(value: Any) -> tuple[HostPattern, ...]:
    """Return host patterns."""
    return tuple(HostPattern.parse(item) for item in items(value))


def optional_hosts(value: Any) -> tuple[HostPattern, ...] | None:
    """Return host patterns, or ``None`` for any host."""
    return None if value is None else hosts(value)


def ports(value: Any) -> tuple[int, ...] | None:
    """Return port numbers, or ``None`` for any port."""
    return None if value is None else tuple(count(1, 65535)(item) for item in items(value))


def optional_text(value: Any) -> str | None:
    """Return the text, or ``None`` for an empty one."""
    return str(value) if value else None


def text(value: Any) -> str:
    """Return the text, or the user agent of this package."""
    return str(value or USER_AGENT)


def methods(value: Any) -> tuple[str, ...]:
    """Return client authentication methods."""
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


def store(value: Any) -> Any:
    """Return the name of a store, or the store itself."""
    if isinstance(value, str) and value not in {"memory", "sqlalchemy", "redis"}:
        raise ValueError("must be memory, sqlalchemy, redis or a store object")
    return value

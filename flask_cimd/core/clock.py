"""The clock that callers may replace; tests inject their own."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

#: Returns the current aware instant.
Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """Return the current instant as an aware `datetime` in UTC."""
    return datetime.now(UTC)

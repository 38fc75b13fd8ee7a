"""A clock that moves only when a test says so."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class Clock:
    """Returns one aware instant until it is moved; give it to whatever takes a ``clock``."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 24, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **delta: float) -> None:
        """Move on by the parts of a `timedelta`, such as ``seconds=61``."""
        self.now += timedelta(**delta)

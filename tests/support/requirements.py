"""A test whose server or browser is missing is skipped with the reason; with ``CI=true`` that is a failure."""

from __future__ import annotations

import os

import pytest


def need(available: object, reason: str) -> None:
    """Skip the test, or fail it where everything must be there."""
    if available:
        return
    if os.environ.get("CI") == "true":
        pytest.fail(f"missing although CI=true: {reason}")
    pytest.skip(reason)

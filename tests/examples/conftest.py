"""Running examples."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.examples import RunningExample, running_minimal


@pytest.fixture(scope="module")
def minimal(ca_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningExample]:
    """Run ``examples/minimal.py``."""
    with running_minimal(tmp_path_factory.mktemp("minimal"), ca_bundle) as running:
        yield running

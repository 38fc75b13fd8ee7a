"""A client app and a server for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import trustme

from tests.support.client_app import Pair
from tests.support.clock import Clock


@pytest.fixture
def pair(ca: trustme.CA, ca_bundle: Path, tmp_path: Path, clock: Clock) -> Iterator[Pair]:
    """Run a client app beside a demo."""
    with ExitStack() as stack:
        yield Pair(stack, ca, ca_bundle, tmp_path, clock)

"""Running demos for real clients."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.demo import RunningDemo, running_demo


@pytest.fixture(scope="session")
def legacy_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDemo]:
    """Run a demo that lets clients of IndieAuth's first years in."""
    with running_demo(tmp_path_factory.mktemp("legacy"), DEMO_LEGACY_CLIENTS="1") as demo:
        yield demo

"""A folder that is prepared once, by one of the processes that run the tests."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def prepared_once(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder; where the block skips its test, the other workers of this run skip theirs at once."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    failed = folder.with_name(f"{folder.name}.failed")
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", "")
    with folder.with_name(f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if run and failed.exists() and failed.read_text(encoding="utf-8").startswith(run):
            pytest.skip(failed.read_text(encoding="utf-8").removeprefix(run))
        try:
            yield
        except pytest.skip.Exception as exc:
            failed.write_text(f"{run}{exc.msg}", encoding="utf-8")
            raise

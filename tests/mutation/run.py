"""Apply each mutant in a copy of the repository, run its tests, and report the mutants that no test notices."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory
from typing import Literal

from .mutant import Mutant

Verdict = Literal["caught", "survived", "broken"]
#: Seconds for the tests of one mutant; a mutant that makes them hang longer is caught.
PATIENCE = 300
_LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv*", ".node", ".interop", ".bench", "__pycache__", ".*_cache", ".hypothesis", "instance"
)


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one mutant; ``output`` is the end of what pytest printed."""

    mutant: Mutant
    verdict: Verdict
    output: str


class Laboratory:
    """Copies of the repository, each with room for one mutant at a time."""

    def __init__(self, copies: Sequence[Path]) -> None:
        self._free: SimpleQueue[Path] = SimpleQueue()
        for copy in copies:
            self._free.put(copy)

    def test(self, mutant: Mutant) -> Result:
        """Apply a mutant, run its tests, and restore the file."""
        copy = self._free.get()
        path = copy / mutant.file
        original = path.read_bytes()
        try:
            path.write_text(mutant.apply(copy), encoding="utf-8")
            return _judge(mutant, *run_tests(copy, mutant.tests))
        finally:
            path.write_bytes(original)
            self._free.put(copy)

    def baseline(self, tests: Sequence[str]) -> str | None:
        """Run tests without any mutant; return what pytest printed if they do not pass."""
        copy = self._free.get()
        try:
            code, output = run_tests(copy, tests)
            return None if code == 0 else output
        finally:
            self._free.put(copy)


def run_tests(copy: Path, tests: Sequence[str]) -> tuple[int, str]:
    """Run pytest in a copy until a test fails; return its exit code (1 when it hangs) and the end of its output."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "--no-header", "--tb=line", "-p", "no:cacheprovider", *tests]
    environment = {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1", "HYPOTHESIS_PROFILE": "quick"}
    try:
        done = subprocess.run(
            command, cwd=copy, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
    except subprocess.TimeoutExpired:
        return 1, f"longer than {PATIENCE} s"
    return done.returncode, (done.stdout + done.stderr)[-1500:]


def _judge(mutant: Mutant, code: int, output: str) -> Result:
    verdicts: dict[int, Verdict] = {0: "survived", 1: "caught"}
    return Result(mutant, verdicts.get(code, "broken"), output)


@contextmanager
def laboratory(root: Path, copies: int) -> Iterator[Laboratory]:
    """Copy the repository so many times, for as long as the block lasts."""
    with TemporaryDirectory(prefix="mutants-") as folder:
        made = [Path(folder) / str(number) / "project" for number in range(copies)]
        for copy in made:
            shutil.copytree(root, copy, ignore=_LEFT_OUT, symlinks=True)
        yield Laboratory(made)


def run(root: Path, mutants: Sequence[Mutant], jobs: int) -> Iterator[Result]:
    """Yield what became of each mutant, as soon as it is known and in order."""
    with laboratory(root, jobs) as place, ThreadPoolExecutor(jobs) as threads:
        yield from threads.map(place.test, mutants)

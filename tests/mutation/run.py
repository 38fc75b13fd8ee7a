"""Apply each mutant in a copy of the repository, run its tests, and report the mutants that no test notices."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory
from typing import Literal, TypeVar

from .mutant import Mutant

Piece = TypeVar("Piece")
Done = TypeVar("Done")
Verdict = Literal["caught", "survived", "broken"]
FORKED = Path(__file__).with_name("forked.py")
_LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv*", ".node", ".interop", ".bench", "__pycache__", ".*_cache", ".hypothesis", "instance"
)


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one mutant; ``output`` is the end of what pytest printed."""

    mutant: Mutant
    verdict: Verdict
    output: str


class Copy:
    """A copy of the repository with a process that runs its tests."""

    def __init__(self, root: Path) -> None:
        self.root = root
        environment = {**os.environ, "PYTHONPATH": str(root)}
        self._process = subprocess.Popen(
            # -P: the tables beside the script do not shadow modules of the standard library, such as operator.
            [sys.executable, "-P", FORKED],
            cwd=root,
            env={**environment, "HYPOTHESIS_PROFILE": "quick"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def test(self, mutant: Mutant) -> Result:
        """Apply a mutant, run its tests, and restore the file."""
        path = self.root / mutant.file
        original = path.read_bytes()
        try:
            _forget_compiled(path)
            path.write_text(mutant.apply(self.root), encoding="utf-8")
            code, output = self.run(mutant.tests)
        finally:
            path.write_bytes(original)
            _forget_compiled(path)
        verdicts: dict[int, Verdict] = {0: "survived", 1: "caught", -signal.SIGALRM: "caught"}
        return Result(mutant, verdicts.get(code, "broken"), output)

    def run(self, tests: Sequence[str]) -> tuple[int, str]:
        """Run pytest until a test fails; return its exit code (negative: killed by a signal) and the end of its output."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        arguments = ["-q", "-x", "--no-header", "--tb=line", "-p", "no:cacheprovider", *tests]
        self._process.stdin.write(json.dumps(arguments) + "\n")
        self._process.stdin.flush()
        code, output = json.loads(self._process.stdout.readline())
        text = Path(output).read_text(encoding="utf-8", errors="replace")
        Path(output).unlink()
        return code, text[-1500:]

    def close(self) -> None:
        """End the process."""
        with self._process as process:
            process.communicate(timeout=30)


def _forget_compiled(source: Path) -> None:
    """Remove compiled code: Python compares times in whole seconds, and a mutant may be as long as its original."""
    for compiled in source.parent.glob(f"__pycache__/{source.stem}.*.pyc"):
        compiled.unlink()


@contextmanager
def copies(root: Path, number: int) -> Iterator[list[Copy]]:
    """Copy the repository so many times, for as long as the block lasts."""
    with TemporaryDirectory(prefix="mutants-") as folder, ExitStack() as stack:
        made = []
        for name in map(str, range(number)):
            shutil.copytree(root, Path(folder) / name / "project", ignore=_LEFT_OUT, symlinks=True)
            made.append(Copy(Path(folder) / name / "project"))
            stack.callback(made[-1].close)
        yield made


def failing(root: Path, tests: Iterable[str], jobs: int) -> str | None:
    """Run tests without any mutant, one file at a time; return the ends of what pytest printed if they do not pass."""
    files: defaultdict[str, list[str]] = defaultdict(list)
    for test in tests:
        files[test.partition("::")[0]].append(test)
    ends = [output for code, output in _spread(root, list(files.values()), jobs, Copy.run) if code != 0]
    return "\n".join(ends) or None


def run(root: Path, mutants: Sequence[Mutant], jobs: int) -> Iterator[Result]:
    """Yield what became of each mutant, in order, as soon as it is known."""
    yield from _spread(root, mutants, jobs, Copy.test)


def _spread(root: Path, pieces: Sequence[Piece], jobs: int, work: Callable[[Copy, Piece], Done]) -> Iterator[Done]:
    """Do the work on each piece in a free copy of the repository; yield the results in the order of the pieces."""
    with copies(root, jobs) as made, ThreadPoolExecutor(jobs) as threads:
        free: SimpleQueue[Copy] = SimpleQueue()
        for copy in made:
            free.put(copy)

        def do(piece: Piece) -> Done:
            copy = free.get()
            try:
                return work(copy, piece)
            finally:
                free.put(copy)

        yield from threads.map(do, pieces)

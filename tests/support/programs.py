"""Programs in other languages and environments, spoken to in lines of JSON: one question, one answer."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

#: A program that says nothing for so long is ended, and the test fails.
_PATIENCE = 60


class Program:
    """A running program that reads lines of JSON and writes lines of JSON."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def ask(self, **message: Any) -> Any:
        """Send one message and return the program's answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(message) + "\n")
        self._process.stdin.flush()
        return self.receive()

    def receive(self) -> Any:
        """Return the next message of the program; what it prints besides JSON is passed over."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith(("{", "[")):
                return json.loads(line)
        assert self._process.stderr is not None
        raise AssertionError(f"the program ended without an answer:\n{self._process.stderr.read()[-4000:]}")


@contextmanager
def running_program(
    command: Sequence[str | Path],
    *,
    cwd: Path,
    environment: Mapping[str, str] | None = None,
    patience: float = _PATIENCE,
) -> Iterator[Program]:
    """Run a program while the block lasts, for at most ``patience`` seconds."""
    process = subprocess.Popen(
        [str(part) for part in command],
        cwd=cwd,
        env={**os.environ, **(environment or {})},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )
    watch = threading.Timer(patience, process.kill)
    watch.start()
    try:
        with process:
            try:
                yield Program(process)
            finally:
                process.kill()
    finally:
        watch.cancel()

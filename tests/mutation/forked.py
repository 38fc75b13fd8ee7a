"""Runs pytest in forks of a process that has imported everything but the project, which saves two thirds of the time.

Started in a copy of the repository; reads lines of JSON lists of pytest arguments, answers each with its exit code and
the name of the file with its output.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import sys
import tempfile
from pathlib import Path

import pytest

#: For the tests of one mutant. One that makes them hang longer is caught: the alarm ends the process.
MOST_SECONDS = 300
_PROJECT = frozenset({"flask_cimd", "flask_cimd_site", "demo", "tests", "docs", "tools", "bench"})


def main() -> None:
    """Serve until standard input ends."""
    _import_what_others_wrote()
    for line in sys.stdin:
        output = Path(tempfile.mkstemp(suffix=".txt")[1])
        process = os.fork()
        if process == 0:
            os._exit(_pytest(json.loads(line), output))
        status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        print(json.dumps([status, str(output)]), flush=True)


def _import_what_others_wrote() -> None:
    """Import the fixtures of all tests and all that they need, then forget the project's own modules."""
    with contextlib.suppress(ImportError):
        importlib.import_module("tests.conftest")
    for name in [name for name in sys.modules if name.partition(".")[0] in _PROJECT]:
        del sys.modules[name]
    importlib.invalidate_caches()


def _pytest(arguments: list[str], output: Path) -> int:
    with output.open("w") as file:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
        signal.alarm(MOST_SECONDS)
        return int(pytest.main(arguments))


if __name__ == "__main__":
    main()

"""Real clients from PyPI whose dependencies must not meet ours: a virtual environment each, built once."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from .locks import prepared_once
from .programs import Program, running_program
from .requirements import need

_ROOT = Path(__file__).resolve().parents[2]
_CACHE = _ROOT / ".interop"


def python_env(name: str, *requirements: str) -> Path:
    """Return the Python of an environment with these requirements; the test is skipped where they are missing."""
    folder = _CACHE / name
    with prepared_once(folder):
        _prepare(folder, requirements)
    return folder / "bin" / "python"


def _prepare(folder: Path, requirements: tuple[str, ...]) -> None:
    python, stamp = folder / "bin" / "python", folder / "installed.json"
    wanted = json.dumps([sys.version_info[:2], requirements])
    if stamp.exists() and stamp.read_text() == wanted:
        return
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    done = subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *requirements],
        capture_output=True,
        text=True,
        check=False,
    )
    need(done.returncode == 0, f"pip could not install {folder.name}: {done.stderr[-300:]}")
    stamp.write_text(wanted)


@contextmanager
def running_python(
    python: Path, script: Path, *arguments: str, environment: Mapping[str, str] | None = None
) -> Iterator[Program]:
    """Run a script in an environment of `python_env` while the block lasts."""
    command = [python, "-W", "ignore", script, *arguments]
    with running_program(command, cwd=script.parent, environment=environment) as program:
        yield program

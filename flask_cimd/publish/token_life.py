"""Locks that prevent threads and processes from using one refresh token twice."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from threading import Lock

from ..errors import ConfigurationError
from .files import locked_file

#: Returns a context manager that one holder of a name at a time can enter; the name is a digest of 64 hex characters.
TokenLock = Callable[[str], AbstractContextManager[object]]

_MOST_LOCKS = 64


class ProcessLocks:
    """Locks for the threads of one process."""

    def __init__(self) -> None:
        self._locks = [Lock() for _ in range(_MOST_LOCKS)]

    def __call__(self, name: str) -> Lock:
        """Return the lock for a name; all names share 64 locks."""
        return self._locks[int(name, 16) % _MOST_LOCKS]


class FileLocks:
    """Lock files for all processes of one machine: at most 64 files.

    Args:
        folder: folder of the files; created by the first refresh.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        """Hold the lock for a name.

        Raises:
            ConfigurationError: the process cannot write to the folder.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            held = locked_file(self._folder / f"token-{int(name, 16) % _MOST_LOCKS}.lock")
            held.__enter__()
        except OSError as exc:
            raise ConfigurationError(f"cannot create a lock file in {self._folder}; pass token_lock=") from exc
        try:
            yield
        finally:
            held.__exit__(None, None, None)


def lock_name(refresh_token: str) -> str:
    """Return the lock name for a refresh token: its SHA-256 digest in hex, which never reveals the token."""
    return hashlib.sha256(refresh_token.encode("utf-8", "surrogatepass")).hexdigest()

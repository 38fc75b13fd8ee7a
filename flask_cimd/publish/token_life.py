"""One refresh at a time: the locks that keep threads and processes from spending one refresh token twice."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from threading import Lock

from ..errors import ConfigurationError
from .files import locked_file

#: Returns a context manager that one holder of a name enters at a time; the name is a digest, 64 hex characters.
TokenLock = Callable[[str], AbstractContextManager[object]]

_MOST_LOCKS = 64


class ProcessLocks:
    """Locks for the threads of one process."""

    def __init__(self) -> None:
        self._locks = [Lock() for _ in range(_MOST_LOCKS)]

    def __call__(self, name: str) -> Lock:
        """Return the lock of a name; names share 64 locks."""
        return self._locks[int(name, 16) % _MOST_LOCKS]


class FileLocks:
    """Locks for all processes of one machine: at most 64 files.

    Args:
        folder: made when the first token is refreshed.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        """Hold the lock of a name.

        Raises:
            ConfigurationError: the folder cannot be written.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            held = locked_file(self._folder / f"token-{int(name, 16) % _MOST_LOCKS}.lock")
            held.__enter__()
        except OSError as exc:
            raise ConfigurationError(f"no token lock in {self._folder}; pass token_lock=") from exc
        try:
            yield
        finally:
            held.__exit__(None, None, None)


def lock_name(refresh_token: str) -> str:
    """Return the name of the lock for a refresh token: a digest, since it may become a file name."""
    return hashlib.sha256(refresh_token.encode("utf-8", "surrogatepass")).hexdigest()

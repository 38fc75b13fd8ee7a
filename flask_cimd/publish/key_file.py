"""The private keys of a client app: one file that only its owner can read; rotation needs no restart."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from joserfc.jwk import ECKey, Key, OKPKey, RSAKey, import_key

from ..core.clock import utc_now
from ..errors import ConfigurationError
from .files import locked_file, replace_text

Algorithm = Literal["ES256", "RS256", "PS256", "EdDSA"]
_MAKERS: dict[str, Callable[[], Key]] = {
    "ES256": lambda: ECKey.generate_key("P-256"),
    "RS256": lambda: RSAKey.generate_key(3072),
    "PS256": lambda: RSAKey.generate_key(3072),
    "EdDSA": lambda: OKPKey.generate_key("Ed25519"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyEntry:
    """One key of the file.

    Attributes:
        jwk: the private key.
        created_at: time of creation, an aware `datetime`.
    """

    jwk: dict[str, Any]
    created_at: datetime

    @property
    def kid(self) -> str:
        """The key ID: its thumbprint (RFC 7638)."""
        return str(self.jwk["kid"])

    @property
    def alg(self) -> str:
        """The signature algorithm."""
        return str(self.jwk["alg"])

    @property
    def key(self) -> Key:
        """The private key as a joserfc key."""
        return import_key(self.jwk)

    @property
    def public(self) -> dict[str, Any]:
        """The public key as a JWK."""
        return {**self.key.as_dict(private=False), "kid": self.kid, "alg": self.alg, "use": "sig"}


class KeyFile:
    """Private keys in a JSON file with mode 0600; every method reads the file again.

    Args:
        path: path of the file; its folder is created if it is missing.
        clock: returns the current time as an aware `datetime`.
    """

    def __init__(self, path: str | Path, *, clock: Callable[[], datetime] = utc_now) -> None:
        self.path = Path(path)
        self._clock = clock

    def entries(self) -> tuple[KeyEntry, ...]:
        """Return the keys, oldest first.

        Raises:
            ConfigurationError: the file cannot be read.
        """
        try:
            kept = json.loads(self.path.read_text(encoding="utf-8"))["keys"]
            return tuple(KeyEntry(jwk=k["jwk"], created_at=datetime.fromtimestamp(k["created_at"], UTC)) for k in kept)
        except FileNotFoundError:
            return ()
        except (OSError, ValueError, KeyError, TypeError) as exc:
            raise ConfigurationError(f"the key file {self.path} cannot be read: {type(exc).__name__}") from exc

    def ensure(self, alg: Algorithm = "ES256") -> None:
        """Create a first key if the file has none; the file lock lets only one of several processes do it."""
        if not self.entries():
            with self._changing() as lock:
                if not self.entries():
                    lock.add(alg)

    def create(self, alg: Algorithm = "ES256") -> KeyEntry:
        """Add a key; it is published at once and signs after the ``settle`` time of `signing_key`."""
        with self._changing() as lock:
            return lock.add(alg)

    def retire(self, kid: str) -> None:
        """Remove a key; servers then refuse its signatures and end the sessions that are bound to it.

        Raises:
            KeyError: the file has no such key.
            ValueError: it is the last key.
        """
        with self._changing() as lock:
            lock.remove(kid)

    def signing_key(self, settle: timedelta, algorithms: Collection[str] | None = None) -> KeyEntry | None:
        """Return the newest key that was published at least ``settle`` ago, else the oldest key.

        Args:
            settle: cache lifetime of the key set at servers.
            algorithms: algorithms that the server accepts; ``None`` means any. Returns ``None`` without a matching key.

        Raises:
            ConfigurationError: the file has no key or cannot be read.
        """
        entries = self.entries()
        if not entries:
            raise ConfigurationError(f"the key file {self.path} holds no key; run: flask cimd keys new")
        entries = tuple(entry for entry in entries if algorithms is None or entry.alg in _names(algorithms))
        if not entries:
            return None
        settled = [entry for entry in entries if entry.created_at + settle <= self._clock()]
        return settled[-1] if settled else entries[0]

    def _changing(self) -> _Change:
        return _Change(self, self._clock())


class _Change:
    """One change of the file under its lock."""

    def __init__(self, file: KeyFile, now: datetime) -> None:
        self._file = file
        self._now = now
        file.path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = locked_file(file.path.with_name(file.path.name + ".lock"))

    def __enter__(self) -> _Change:
        self._lock.__enter__()
        return self

    def __exit__(self, *details: Any) -> None:
        self._lock.__exit__(*details)

    def add(self, alg: Algorithm) -> KeyEntry:
        key = _MAKERS[alg]()
        # The command line parses a key ID that begins with a dash as an option.
        while key.thumbprint().startswith("-"):
            key = _MAKERS[alg]()
        jwk = {**key.as_dict(private=True), "kid": key.thumbprint(), "alg": alg, "use": "sig"}
        entry = KeyEntry(jwk=jwk, created_at=self._now)
        self._write((*self._file.entries(), entry))
        return entry

    def remove(self, kid: str) -> None:
        entries = self._file.entries()
        left = tuple(entry for entry in entries if entry.kid != kid)
        if len(left) == len(entries):
            raise KeyError(kid)
        if not left:
            raise ValueError("the last key cannot be retired; make a new one first")
        self._write(left)

    def _write(self, entries: tuple[KeyEntry, ...]) -> None:
        keys = [{"jwk": entry.jwk, "created_at": entry.created_at.timestamp()} for entry in entries]
        replace_text(self._file.path, json.dumps({"keys": keys}, indent=1), 0o600)


def _names(algorithms: Collection[str]) -> set[str]:
    """Return the algorithms, with ``EdDSA`` added for its newer name ``Ed25519`` (RFC 9864)."""
    return {*algorithms} | ({"EdDSA"} if "Ed25519" in algorithms else set())

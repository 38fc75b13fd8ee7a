"""DPoP nonces without storage: each is an HMAC of the time slot in which it is issued (RFC 9449 §8)."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import datetime, timedelta


class Nonces:
    """Issues and recognises the nonces of one server; all its workers share the key.

    Args:
        key: secret bytes of any length.
        slot: interval after which a new nonce is issued.
        kept: number of earlier slots that are accepted; the next slot is accepted as well, since clocks differ.
    """

    def __init__(self, key: bytes, *, slot: timedelta = timedelta(minutes=1), kept: int = 2) -> None:
        self._key = key
        self._slot = slot
        self._kept = kept

    def current(self, now: datetime) -> str:
        """Return the nonce to issue now."""
        return self._nonce(self._number(now))

    def accepts(self, nonce: str, now: datetime) -> bool:
        """Return whether this server issued the nonce at most ``kept + 1`` slots ago."""
        number = self._number(now)
        given = nonce.encode("utf-8", "surrogatepass")
        return any(
            hmac.compare_digest(given, self._nonce(candidate).encode())
            for candidate in (number, *range(number - 1, number - 1 - self._kept, -1), number + 1)
        )

    def _number(self, now: datetime) -> int:
        return int(now.timestamp() // self._slot.total_seconds())

    def _nonce(self, number: int) -> str:
        tag = hmac.digest(self._key, number.to_bytes(8, "big", signed=True), hashlib.sha256)
        return base64.urlsafe_b64encode(tag[:18]).decode()

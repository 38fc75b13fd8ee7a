"""The digest that a storage holds in place of a secret."""

from __future__ import annotations

import hashlib


def digest_of(secret: str) -> str:
    """Return the SHA-256 of a random secret, 64 hexadecimal digits; a secret that people choose needs a slow hash."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()

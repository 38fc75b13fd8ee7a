"""The digest that the database keeps in place of a secret."""

from __future__ import annotations

import hashlib


def digest_of(secret: str) -> str:
    """Return 64 hexadecimal digits; the secrets are random, so a plain hash is enough."""
    return hashlib.sha256(secret.encode()).hexdigest()

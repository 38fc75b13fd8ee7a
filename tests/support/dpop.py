"""A client's half of DPoP, made with the same library that real clients in Python use."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from datetime import datetime
from typing import Any

from joserfc.jwk import ECKey
from joserfc.jws import JWSRegistry


def token_hash(access_token: str) -> str:
    """Return the ``ath`` of a token."""
    return _encoded(hashlib.sha256(access_token.encode()).digest())


class ProofKey:
    """A key that makes proofs, right ones and wrong ones."""

    def __init__(self, key: Any = None, algorithm: str = "ES256") -> None:
        self.key = key or ECKey.generate_key("P-256")
        self.algorithm = algorithm
        self.public: dict[str, Any] = self.key.as_dict(private=False)
        self.public.pop("kid", None)
        self.thumbprint: str = self.key.thumbprint()

    def proof(
        self, method: str, url: str, now: datetime, *, header: dict[str, Any] | None = None, **claims: Any
    ) -> str:
        """Return a proof; a header member or claim that is given replaces the right one, ``None`` leaves it out."""
        head = {"typ": "dpop+jwt", "alg": self.algorithm, "jwk": self.public, **(header or {})}
        body = {"jti": secrets.token_urlsafe(8), "htm": method, "htu": url, "iat": int(now.timestamp()), **claims}
        kept = {name: value for name, value in body.items() if value is not None}
        shown = {name: value for name, value in head.items() if value is not None}
        # The library would refuse to sign what a test wants to be wrong.
        signed = f"{_encoded(json.dumps(shown).encode())}.{_encoded(json.dumps(kept).encode())}"
        signature = JWSRegistry.algorithms[self.algorithm].sign(signed.encode(), self.key)
        return f"{signed}.{_encoded(signature)}"


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")

"""DPoP on the client side (RFC 9449): a key for each session, proofs, and the nonces of servers."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, OKPKey, import_key

from ..core.signatures import signature_registry
from .errors import UnsupportedServerError

_MAKERS: dict[str, Callable[[], Key]] = {
    "ES256": lambda: ECKey.generate_key("P-256"),
    "EdDSA": lambda: OKPKey.generate_key("Ed25519"),
    "ES384": lambda: ECKey.generate_key("P-384"),
}
_REGISTRY = signature_registry(tuple(_MAKERS), strict=True)
#: Maximum number of origins with a stored nonce, and maximum length of a nonce in characters.
_MOST_ORIGINS = 1000
_MOST_NONCE = 512


class DPoPKey:
    """The private key that the tokens of one session are bound to.

    Args:
        jwk: the private key with its ``alg``, from `to_dict`.

    Raises:
        ValueError: ``jwk`` is not such a key.
    """

    def __init__(self, jwk: Mapping[str, Any]) -> None:
        try:
            self.alg = next(alg for alg in _MAKERS if alg == jwk["alg"])
            self._jwk = dict(jwk)
            self._key = import_key(self._jwk)
            public = self._key.as_dict(private=False)
        except (JoseError, LookupError, StopIteration, TypeError, ValueError) as exc:
            raise ValueError("not a DPoP key") from exc
        self._public = {name: public[name] for name in ("kty", "crv", "x", "y") if name in public}
        self._header = {"typ": "dpop+jwt", "alg": self.alg, "jwk": self._public}

    @classmethod
    def generate(cls, algorithms: Collection[str] | None = None) -> DPoPKey:
        """Generate a key.

        Args:
            algorithms: the algorithms that the server lists; ``None`` if it has no list.

        Raises:
            UnsupportedServerError: client and server share no algorithm.
        """
        for alg, make in _MAKERS.items():
            if algorithms is None or alg in algorithms:
                return cls({**make().as_dict(private=True), "alg": alg})
        raise UnsupportedServerError("dpop-algorithm", hint=f"proofs are signed with {', '.join(_MAKERS)}")

    @property
    def thumbprint(self) -> str:
        """The SHA-256 thumbprint of the key (RFC 7638)."""
        return str(self._key.thumbprint())

    def to_dict(self) -> dict[str, Any]:
        """Return the private key as a JWK; store it with the tokens."""
        return dict(self._jwk)

    def proof(
        self, method: str, url: str, now: datetime, *, nonce: str | None = None, access_token: str | None = None
    ) -> str:
        """Return a proof for one request (RFC 9449 §4.2)."""
        claims = {
            "jti": secrets.token_urlsafe(16),
            "htm": method,
            "htu": url.partition("#")[0].partition("?")[0],
            "iat": int(now.timestamp()),
        }
        if nonce is not None:
            claims["nonce"] = nonce
        if access_token is not None:
            digest = hashlib.sha256(access_token.encode()).digest()
            claims["ath"] = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        return jwt.encode(self._header, claims, self._key, registry=_REGISTRY)


class Nonces:
    """The newest nonce of each origin (RFC 9449 §8.2), at most 1000, for all sessions of a client in one process."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, str] = OrderedDict()
        self._lock = Lock()

    def get(self, url: str) -> str | None:
        """Return the nonce for a request to this URL, or ``None``."""
        return self._kept.get(_origin(url))

    def remember(self, url: str, headers: Mapping[str, str]) -> bool:
        """Store the nonce of a response; return whether the response has one."""
        nonce = headers.get("DPoP-Nonce", "")
        if not 0 < len(nonce) <= _MOST_NONCE:
            return False
        with self._lock:
            self._kept[_origin(url)] = nonce
            self._kept.move_to_end(_origin(url))
            while len(self._kept) > _MOST_ORIGINS:
                self._kept.popitem(last=False)
        return True


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()

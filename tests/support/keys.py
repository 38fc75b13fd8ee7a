"""A client that holds a private key: its key set, and assertions with any one thing changed."""

from __future__ import annotations

import hmac
import json
import warnings
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from uuid import uuid4

import pytest
from joserfc import jws, jwt
from joserfc.errors import SecurityWarning
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey

from flask_cimd.core.keys import ASSERTION_TYPE
from flask_cimd.fetch.look_up import look_up

from .clock import Clock

ISSUER = "http://127.0.0.1:5000"
_MAKERS = {
    "ES256": lambda: ECKey.generate_key("P-256"),
    "RS256": lambda: RSAKey.generate_key(2048),
    "PS256": lambda: RSAKey.generate_key(2048),
    "EdDSA": lambda: OKPKey.generate_key("Ed25519"),
    "Ed25519": lambda: OKPKey.generate_key("Ed25519"),
}


@cache
def make_key(alg: str, number: int = 0) -> Key:
    """Return a private key for an algorithm; the same number gives the same key."""
    return _MAKERS[alg]()


@dataclass(frozen=True)
class KeyHolder:
    """Signs as the client behind a URL.

    Attributes:
        clock: the server's, so that times can be told from its point of view.
    """

    client_id: str
    clock: Clock
    alg: str = "ES256"
    kid: str = "one"
    number: int = 0
    issuer: str = ISSUER
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> Key:
        """The private key."""
        return make_key(self.alg, self.number)

    @property
    def jwk(self) -> dict[str, Any]:
        """The public key as it is published."""
        return {**self.key.as_dict(private=False), "kid": self.kid, **self.extra}

    @property
    def jwks(self) -> dict[str, Any]:
        """A key set of one."""
        return {"keys": [self.jwk]}

    def claims(self, **changes: Any) -> dict[str, Any]:
        """Return good claims, with changes; ``None`` leaves one out."""
        now = int(self.clock().timestamp())
        usual = {
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": self.issuer,
            "jti": uuid4().hex,
            "iat": now,
            "exp": now + 60,
        }
        return {name: value for name, value in {**usual, **changes}.items() if value is not None}

    def assertion(self, *, header: dict[str, Any] | None = None, key: Key | None = None, **claims: Any) -> str:
        """Return a signed assertion."""
        head = {"alg": self.alg, "kid": self.kid, **(header or {})}
        head = {name: value for name, value in head.items() if value is not None}
        registry = jws.JWSRegistry(algorithms=[*_MAKERS, "HS256", "ES256K", "none"], strict_check_header=False)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SecurityWarning)
            return jwt.encode(head, self.claims(**claims), key or self.key, registry=registry)

    def proof(self, assertion: str | None = None, **claims: Any) -> dict[str, str]:
        """Return the form members that carry an assertion."""
        return {"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion or self.assertion(**claims)}


def signed_with_public_key(holder: KeyHolder) -> str:
    """Return the HS256 token that a confused server believes: its secret is the published key (RFC 8725 §2.1)."""
    head, claims = {"alg": "HS256", "kid": holder.kid}, holder.claims()
    signed = ".".join(_encode(json.dumps(part).encode()) for part in (head, claims))
    secret = holder.key.as_pem(private=False)
    return f"{signed}.{_encode(hmac.digest(secret, signed.encode(), 'sha256'))}"


def name_leads_to(monkeypatch: pytest.MonkeyPatch, name: str, address: str) -> None:
    """Let a name have this address until the test ends, as its name service could tell it."""

    def resolve(host: str, port: int) -> list[str]:
        return [address] if host == name else look_up(host, port)

    monkeypatch.setattr("flask_cimd.fetch.guard.look_up", resolve)


def _encode(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()

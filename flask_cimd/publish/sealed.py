"""Encryption of values that an app stores in a browser's cookie."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

from flask import Flask
from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from ..errors import ConfigurationError

_HEADER = {"alg": "dir", "enc": "A256GCM", "zip": "DEF"}
_REGISTRY = jwe.JWERegistry(algorithms=["dir", "A256GCM", "DEF"])


def seal(app: Flask, value: Mapping[str, Any]) -> str:
    """Return a value as a JWE encrypted with the app's ``SECRET_KEY`` (RFC 7516)."""
    text = json.dumps(value, separators=(",", ":")).encode()
    return jwe.encrypt_compact(_HEADER, text, _key(app), registry=_REGISTRY)


def unseal(app: Flask, text: object) -> dict[str, Any] | None:
    """Return the value that `seal` encrypted, or ``None`` if the app did not encrypt it."""
    if not isinstance(text, str):
        return None
    try:
        found = jwe.decrypt_compact(text, _key(app), registry=_REGISTRY).plaintext
        value: dict[str, Any] = json.loads(found or b"")
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    return value


def _key(app: Flask) -> OctKey:
    secret = app.secret_key
    if not secret:
        raise ConfigurationError("signing in needs the app's SECRET_KEY")
    material = secret.encode() if isinstance(secret, str) else secret
    return OctKey.import_key(hmac.digest(material, b"flask-cimd sign-in", hashlib.sha256))

"""Keys of clients: the JWK sets that they publish and the algorithms that sign their assertions."""

from __future__ import annotations

from typing import Any

from ..errors import Problem
from .sentences import sentence

#: ``client_assertion_type`` of a signed JWT (RFC 7523 §2.2).
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
#: Accepted and advertised signature algorithms; ``Ed25519`` is the name that RFC 9864 gives to ``EdDSA``.
ALGORITHMS = ("ES256", "RS256", "PS256", "EdDSA", "Ed25519")

#: Members that only a private or symmetric key has (RFC 7518 §6.2.2, §6.3.2, §6.4).
PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_REQUIRED = {"EC": ("crv", "x", "y"), "RSA": ("n", "e"), "OKP": ("crv", "x")}
_MOST_KEYS = 20


def check_jwks(value: object, pointer: str) -> tuple[list[dict[str, Any]], list[Problem]]:
    """Return the usable signature keys of a key set, and every problem that makes the set invalid.

    Keys of unknown type and keys for encryption are skipped, so the list may be empty. Private or symmetric key
    material is a problem (CIMD §4.1: public keys only).

    Args:
        value: the JSON value of the set; at most 20 keys.
        pointer: its JSON pointer, for the problems.
    """
    if not isinstance(value, dict) or not isinstance(value.get("keys"), list):
        return [], [Problem(pointer, "not-a-jwks", "must be an object with an array named keys")]
    keys: list[object] = value["keys"]
    if len(keys) > _MOST_KEYS:
        return [], [Problem(f"{pointer}/keys", "too-many-keys", sentence("at most %(most)s keys", most=_MOST_KEYS))]
    usable: list[dict[str, Any]] = []
    problems: list[Problem] = []
    for number, key in enumerate(keys):
        here = f"{pointer}/keys/{number}"
        if not isinstance(key, dict):
            problems.append(Problem(here, "not-a-key", "must be an object"))
        elif problem := _secret(key, here):
            problems.append(problem)
        elif _is_signature_key(key):
            usable.append(key)
    return usable, problems


def _secret(key: dict[str, Any], pointer: str) -> Problem | None:
    if key.get("kty") == "oct" or "k" in key:
        return Problem(pointer, "symmetric-key", "a shared secret must not be published; use an asymmetric key")
    if PRIVATE_MEMBERS & key.keys():
        return Problem(
            pointer, "private-key", "contains private key material; publish the public part and replace the key"
        )
    return None


def _is_signature_key(key: dict[str, Any]) -> bool:
    kty = key.get("kty")
    required = _REQUIRED.get(kty) if isinstance(kty, str) else None
    return required is not None and key.get("use") != "enc" and all(isinstance(key.get(m), str) for m in required)

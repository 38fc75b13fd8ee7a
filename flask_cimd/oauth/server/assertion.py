"""Client assertions (``private_key_jwt``): RFC 7523 §3 as RFC 10070 narrows it, RFC 8725 for the rest.

An assertion is read, its claims are checked, and only then is its signature verified: nonsense never costs a fetch of
keys. Nothing here spends the assertion; `Authenticator.spend` does, after everything that may ask the client to try
the same assertion again.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey

from ...core.keys import ALGORITHMS
from ...core.signatures import MAX_ASSERTION, signature_registry
from ...core.strict_json import StrictJSONError, read_object

#: How far ``exp`` may lie ahead.
MAX_LIFETIME = timedelta(minutes=10)
#: How far the client's clock may differ, for ``iat`` and ``nbf``.
SKEW = timedelta(seconds=60)

_EDWARDS = frozenset({"EdDSA", "Ed25519"})
#: Older clients send ``JWT`` or nothing; every other type of JWT means something else (RFC 8725 §3.11).
_TYPES = frozenset({"jwt", "client-authentication+jwt"})
_SEGMENT = re.compile(r"[A-Za-z0-9_-]+")
_MOST_TEXT = 256
_RSA_BITS = range(2048, 8193)
_MOST_EXPONENT = 2**32


class AssertionRefusedError(Exception):
    """An assertion proves nothing; ``args[0]`` says why, for the log alone (RFC 7521 §4.2.1 wants no detail)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientKey:
    """The key that a client proved to hold.

    Attributes:
        thumbprint: RFC 7638, SHA-256.
    """

    kid: str | None
    alg: str
    thumbprint: str

    def __str__(self) -> str:
        """Return what a grant keeps to recognise the key again: thumbprint, algorithm and name."""
        return f"{self.thumbprint} {self.alg} {self.kid or ''}".rstrip()


@dataclass(frozen=True, slots=True, kw_only=True)
class AssertionRules:
    """What this server wants of an assertion.

    Attributes:
        issuer: the audience.
        audiences: accepted in its place, such as the token endpoint's URL for older clients.
        is_atproto: AT Protocol OAuth wants ``kid`` and ``iat``, and does without ``exp`` for a minute.
    """

    issuer: str
    audiences: tuple[str, ...] = ()
    is_atproto: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Assertion:
    """An assertion that was read and not believed yet."""

    text: str
    header: Mapping[str, Any]
    claims: Mapping[str, Any]

    @property
    def client_id(self) -> str:
        """Who the assertion says it is from."""
        return str(self.claims["sub"])

    @property
    def alg(self) -> str:
        """The algorithm of the signature, one of `ALGORITHMS`."""
        return str(self.header["alg"])

    @property
    def kid(self) -> str | None:
        """The name of the key, if the header has one."""
        return self.header.get("kid")

    @property
    def jti(self) -> str:
        """The identifier that makes the assertion unique for its client."""
        return str(self.claims["jti"])


def read_assertion(text: str) -> Assertion:
    """Take an assertion apart.

    Raises:
        AssertionRefusedError: it is not one JWT with the members that every assertion needs.
    """
    if len(text) > MAX_ASSERTION:
        raise AssertionRefusedError("the assertion is too long")
    segments = text.split(".")
    if len(segments) != 3 or not all(_SEGMENT.fullmatch(segment) for segment in segments):
        raise AssertionRefusedError("the assertion is not a signed JWT in compact form")
    header, claims = _decode(segments[0]), _decode(segments[1])
    _check_header(header)
    for name in ("iss", "sub", "jti"):
        if not _is_text(claims.get(name), 2048 if name != "jti" else _MOST_TEXT):
            raise AssertionRefusedError(f"{name} is missing or unusable")
    return Assertion(text=text, header=header, claims=claims)


def _decode(segment: str) -> dict[str, Any]:
    try:
        return read_object(base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))
    except (ValueError, StrictJSONError) as exc:
        raise AssertionRefusedError("a part of the assertion is not a JSON object") from exc


def _check_header(header: Mapping[str, Any]) -> None:
    # RFC 8725 §3.1: the algorithm comes from our list, never from the header alone.
    if header.get("alg") not in ALGORITHMS:
        raise AssertionRefusedError("alg is not one of " + ", ".join(ALGORITHMS))
    if "crit" in header or "b64" in header:
        raise AssertionRefusedError("the header demands an extension")
    kind = header.get("typ", "JWT")
    if not isinstance(kind, str) or kind.lower().removeprefix("application/") not in _TYPES:
        raise AssertionRefusedError("typ is that of another kind of token")
    # A grant may keep the name, and its database need not take every character.
    if "kid" in header and not (_is_text(header["kid"], _MOST_TEXT) and header["kid"].isprintable()):
        raise AssertionRefusedError("kid is unusable")


def _is_text(value: object, limit: int) -> bool:
    return isinstance(value, str) and 0 < len(value) <= limit


def check_claims(assertion: Assertion, client_id: str, rules: AssertionRules, now: datetime) -> datetime:
    """Return until when the assertion has to be remembered, once its claims hold for this client and server.

    Raises:
        AssertionRefusedError: RFC 7523 §3.
    """
    claims = assertion.claims
    if claims["sub"] != client_id or claims["iss"] != client_id:
        raise AssertionRefusedError("iss and sub are not the client")
    # RFC 10070: the issuer is the only audience; a list with further values is refused.
    audience = claims.get("aud")
    audience = audience[0] if isinstance(audience, list) and len(audience) == 1 else audience
    if not isinstance(audience, str) or audience not in (rules.issuer, *rules.audiences):
        raise AssertionRefusedError("aud is not this server's issuer alone")
    if rules.is_atproto and (assertion.kid is None or "iat" not in claims):
        raise AssertionRefusedError("kid or iat is missing")
    return _check_times(claims, rules, now)


def _check_times(claims: Mapping[str, Any], rules: AssertionRules, now: datetime) -> datetime:
    issued, begins, expires = (_instant(claims, name) for name in ("iat", "nbf", "exp"))
    if issued is not None and issued > now + SKEW:
        raise AssertionRefusedError("iat is in the future")
    if begins is not None and begins > now + SKEW:
        raise AssertionRefusedError("nbf is in the future")
    if expires is None:
        if not rules.is_atproto or issued is None:
            raise AssertionRefusedError("exp is missing")
        expires = issued + timedelta(seconds=60)
    if expires <= now:
        raise AssertionRefusedError("the assertion has expired")
    if expires - (issued or now) > MAX_LIFETIME:
        raise AssertionRefusedError("exp is too far away")
    return expires


def _instant(claims: Mapping[str, Any], name: str) -> datetime | None:
    if name not in claims:
        return None
    value = claims[name]
    # datetime ends with the year 9999; a bool is an int to Python.
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 253_402_300_799:
        raise AssertionRefusedError(f"{name} is not an instant")
    return datetime.fromtimestamp(value, UTC)


def verify(assertion: Assertion, keys: Iterable[Mapping[str, Any]], signing_alg: str | None = None) -> ClientKey:
    """Return the key that signed the assertion.

    Header members that carry or locate a key (``jwk``, ``jku``, ``x5u``) are ignored: keys come from the client's
    document and nowhere else (RFC 8725 §3.10).

    Args:
        keys: the client's published signature keys.
        signing_alg: the algorithm that the client's document commits it to.

    Raises:
        AssertionRefusedError: none of them did.
    """
    if signing_alg is not None and _family(signing_alg) != _family(assertion.alg):
        raise AssertionRefusedError("alg is not the one of the client's document")
    for key in keys:
        if assertion.kid is not None and key.get("kid") != assertion.kid:
            continue
        try:
            imported = _import(key, assertion.alg)
            if imported is not None and _is_signed_by(assertion.text, imported):
                return ClientKey(kid=assertion.kid, alg=assertion.alg, thumbprint=imported.thumbprint())
        except (JoseError, ValueError, TypeError):
            continue  # a key that cannot be used is as good as absent
    raise AssertionRefusedError("no published key verifies the signature")


def thumbprints(keys: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """Return the RFC 7638 thumbprints of the keys that can be used here."""
    found = set()
    for key in keys:
        for alg in ALGORITHMS:
            try:
                imported = _import(key, alg)
            except (JoseError, ValueError, TypeError):
                continue
            if imported is not None:
                found.add(imported.thumbprint())
                break
    return frozenset(found)


def _family(alg: str) -> str:
    return "EdDSA" if alg in _EDWARDS else alg


def _import(key: Mapping[str, Any], alg: str) -> Key | None:
    """Return a published key for an algorithm that fits it, from its mathematical members alone."""
    if "alg" in key and _family(str(key["alg"])) != _family(alg):
        return None
    kty, curve = key.get("kty"), key.get("crv")
    if alg == "ES256" and (kty, curve) == ("EC", "P-256"):
        return ECKey.import_key({"kty": "EC", "crv": "P-256", "x": key["x"], "y": key["y"]})
    if alg in _EDWARDS and (kty, curve) == ("OKP", "Ed25519"):
        return OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": key["x"]})
    if alg in ("RS256", "PS256") and kty == "RSA" and _is_bounded(key):
        return RSAKey.import_key({"kty": "RSA", "n": key["n"], "e": key["e"]})
    return None


def _is_bounded(key: Mapping[str, Any]) -> bool:
    """Say whether an RSA key is neither weak nor made to keep this server busy."""
    modulus, exponent = (int.from_bytes(base64.urlsafe_b64decode(key[name] + "==")) for name in ("n", "e"))
    return modulus.bit_length() in _RSA_BITS and 2 < exponent <= _MOST_EXPONENT


def _is_signed_by(text: str, key: Key) -> bool:
    registry = signature_registry(ALGORITHMS)
    return jws.validate_compact(jws.extract_compact(text.encode(), registry=registry), key, registry=registry)

"""Client assertions (``private_key_jwt``): RFC 7523 §3 as RFC 10070 narrows it, RFC 8725 for the rest.

The order is: read the assertion, check its claims, verify its signature. An invalid assertion therefore never causes a
fetch of keys. Nothing here spends the assertion; `Authenticator.spend` does, after every step that may ask the client
to send the same assertion again.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from ...core.keys import ALGORITHMS
from ...core.signatures import MAX_ASSERTION, signature_registry
from ...core.strict_json import read_object

if TYPE_CHECKING:
    from joserfc.jwk import Key

#: Maximum time from now to ``exp``; Authlib's own client signs for an hour.
MAX_LIFETIME = timedelta(hours=1)
#: Tolerance for the client's clock, in either direction.
SKEW = timedelta(seconds=30)
#: AT Protocol OAuth: maximum age of an assertion without ``exp``.
_MAX_AGE = timedelta(seconds=60)

_EDWARDS = frozenset({"EdDSA", "Ed25519"})
#: RFC 10070 and CIMD-03 name the type differently; every other type of JWT means something else (RFC 8725 §3.11).
_TYPES = frozenset({"client-authentication+jwt", "oauth-client-auth+jwt"})
#: Older clients send ``JWT`` or nothing.
_OLD_TYPE = "jwt"
_SEGMENT = re.compile(r"[A-Za-z0-9_-]+")
_MOST_TEXT = 256  # characters
_RSA_BITS = range(2048, 8193)
_MOST_EXPONENT = 2**32


class AssertionRefusedError(Exception):
    """An assertion is invalid; ``args[0]`` is the reason, only for the log (RFC 7521 §4.2.1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientKey:
    """The key that signed a client's assertion.

    Attributes:
        kid: the ``kid`` of the assertion's header; ``None`` if it has none.
        alg: the signature algorithm.
        thumbprint: SHA-256 thumbprint of the key (RFC 7638).
    """

    kid: str | None
    alg: str
    thumbprint: str

    def __str__(self) -> str:
        """Return thumbprint, algorithm and ``kid``, which identify the key in a grant."""
        return f"{self.thumbprint} {self.alg} {self.kid or ''}".rstrip()


@dataclass(frozen=True, slots=True, kw_only=True)
class AssertionRules:
    """This server's requirements for an assertion.

    Attributes:
        issuer: required value of ``aud``.
        audiences: values of ``aud`` accepted in place of the issuer, such as the token endpoint's URL.
        is_atproto: apply the rules of AT Protocol OAuth: ``kid`` and ``iat`` are required, and an assertion without
            ``exp`` expires 60 seconds after ``iat``.
        require_typ: refuse assertions whose ``typ`` is missing or ``JWT``.
    """

    issuer: str
    audiences: tuple[str, ...] = ()
    is_atproto: bool = False
    require_typ: bool = False

    @property
    def own_identifiers(self) -> frozenset[str]:
        """Every accepted audience; older clients write the issuer with a final slash."""
        return frozenset({self.issuer, self.issuer + "/", *self.audiences})


@dataclass(frozen=True, slots=True, kw_only=True)
class Assertion:
    """A parsed assertion whose claims and signature are not verified yet."""

    text: str
    header: Mapping[str, Any]
    claims: Mapping[str, Any]

    @property
    def client_id(self) -> str:
        """The client that the assertion names in ``sub``."""
        return str(self.claims["sub"])

    @property
    def alg(self) -> str:
        """The algorithm of the signature, one of `ALGORITHMS`."""
        return str(self.header["alg"])

    @property
    def kid(self) -> str | None:
        """The ``kid`` of the header, or ``None``."""
        return self.header.get("kid")

    @property
    def jti(self) -> str:
        """The assertion's identifier, unique for its client."""
        return str(self.claims["jti"])


def read_assertion(text: str) -> Assertion:
    """Parse an assertion.

    Raises:
        AssertionRefusedError: it is not a signed JWT with ``iss``, ``sub`` and ``jti``.
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
    except ValueError as exc:
        raise AssertionRefusedError("a part of the assertion is not a JSON object") from exc


def _check_header(header: Mapping[str, Any]) -> None:
    # RFC 8725 §3.1: this server's list, not only the header, determines the algorithm.
    if header.get("alg") not in ALGORITHMS:
        raise AssertionRefusedError("alg is not one of " + ", ".join(ALGORITHMS))
    if "crit" in header or "b64" in header:
        raise AssertionRefusedError("the header demands an extension")
    if _type_of(header) not in (*_TYPES, _OLD_TYPE):
        raise AssertionRefusedError("typ is that of another kind of token")
    # A grant may store the kid, and a database may reject unprintable characters.
    if "kid" in header and not (_is_text(header["kid"], _MOST_TEXT) and header["kid"].isprintable()):
        raise AssertionRefusedError("kid is unusable")


def _type_of(header: Mapping[str, Any]) -> str:
    kind = header.get("typ", _OLD_TYPE)
    return kind.lower().removeprefix("application/") if isinstance(kind, str) else ""


def _is_text(value: object, limit: int) -> bool:
    return isinstance(value, str) and 0 < len(value) <= limit


def check_claims(assertion: Assertion, client_id: str, rules: AssertionRules, now: datetime) -> datetime:
    """Check the claims for this client and server, and return the expiry of the assertion.

    Raises:
        AssertionRefusedError: a claim is missing or wrong (RFC 7523 §3).
    """
    claims = assertion.claims
    if claims["sub"] != client_id or claims["iss"] != client_id:
        raise AssertionRefusedError("iss and sub are not the client")
    if rules.require_typ and _type_of(assertion.header) not in _TYPES:
        raise AssertionRefusedError("typ is not that of a client assertion")
    audience = claims.get("aud")
    members = audience if isinstance(audience, list) else [audience]
    # One foreign member would let another server present the assertion here (audience injection).
    if not members or not all(isinstance(one, str) and one in rules.own_identifiers for one in members):
        raise AssertionRefusedError("aud is not this server alone")
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
        expires = issued + _MAX_AGE - SKEW  # the maximum age already includes the tolerance
    if expires + SKEW <= now:
        raise AssertionRefusedError("exp is in the past")
    if expires > now + MAX_LIFETIME + SKEW:
        raise AssertionRefusedError("exp is too far ahead")
    return expires + SKEW


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

    Ignores header members that hold or locate a key (``jwk``, ``jku``, ``x5u``): keys come only from the client's
    document (RFC 8725 §3.10).

    Args:
        keys: the client's published signature keys.
        signing_alg: the only algorithm that the client's document allows; ``None`` for any.

    Raises:
        AssertionRefusedError: no key verifies the signature.
    """
    from joserfc.errors import JoseError

    if signing_alg is not None and _family(signing_alg) != _family(assertion.alg):
        raise AssertionRefusedError("alg is not the one of the client's document")
    for key in keys:
        if assertion.kid is not None and key.get("kid") != assertion.kid:
            continue
        try:
            imported = _import(key, assertion.alg)
            if imported is not None and _is_signed_by(assertion.text, imported):
                return ClientKey(kid=assertion.kid, alg=assertion.alg, thumbprint=imported.thumbprint())
        except (JoseError, ValueError, TypeError, LookupError):
            continue  # an unusable key counts as absent
    raise AssertionRefusedError("no published key verifies the signature")


def thumbprints(keys: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """Return the RFC 7638 thumbprints of the keys that this server can use."""
    from joserfc.errors import JoseError

    found = set()
    for key in keys:
        for alg in ALGORITHMS:
            try:
                imported = _import(key, alg)
            except (JoseError, ValueError, TypeError, LookupError):
                continue
            if imported is not None:
                found.add(imported.thumbprint())
                break
    return frozenset(found)


def _family(alg: str) -> str:
    return "EdDSA" if alg in _EDWARDS else alg


def _import(key: Mapping[str, Any], alg: str) -> Key | None:
    """Return a published key if the algorithm fits it; reads only the members that define the key."""
    from joserfc.jwk import ECKey, OKPKey, RSAKey

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
    """Return whether an RSA key has 2048 to 8192 bits and an exponent up to 2**32; larger keys need too much CPU."""
    modulus, exponent = (int.from_bytes(base64.urlsafe_b64decode(key[name] + "==")) for name in ("n", "e"))
    return modulus.bit_length() in _RSA_BITS and 2 < exponent <= _MOST_EXPONENT


def _is_signed_by(text: str, key: Key) -> bool:
    from joserfc import jws

    registry = signature_registry(ALGORITHMS)
    return jws.validate_compact(jws.extract_compact(text.encode(), registry=registry), key, registry=registry)

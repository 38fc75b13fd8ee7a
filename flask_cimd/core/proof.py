"""Check one DPoP proof: its sender holds a key and signs one method and one URL with it (RFC 9449 §4.3).

The caller checks what needs storage: whether this server issued the nonce, and whether the proof was used before.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

from .keys import PRIVATE_MEMBERS
from .signatures import MAX_ASSERTION, signature_registry
from .strict_json import StrictJSONError, read_object
from .urls import WebURL

#: The AT Protocol requires ES256, and all known clients support it.
DEFAULT_ALGORITHMS = ("ES256",)
#: Largest difference between ``iat`` and the server's clock; the nonce proves freshness more exactly.
LEEWAY = timedelta(minutes=3)
_MAX_TEXT = 512
_BAD_SIGNATURE = "The signature of the DPoP proof does not match its own key."
_KEY_TYPES = frozenset({"EC", "RSA", "OKP"})
_UNRESERVED = re.compile(r"[A-Za-z0-9\-._~]")
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")


class ProofError(ValueError):
    """The proof breaks a rule.

    Attributes:
        rule: stable name of the first broken rule.
        message: one sentence for ``error_description``, without text of the proof.
    """

    def __init__(self, rule: str, message: str) -> None:
        super().__init__(rule, message)
        self.rule = rule
        self.message = message


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """A proof that keeps every rule that needs no storage.

    Attributes:
        thumbprint: SHA-256 thumbprint of the key in base64url (RFC 7638); tokens are bound to it.
        jti: identifier of the proof, unique per key.
        nonce: the nonce in the proof, or ``None``.
        expires_at: instant after which the proof is refused because of its age.
    """

    thumbprint: str
    jti: str
    nonce: str | None
    expires_at: datetime


def check_proof(
    text: str,
    *,
    method: str,
    url: str,
    now: datetime,
    other_urls: Iterable[str] = (),
    access_token: str | None = None,
    algorithms: Collection[str] = DEFAULT_ALGORITHMS,
    leeway: timedelta = LEEWAY,
) -> Proof:
    """Return the proof in a ``DPoP`` header field.

    Args:
        text: the value of the field.
        method: the HTTP method of the request.
        url: the URL of the request with the public origin, not that of a socket behind a proxy.
        now: an aware instant.
        other_urls: further public URLs of the same request.
        access_token: the token that the request presents; the proof must then contain its digest.
        algorithms: asymmetric algorithms that the server advertises.
        leeway: largest difference between ``iat`` and ``now``, in either direction.

    Raises:
        ProofError: ``rule`` names the first broken rule.
    """
    header, claims, thumbprint = _verified(text, tuple(algorithms))
    if header.get("typ") != "dpop+jwt":
        raise ProofError("bad-type", "The type of the DPoP proof must be dpop+jwt.")
    if claims.get("htm") != method:
        raise ProofError("other-method", "The htm of the DPoP proof is not the method of this request.")
    _check_url(claims.get("htu"), (url, *other_urls))
    issued_at = _check_age(claims.get("iat"), now, leeway)
    if access_token is not None:
        _check_token_hash(claims.get("ath"), access_token)
    nonce = claims.get("nonce")
    return Proof(
        thumbprint=thumbprint,
        jti=_text(claims.get("jti"), "jti"),
        nonce=None if nonce is None else _text(nonce, "nonce"),
        expires_at=issued_at + leeway,
    )


def _verified(text: str, algorithms: tuple[str, ...]) -> tuple[Mapping[str, Any], Mapping[str, Any], str]:
    """Return header, claims and key thumbprint of a proof that is signed with the key in its header."""
    _check_form(text)
    signer = _signer(text.partition(".")[0], algorithms)
    try:
        claims = read_object(signer.verify(text))
    except StrictJSONError as exc:
        raise ProofError("not-a-jwt", "The claims of the DPoP proof are not a JSON object.") from exc
    return signer.header, claims, signer.thumbprint


@dataclass(frozen=True, slots=True, kw_only=True)
class _Signer:
    """The header of a proof and the key in it.

    joserfc is imported where a signature is verified: the rest of the core does without any third-party package.
    """

    header: Mapping[str, Any]
    key: Any
    registry: Any
    thumbprint: str

    def verify(self, text: str) -> bytes:
        """Return the payload of a JWS in compact form that this key signed."""
        from joserfc.errors import JoseError
        from joserfc.jws import deserialize_compact

        try:
            return deserialize_compact(text, self.key, registry=self.registry).payload
        except (JoseError, ValueError, TypeError, KeyError, AttributeError) as exc:
            raise ProofError("bad-signature", _BAD_SIGNATURE) from exc


@lru_cache(maxsize=1024)
def _signer(encoded: str, algorithms: tuple[str, ...]) -> _Signer:
    """Read a header; all proofs of a client have the same one, so its key is prepared once."""
    from joserfc.errors import JoseError
    from joserfc.jwk import import_key

    header = _header(encoded)
    if header.get("alg") not in algorithms:
        raise ProofError("bad-algorithm", "The DPoP proof must be signed with one of the advertised algorithms.")
    jwk = _public_jwk(header.get("jwk"))
    registry = signature_registry(algorithms)
    try:
        key = import_key(jwk)
        return _Signer(header=header, key=key, registry=registry, thumbprint=key.thumbprint())
    except (JoseError, ValueError, TypeError, KeyError, AttributeError) as exc:
        raise ProofError("bad-signature", _BAD_SIGNATURE) from exc


def _check_form(text: str) -> None:
    if "," in text:
        # HTTP servers join repeated fields; RFC 9449 §4.3: "There is not more than one DPoP HTTP request header".
        raise ProofError("several-proofs", "Send exactly one DPoP proof.")
    if not text or len(text) > MAX_ASSERTION or text.count(".") != 2 or not text.isascii():
        raise ProofError("not-a-jwt", "The DPoP header must contain one signed JWT.")


def _header(encoded: str) -> Mapping[str, Any]:
    try:
        return read_object(base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True))
    except (StrictJSONError, binascii.Error) as exc:
        raise ProofError("not-a-jwt", "The header of the DPoP proof cannot be read.") from exc


def _public_jwk(jwk: object) -> dict[str, Any]:
    if not isinstance(jwk, dict):
        raise ProofError("no-key", "The header of the DPoP proof must contain the public key as jwk.")
    if PRIVATE_MEMBERS & jwk.keys():
        raise ProofError("private-key", "The key in the DPoP proof must be public; replace this key.")
    kty = jwk.get("kty")
    if not isinstance(kty, str) or kty not in _KEY_TYPES:
        raise ProofError("no-key", "The key in the DPoP proof must be asymmetric.")
    return jwk


def _check_url(htu: object, urls: Iterable[str]) -> None:
    if not isinstance(htu, str) or len(htu) > MAX_ASSERTION:
        raise ProofError("other-url", "The DPoP proof needs an htu.")
    # RFC 9449 §4.3: "ignoring any query and fragment parts".
    given = normal_url(htu)
    if given is None or given not in map(normal_url, urls):
        raise ProofError("other-url", "The htu of the DPoP proof is not the URL of this request.")


@lru_cache(maxsize=256)
def normal_url(url: str) -> str | None:
    """Return a URL without query and fragment after syntax-based normalisation (RFC 3986 §6.2.2), or ``None``."""
    parsed = WebURL.parse(url)
    return None if parsed is None else f"{parsed.origin}{_ESCAPE.sub(_normal_escape, parsed.path or '/')}"


def _normal_escape(escape: re.Match[str]) -> str:
    character = unquote(escape[0], errors="replace")
    return character if _UNRESERVED.fullmatch(character) else escape[0].upper()


def _check_age(iat: object, now: datetime, leeway: timedelta) -> datetime:
    if isinstance(iat, bool) or not isinstance(iat, int | float) or not 0 <= iat <= 1e11:
        raise ProofError("bad-time", "The DPoP proof needs an iat in seconds since 1970.")
    issued_at = datetime.fromtimestamp(iat, UTC)
    if abs(issued_at - now) > leeway:
        raise ProofError("bad-time", "The DPoP proof is too old or made in the future; check the clock.")
    return issued_at


def _check_token_hash(ath: object, access_token: str) -> None:
    made = hashlib.sha256(access_token.encode("utf-8", "surrogatepass")).digest()
    expected = base64.urlsafe_b64encode(made).rstrip(b"=")
    if not isinstance(ath, str) or not hmac.compare_digest(ath.encode("utf-8", "surrogatepass"), expected):
        raise ProofError("other-token", "The ath of the DPoP proof is not the digest of the access token.")


def _text(value: object, name: str) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= _MAX_TEXT:
        raise ProofError(f"bad-{name}", f"The {name} of the DPoP proof must be a string of at most {_MAX_TEXT} bytes.")
    return value

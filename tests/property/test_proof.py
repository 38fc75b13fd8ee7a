"""Any ``DPoP`` header field: a proof, or our own error; whoever signed it and whatever it claims."""

import base64
import hashlib
import json
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import ECKey

from flask_cimd.core.proof import Proof, ProofError, check_proof
from tests.support.proves import proves

from .strategies import any_urls, values

KEY = ECKey.generate_key("P-256")
PUBLIC = KEY.as_dict(private=False)
NOW = datetime(2026, 11, 25, tzinfo=UTC)
URL = "https://as.example/token"
ATH = base64.urlsafe_b64encode(hashlib.sha256(b"token").digest()).rstrip(b"=").decode()


def read(text: str) -> Proof | None:
    try:
        return check_proof(text, method="POST", url=URL, now=NOW, access_token="token")
    except ProofError:
        return None


def segment(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def sign(text: str) -> str:
    """Append our key's signature: a library would refuse most of these headers."""
    numbers = decode_dss_signature(KEY.private_key.sign(text.encode(), ECDSA(SHA256())))
    signature = b"".join(number.to_bytes(32, "big") for number in numbers)
    return f"{text}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


headers = st.fixed_dictionaries(
    {},
    optional={
        "typ": st.just("dpop+jwt") | values,
        "alg": st.sampled_from(["ES256", "none", "HS256", "RS256"]) | values,
        "jwk": st.just(PUBLIC) | st.just(KEY.as_dict(private=True)) | values,
        "crit": values,
        "b64": values,
        "kid": values,
    },
)
claims = st.fixed_dictionaries(
    {},
    optional={
        "jti": st.text() | values,
        "htm": st.just("POST") | values,
        "htu": st.just(URL) | any_urls | values,
        "iat": st.just(int(NOW.timestamp())) | st.integers() | st.floats() | values,
        "nonce": values,
        "ath": st.just(ATH) | values,
    },
)


@proves("AT-53", "O-94")
@given(
    st.text()
    | st.lists(st.sampled_from([".", "e30", "eyJ", "=", "AA", "\u00e9", "\x00", " "]), max_size=8).map("".join)
    | st.builds(
        lambda *parts: ".".join(parts), headers.map(segment), claims.map(segment), st.sampled_from(["", "AA", "!"])
    )
)
def test_what_nobody_signed_is_never_a_proof(text: str) -> None:
    assert read(text) is None


@proves("AT-53", "AT-54", "AT-55", "O-94")
@given(headers, claims)
def test_what_its_key_signed_is_a_proof_only_for_this_request(header: dict[str, Any], claimed: dict[str, Any]) -> None:
    signed = f"{segment({**header, 'alg': 'ES256', 'jwk': PUBLIC})}.{segment(claimed)}"
    proof = read(sign(signed))
    if proof is not None:
        assert (header.get("typ"), claimed["htm"]) == ("dpop+jwt", "POST")
        assert proof.jti == claimed["jti"]


def test_the_searched_shape_can_be_a_proof() -> None:
    members = {"jti": "1", "htm": "POST", "htu": URL, "iat": int(NOW.timestamp()), "ath": ATH}
    signed = f"{segment({'typ': 'dpop+jwt', 'alg': 'ES256', 'jwk': PUBLIC})}.{segment(members)}"
    assert read(sign(signed)) is not None

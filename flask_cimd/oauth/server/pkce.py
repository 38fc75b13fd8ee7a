"""PKCE with the method S256 only (RFC 7636, RFC 9700 §2.1.1)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from authlib.oauth2.rfc6749.errors import InvalidGrantError, InvalidRequestError
from authlib.oauth2.rfc7636 import CodeChallenge

from .parameters import without_empty

_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")


class RequirePKCE(CodeChallenge):  # type: ignore[misc]  # Authlib is untyped
    """Extension of an authorization code grant: requires PKCE with S256 of every client.

    Works with any of Authlib's authorization code grants. Authlib's own `CodeChallenge` accepts ``plain``, checks the
    method only when the code is redeemed, and lets a client try any number of verifiers; with this extension a wrong
    verifier spends the code (``delete_authorization_code``).

    `AuthorizationCodeGrant` of this package waives the challenge for page and loopback clients if the settings allow
    it; it then refuses a verifier at redemption (RFC 9700 §4.8.2).
    """

    DEFAULT_CODE_CHALLENGE_METHOD = "S256"
    SUPPORTED_CODE_CHALLENGE_METHOD = ("S256",)

    def validate_code_challenge(self, grant: Any, redirect_uri: str) -> None:
        """Refuse an authorization request without an S256 challenge (RFC 7636 §4.4.1)."""
        check_challenge(without_empty(grant.request.payload.data), required=not _is_waived(grant))
        super().validate_code_challenge(grant, redirect_uri)

    def validate_code_verifier(self, grant: Any, result: Any) -> None:
        """Compare verifier and challenge; a wrong verifier spends the code."""
        code, form = grant.request.authorization_code, without_empty(grant.request.form)
        try:
            if not self.get_authorization_code_challenge(code):
                _require_no_verifier(form, is_waived=_is_waived(grant))
                return
            super().validate_code_verifier(grant, result)
        except InvalidGrantError:
            grant.delete_authorization_code(code)
            raise

    def get_authorization_code_challenge_method(self, authorization_code: Any) -> str:  # noqa: ARG002  Authlib's
        """Return ``S256``, the only method of accepted requests."""
        return "S256"


def check_challenge(values: Mapping[str, str], *, required: bool) -> None:
    """Refuse a request whose code challenge is missing or not an S256 challenge.

    A request without a challenge needs a ``state``: nothing else binds the response to the browser of the request.

    Raises:
        InvalidRequestError: to be sent to the client.
    """
    challenge = values.get("code_challenge")
    if not challenge and not required and not values.get("code_challenge_method"):
        if not values.get("state"):
            raise InvalidRequestError("Without a code_challenge the parameter state is required.")
        return
    if not challenge:
        raise InvalidRequestError("The parameter code_challenge is required.")
    # RFC 7636 §4.3: a request without a method means plain.
    if values.get("code_challenge_method") != "S256":
        raise InvalidRequestError("The parameter code_challenge_method must be S256.")
    if not _CHALLENGE.fullmatch(challenge):
        raise InvalidRequestError("The parameter code_challenge is not an S256 challenge.")


def _is_waived(grant: Any) -> bool:
    waives_pkce = getattr(grant, "waives_pkce", None)
    return bool(waives_pkce and waives_pkce())


def _require_no_verifier(form: Mapping[str, str], *, is_waived: bool) -> None:
    if not is_waived:
        raise InvalidGrantError("The code was issued without a code_challenge.")
    # RFC 9700 §4.8.2: a verifier without a challenge means that an attacker removed the challenge from the request.
    if form.get("code_verifier"):
        raise InvalidGrantError("The code was asked for without a challenge.")

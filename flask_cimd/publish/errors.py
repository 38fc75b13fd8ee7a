"""Errors that the client side raises about addresses, servers and their responses."""

from __future__ import annotations

from authlib.integrations.base_client import OAuthError

from ..errors import CIMDError, Problem


class DiscoveryError(CIMDError):
    """An address leads to no authorization server, or a document contradicts it.

    Attributes:
        problems: every broken rule of an invalid metadata document; otherwise empty.
    """

    public_message = "That address does not lead to a server to sign in at."

    def __init__(self, slug: str, entered: str = "", *, hint: str = "", problems: tuple[Problem, ...] = ()) -> None:
        self.problems = problems
        told = "; ".join(f"{problem.pointer or '/'} {problem.rule}: {problem.message}" for problem in problems[:10])
        super().__init__(slug, entered, hint=hint or told)


class UnsupportedServerError(CIMDError):
    """The server and the client's document support no common method; no request was sent."""

    public_message = "This app cannot sign in at that server: they support different methods."


class IdentityError(CIMDError):
    """The server asserted an identity that it is not authoritative for; do not use the token."""

    public_message = "The server answered for an address or an account that it does not speak for."


class SessionEndedError(OAuthError):  # type: ignore[misc]  # Authlib is untyped
    """The server refused the refresh token with ``invalid_grant``: the person must sign in again.

    A network failure raises `FetchError` instead, and the refresh token may still be valid.
    """

    error = "invalid_grant"

"""Everything this package raises on bad input.

Four outcomes stay four types: an identifier that is no client URL, a fetch that failed, a document that is
invalid, a client that policy turns away. ``slug`` is stable and documented in the README; ``public_message``
may be shown to anybody, ``hint`` is for the client's developer and the operator's log.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

Phase = Literal["resolve", "connect", "tls", "response"]


@dataclass(frozen=True, slots=True)
class Problem:
    """One broken rule in a document.

    Attributes:
        pointer: JSON pointer (RFC 6901) of the member at fault; ``""`` is the whole document.
        rule: the stable name of the rule.
        message: one sentence for the client's developer; never contains text of the document.
    """

    pointer: str
    rule: str
    message: str


class CIMDError(Exception):
    """The client named by a URL cannot be used.

    Attributes:
        slug: stable machine-readable name of the reason.
        client_id: the raw identifier as it was sent.
        public_message: ASCII without ``"`` and ``\\``, so it is safe in HTML, logs and ``error_description``
            (RFC 6749 §5.2); never holds remote text or addresses.
        host: the document host, to be shown to the visitor; empty if the identifier is none.
        hint: what the client's developer should look at; for logs and the explainer, not for visitors.
        temporary: the same request may succeed later.
    """

    public_message: ClassVar[str] = "The application could not be identified."
    temporary: ClassVar[bool] = False
    #: What RFC 6749 calls this failure at the token endpoint.
    oauth_error: ClassVar[str] = "invalid_client"
    #: The HTTP status of the page that shows it.
    status: ClassVar[int] = 400

    def __init__(self, slug: str, client_id: str = "", *, hint: str = "") -> None:
        super().__init__(slug, client_id, hint)
        self.slug = slug
        self.client_id = client_id
        self.host = ""
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.slug}: {self.hint}" if self.hint else self.slug


class IdentifierError(CIMDError):
    """The ``client_id`` is not an acceptable client identifier URL; nothing was fetched."""

    public_message = "The application identifies itself with an address that is not allowed."
    oauth_error = "invalid_client"


class RegistrationEndedError(IdentifierError):
    """A client that registered itself is not registered here any more; it can do so again."""

    public_message = (
        "The application is not registered at this site any more. "
        "Remove this site in the application and add it again: it registers itself anew."
    )


class FetchError(CIMDError):
    """The client's URL could not be fetched.

    Attributes:
        phase: how far the fetch came: ``resolve``, ``connect``, ``tls`` or ``response``.
    """

    public_message = "The application's own address could not be read."
    temporary = True

    def __init__(self, slug: str, client_id: str = "", *, hint: str = "", phase: Phase = "response") -> None:
        super().__init__(slug, client_id, hint=hint)
        self.phase = phase


class AddressBlockedError(FetchError):
    """The host resolves to a special-use address, or its port or name is not allowed."""


class DeadlineExceededError(FetchError):
    """The whole fetch, from name look-up to the last byte, took too long."""


class ResponseTooLargeError(FetchError):
    """The answer is larger than the cap; not a byte of it is used."""


class UnexpectedResponseError(FetchError):
    """Status, redirect, media type or content coding rule the answer out."""


class GoneError(UnexpectedResponseError):
    """The URL answers 404 or 410: there is no such client any more, and no copy of it stands in."""

    temporary = False


class TooManyFetchesError(FetchError):
    """All places for simultaneous fetches are taken, or a site's share is used up; nothing was fetched.

    Attributes:
        retry_after: seconds after which it is worth while to ask again.
    """

    public_message = "Too many new applications at once. Try again in a moment."
    oauth_error = "temporarily_unavailable"
    status = 503

    def __init__(
        self, slug: str, client_id: str = "", *, hint: str = "", phase: Phase = "resolve", retry_after: int = 5
    ) -> None:
        super().__init__(slug, client_id, hint=hint, phase=phase)
        self.retry_after = retry_after


class FetchLimitError(TooManyFetchesError):
    """One caller named too many clients that had to be fetched; for an app's own ``allow_fetch`` hook to raise."""

    public_message = "Too many new applications from one place. Try again later."
    status = 429


class DocumentError(CIMDError):
    """The document or page was read and breaks at least one rule.

    Attributes:
        problems: every broken rule, not only the first.
    """

    public_message = "The application's description of itself is not valid."

    def __init__(self, client_id: str, problems: tuple[Problem, ...]) -> None:
        self.problems = problems
        hint = "; ".join(f"{p.pointer or '/'} {p.rule}: {p.message}" for p in problems[:10])
        super().__init__("invalid-document", client_id, hint=hint)


class PolicyDeniedError(CIMDError):
    """The operator does not let this client in; ``slug`` is the reason."""

    public_message = "This site does not accept that application."


class RedirectMismatchError(CIMDError):
    """The requested redirect URI is not one of the client's; never redirect, show it locally."""

    public_message = "The application asked to be answered at an address that it does not list."
    oauth_error = "invalid_request"


class RequestError(CIMDError):
    """The authorization request does not say who asks or where the answer may go; shown locally."""

    public_message = "The application's request is not valid."
    oauth_error = "invalid_request"


class OutdatedRequestError(RequestError):
    """A client about which nothing is known asks in a way of IndieAuth's first years that is switched off."""

    public_message = (
        "The application is of an older kind that this site does not let in: "
        "its request is not protected by a code challenge (PKCE)."
    )


class StorageError(CIMDError):
    """The database of grants and tokens does not answer or cannot be written; the same request may succeed later.

    Attributes:
        retry_after: seconds after which a caller may repeat the request.
    """

    public_message = "This site cannot answer at the moment. Try again in a few seconds."
    temporary = True
    oauth_error = "temporarily_unavailable"
    status = 503
    retry_after = 5


class ConfigurationError(RuntimeError):
    """A setting is unusable; raised only by ``init_app`` and the command line."""

"""The errors of this package, each with its slugs and advice.

Four outcomes are four types: a ``client_id`` that is not a client identifier URL, a fetch that failed, a document that
is invalid, a client that the operator's rules refuse.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

Phase = Literal["resolve", "connect", "tls", "response"]


#: Rule of a document whose authentication methods this server does not have. CIMD §6 answers ``unauthorized_client``,
#: and its editors call the code undecided: it is chosen in `DocumentError` alone.
NO_COMMON_METHOD = "unsupported"


@dataclass(frozen=True, slots=True)
class Problem:
    """One broken rule in a document.

    Attributes:
        pointer: JSON pointer (RFC 6901) of the member; ``""`` is the whole document.
        rule: stable name of the rule.
        message: one sentence for the client's developer, without text of the document.
    """

    pointer: str
    rule: str
    message: str


class CIMDError(Exception):
    """Base of all errors on bad input: the client cannot be used.

    Attributes:
        slugs: every slug that this package raises with the class; an app's own hooks may raise others.
        advice: one clause for operators and the client's developer.
        slug: stable machine-readable name of the reason.
        client_id: the raw ``client_id`` as sent.
        public_message: ASCII without ``"`` and ``\\``, without remote text and addresses: safe in HTML, logs and
            ``error_description`` (RFC 6749 §5.2).
        host: the document host, to show to the person; empty if the ``client_id`` is not a URL.
        hint: detail for the client's developer; for logs and the explainer, not for visitors.
        temporary: whether the same request may succeed later.
        oauth_error: the error code at the token endpoint (RFC 6749 §5.2).
        status: the HTTP status of the page that shows the error.
    """

    slugs: ClassVar[tuple[str, ...]] = ()
    advice: ClassVar[str] = ""
    public_message: ClassVar[str] = "This site could not find out which app sent you."
    temporary: ClassVar[bool] = False
    oauth_error: ClassVar[str] = "invalid_client"
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

    slugs: ClassVar[tuple[str, ...]] = (
        "ambiguous",
        "bad-host",
        "bad-percent-encoding",
        "bad-port",
        "bad-scheme",
        "bad-virtual-client",
        "dot-segment",
        "forbidden-character",
        "fragment",
        "ip-address",
        "local-host",
        "no-host",
        "no-path",
        "query-not-allowed",
        "root-path",
        "too-long",
        "userinfo",
        "unknown-client",
    )
    advice = "the client must change its URL, or send a client_id; nothing was fetched"
    public_message = "The app gives an address of its own that is not allowed."
    oauth_error = "invalid_client"


class RegistrationEndedError(IdentifierError):
    """The registration of a client that registered itself has ended; the client can register again."""

    slugs: ClassVar[tuple[str, ...]] = ("registration-ended",)
    advice = "the registration of the client was never used or not used for too long; it must register again"
    public_message = (
        "The app is not registered at this site any more. "
        "Remove this site in the app and add it again; the app then registers itself anew."
    )


class ClientNotAuthenticatedError(CIMDError):
    """A client did not prove who it is; ``hint`` says why, for the log alone (RFC 7521 §4.2.1)."""

    slugs: ClassVar[tuple[str, ...]] = ("client-not-authenticated",)
    advice = "the log of this server says which claim of the assertion, or what else, is wrong"
    public_message = "The app did not prove who it is."


class FetchError(CIMDError):
    """The client's URL could not be fetched.

    Attributes:
        phase: how far the fetch came: ``resolve``, ``connect``, ``tls`` or ``response``.
    """

    slugs: ClassVar[tuple[str, ...]] = (
        "connection-failed",
        "name-not-found",
        "tls-failed",
        "backing-off",
        "bad-response",
        "malformed-url",
        "userinfo",
    )
    advice = "check DNS, port 443 and the certificate of the client's host"
    public_message = "The app's own address could not be read."
    temporary = True

    def __init__(self, slug: str, client_id: str = "", *, hint: str = "", phase: Phase = "response") -> None:
        super().__init__(slug, client_id, hint=hint)
        self.phase = phase


class AddressBlockedError(FetchError):
    """The host resolves to a special-use address, or its port or name is not allowed."""

    slugs: ClassVar[tuple[str, ...]] = ("address-blocked", "port-blocked", "host-denied")
    advice = "the host resolves to a private or special address, or the operator refuses host or port"


class DeadlineExceededError(FetchError):
    """The whole fetch, from name look-up to the last byte, took too long."""

    slugs: ClassVar[tuple[str, ...]] = ("deadline",)
    advice = "the client's host is too slow; try again"


class ResponseTooLargeError(FetchError):
    """The response exceeds the size limit; nothing of it is used."""

    slugs: ClassVar[tuple[str, ...]] = ("too-large",)
    advice = "a document may have 5 kB, a page 256 kB, unless the settings say otherwise"


class UnexpectedResponseError(FetchError):
    """The response has an unusable status, redirect, media type or content coding."""

    slugs: ClassVar[tuple[str, ...]] = (
        "status",
        "redirect",
        "media-type",
        "content-coding",
        "truncated",
        "bad-response",
        "scheme",
        "not-json",
        "no-request-uri",
        "no-revocation",
    )
    advice = "serve the document itself with status 200, as application/json, uncompressed, without a redirect"


class GoneError(UnexpectedResponseError):
    """The URL answers 404 or 410: the client no longer exists, and no stored copy is used."""

    slugs: ClassVar[tuple[str, ...]] = ("status",)
    advice = "the URL answers 404 or 410, and no stored copy is used; publish the document again, or use the new URL"
    temporary = False


class TooManyFetchesError(FetchError):
    """A limit of this server on fetches is reached; nothing was fetched.

    Attributes:
        retry_after: seconds after which the request may be repeated.
    """

    slugs: ClassVar[tuple[str, ...]] = (
        "too-many-fetches",
        "too-many-fetches-of-site",
        "too-many-look-ups",
        "too-many-not-found",
    )
    advice = "wait for the seconds in retry_after; clients that are stored are not affected"
    public_message = "Too many new apps at once. Try again in a moment."
    oauth_error = "temporarily_unavailable"
    status = 503

    def __init__(
        self, slug: str, client_id: str = "", *, hint: str = "", phase: Phase = "resolve", retry_after: int = 5
    ) -> None:
        super().__init__(slug, client_id, hint=hint, phase=phase)
        self.retry_after = retry_after


class FetchLimitError(TooManyFetchesError):
    """One caller caused too many fetches; raised by an app's own ``allow_fetch`` hook."""

    slugs: ClassVar[tuple[str, ...]] = ()
    advice = "one caller caused too many fetches; raised by an app's own allow_fetch hook, with a slug of its own"
    public_message = "Too many new apps from one place. Try again later."
    status = 429


class DocumentError(CIMDError):
    """The document or page breaks at least one rule.

    Attributes:
        problems: every broken rule, not only the first.
    """

    slugs: ClassVar[tuple[str, ...]] = ("invalid-document",)
    advice = "problems lists every broken rule with its JSON pointer"
    public_message = "The app's description of itself is not valid."

    def __init__(self, client_id: str, problems: tuple[Problem, ...]) -> None:
        self.problems = problems
        if problems and all(problem.rule == NO_COMMON_METHOD for problem in problems):
            self.oauth_error = "unauthorized_client"  # type: ignore[misc]  # this instance's own
        hint = "; ".join(f"{p.pointer or '/'} {p.rule}: {p.message}" for p in problems[:10])
        super().__init__("invalid-document", client_id, hint=hint)


class PolicyDeniedError(CIMDError):
    """The operator's rules or hooks refuse the client; ``slug`` is the reason."""

    slugs: ClassVar[tuple[str, ...]] = (
        "host-denied",
        "host-not-allowed",
        "client-denied",
        "policy-unavailable",
        "fetch-refused",
        "client-refused",
    )
    advice = "the operator's rules or hooks refuse the client"
    public_message = "This site does not accept that app."


class RedirectMismatchError(CIMDError):
    """The requested redirect URI is not one of the client's. Show the error; never redirect."""

    slugs: ClassVar[tuple[str, ...]] = ("redirect-malformed", "redirect-not-listed")
    advice = "list the exact redirect URI in the document"
    public_message = "The app wants you to be sent to an address that it does not list."
    oauth_error = "invalid_request"


class RequestError(CIMDError):
    """The authorization request lacks a usable client or redirect URI. Show the error; never redirect."""

    slugs: ClassVar[tuple[str, ...]] = (
        "missing-client-id",
        "missing-redirect-uri",
        "malformed-parameter",
        "repeated-parameter",
        "request-decided",
        "request-ended",
        "request-refused",
        "unknown-request-uri",
    )
    advice = "the app must name itself and its redirect URI once each, and start again after an answer"
    public_message = "The app's request is not valid."
    oauth_error = "invalid_request"


class OutdatedRequestError(RequestError):
    """A request of an older IndieAuth version that ``CIMD_INDIEAUTH`` does not accept. Show the error locally."""

    slugs: ClassVar[tuple[str, ...]] = ("outdated-request",)
    advice = "the app must use PKCE and response_type=code; or accept older apps with CIMD_INDIEAUTH"
    public_message = (
        "The app is of an older kind that this site does not let in: "
        "its request is not protected by a code challenge (PKCE)."
    )


class UnavailableError(CIMDError):
    """This server itself cannot answer now; nothing was granted.

    Attributes:
        retry_after: seconds after which the request may be repeated.
    """

    public_message = "This site cannot answer at the moment. Try again in a few seconds."
    temporary = True
    oauth_error = "temporarily_unavailable"
    status = 503
    retry_after = 5


class StorageError(UnavailableError):
    """The database of grants and tokens does not answer or cannot be written."""

    slugs: ClassVar[tuple[str, ...]] = ("storage-unavailable", "storage-read-only", "tables-missing")
    advice = (
        "the database of grants and tokens does not answer, is read-only or lacks tables, as `flask cimd doctor` says: "
        "status 503 with Retry-After"
    )


class HookError(UnavailableError):
    """A function of the app failed, or returned a value that cannot be used; ``hint`` is its name."""

    slugs: ClassVar[tuple[str, ...]] = ("hook-failed",)
    advice = "a function of the app failed; the log names it and has the traceback: status 503 with Retry-After"


class ConfigurationError(RuntimeError):
    """A setting is unusable; raised by ``init_app`` and the command line alone."""

"""Contents of a consent page: the client's host, name and links, and the required warnings.

A client cannot choose the host of its document freely, so the page shows the host first and the client's name second
(CIMD §9.5). All values are text: templates escape them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .metadata import ClientMetadata
from .redirects import redirect_host, redirect_kind, redirect_place
from .sentences import sentence
from .text import clean_text
from .urls import WebURL

#: Longest name or label on a page, in characters.
NAME_LIMIT = 100
_DESCRIPTION_LIMIT = 200  # characters
_LOG_LIMIT = 300  # characters


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A link that the client publishes; show ``host`` beside it if ``is_elsewhere``."""

    label: str
    url: str
    host: str
    is_elsewhere: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentWarning:
    """A warning to show before approval; ``slug`` is stable, ``text`` is a sentence without remote text but hosts."""

    slug: str
    text: str


#: How well a server knows a client: ``new`` to the person, ``met`` before, or ``trusted`` by the operator.
Acquaintance = Literal["new", "met", "trusted"]
_INTRODUCTIONS = {
    "new": sentence("You have not approved this app before."),
    "met": sentence("You have approved this app before."),
    "trusted": sentence("This app is on this site’s list of trusted apps."),
}
_IN_THE_MAKING = (
    ConsentWarning(
        slug="app-in-the-making",
        text=sentence("This app is under development: it is published by a service where anybody can register an app."),
    ),
)


_SELF_REGISTERED = ConsentWarning(
    slug="registered-client",
    text=sentence("This app registered itself, and nobody has checked its name. Only its return address is known."),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentView:
    """Contents of a consent page about a client and its redirect URI.

    Attributes:
        client_id: the whole client identifier URL, never shortened; or the identifier of a registered client.
        host: see `shown_host`; the page shows it first.
        name: the name that the client gives itself, or ``None``.
        links: links that the client publishes.
        redirect_uri: target of the authorization response.
        redirect_host: host of the redirect URI, or the scheme of a private-use URI.
        redirect_kind: receiver of the response: a web host, a program on this computer or an installed app.
        warnings: the page must show all of them.
        acquaintance: ``new``, ``met`` or ``trusted``, or ``None`` if unknown; the page must mark a new client
            (CIMD §9.9).
        is_registered: ``True`` for a client that registered itself; no URL identifies it.
    """

    client_id: str
    host: str
    name: str | None
    links: tuple[Link, ...]
    redirect_uri: str
    redirect_host: str
    redirect_kind: Literal["web", "loopback", "private-scheme"]
    warnings: tuple[ConsentWarning, ...]
    acquaintance: Acquaintance | None = None
    is_registered: bool = False

    @property
    def introduction(self) -> str:
        """A sentence about the acquaintance; empty if it is unknown."""
        return _INTRODUCTIONS.get(self.acquaintance or "", "")

    @property
    def advice(self) -> str:
        """The sentence after all warnings; empty if there is no warning and the client is not new."""
        if any(warning.slug == "app-in-the-making" for warning in self.warnings):
            return sentence("Continue only if the app is yours or you are testing it.")
        if self.warnings or self.acquaintance == "new":
            return sentence("Continue only if you just started this sign-in yourself.")
        return ""


def consent_view(
    metadata: ClientMetadata,
    redirect_uri: str,
    *,
    is_verified: bool = True,
    acquaintance: Acquaintance | None = None,
    is_in_the_making: bool = False,
) -> ConsentView:
    """Return what a consent page shows before the person decides.

    Args:
        metadata: the client's metadata.
        redirect_uri: the redirect URI of the request, after `match_redirect` accepted it.
        is_verified: ``False`` omits what any client could claim: the name, and the link to the app's own page.
        acquaintance: ``trusted`` if the operator trusts the client, ``met`` if this person approved it before.
        is_in_the_making: ``True`` if a service for developers publishes the document (CIMD §9.10).
    """
    return ConsentView(
        client_id=metadata.client_id,
        host=shown_host(metadata, redirect_uri),
        name=safe_text(metadata.client_name) if metadata.client_name and is_verified else None,
        links=tuple(link for link in _links(metadata, redirect_uri) if is_verified or link.label != "About"),
        redirect_uri=redirect_uri,
        redirect_host=redirect_host(redirect_uri),
        redirect_kind=redirect_kind(redirect_uri),
        warnings=(*(_IN_THE_MAKING if is_in_the_making else ()), *_warnings(metadata, redirect_uri)),
        acquaintance=acquaintance,
        is_registered=metadata.source == "registered",
    )


def shown_host(metadata: ClientMetadata, redirect_uri: str) -> str:
    """Return the host that a client cannot choose freely, with its port unless it is the default.

    For a client with a document it is the document's host; for a client that registered itself, the redirect URI's.
    """
    return redirect_host(redirect_uri) if metadata.source == "registered" else metadata.identifier.display_host


def _links(metadata: ClientMetadata, redirect_uri: str) -> tuple[Link, ...]:
    own = redirect_place(redirect_uri)[0] if metadata.source == "registered" else metadata.identifier.host.lower()
    links = []
    for label, url in (
        (sentence("About"), metadata.client_uri),
        (sentence("Terms"), metadata.tos_uri),
        (sentence("Privacy"), metadata.policy_uri),
    ):
        host = _host(url) if url else None
        if url and host:
            links.append(Link(label=label, url=url, host=host, is_elsewhere=host != own))
    return tuple(links)


def _host(url: str) -> str | None:
    parsed = WebURL.parse(url)
    return parsed.host if parsed and parsed.scheme == "https" else None


def _warnings(metadata: ClientMetadata, redirect_uri: str) -> tuple[ConsentWarning, ...]:
    kind, where = redirect_kind(redirect_uri), redirect_host(redirect_uri)
    shown = shown_host(metadata, redirect_uri)
    found = [_SELF_REGISTERED] if metadata.source == "registered" else []
    if metadata.is_built_here:
        found.append(
            ConsentWarning(
                slug="loopback-client",
                text=sentence(
                    "This app runs on your own computer and publishes no information about itself. "
                    "Any program on this computer could have sent this request."
                ),
            )
        )
    elif kind == "loopback":
        found.append(
            ConsentWarning(
                slug="loopback-redirect",
                text=sentence(
                    "If you approve, a program on the computer you are using gets this access. "
                    "Other programs on it could intercept it."
                ),
            )
        )
    elif kind == "private-scheme":
        found.append(
            ConsentWarning(
                slug="private-scheme",
                text=sentence(
                    "If you approve, an app installed on this device gets this access. "
                    "A different app could claim the same address."
                ),
            )
        )
    elif where.lower() != shown:
        found.append(
            ConsentWarning(
                slug="other-redirect-host",
                text=sentence(
                    "You’ll be sent to %(host)s, which is not the site that publishes this app’s description.",
                    host=where,
                ),
            )
        )
    found.extend(_naming_warnings(metadata, shown))
    return tuple(found)


def _naming_warnings(metadata: ClientMetadata, shown: str) -> list[ConsentWarning]:
    found = []
    if any(label.startswith("xn--") for label in shown.split(".")):
        found.append(
            ConsentWarning(
                slug="international-host",
                text=sentence(
                    "Some letters of this address may look like others. Check that it is the one you expect."
                ),
            )
        )
    if metadata.source == "unread":
        found.append(
            ConsentWarning(
                slug="unread-client",
                text=sentence("The page at this app’s address could not be read, so only the address is known."),
            )
        )
    if metadata.identifier.scheme == "http" and not metadata.is_built_here:
        found.append(
            ConsentWarning(
                slug="unprotected-client",
                text=sentence(
                    "This app’s description is not sent over a secure connection. "
                    "Anyone on the network could impersonate the app."
                ),
            )
        )
    return found


def safe_text(text: str | None, limit: int = NAME_LIMIT) -> str:
    """Return remote text without control and bidirectional characters, cut to ``limit`` characters; not escaped."""
    return clean_text(text or "", limit)


def safe_description(text: str) -> str:
    """Return at most 200 characters that ``error_description`` allows: %x20-21 / %x23-5B / %x5D-7E (RFC 6749 §5.2)."""
    kept = "".join(c if " " <= c <= "~" and c not in '"\\' else " " for c in text)
    return " ".join(kept.split())[:_DESCRIPTION_LIMIT]


def safe_for_log(text: str) -> str:
    """Return at most 300 printable ASCII characters on one line, without the query strings of URLs."""
    words = (word.partition("?")[0] for word in text[: 4 * _LOG_LIMIT].split())
    return "".join(c if " " <= c <= "~" else "?" for c in " ".join(words))[:_LOG_LIMIT]

"""What a consent page shows of a client, and which warnings it must show.

A client cannot choose the host of its document freely, so the page shows the host first and the client's name second
(CIMD §8.5). All values are text: templates escape them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .metadata import ClientMetadata
from .redirects import redirect_host, redirect_kind, redirect_place
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


Acquaintance = Literal["new", "met", "trusted"]
_INTRODUCTIONS = {
    "new": "You have not let this app in before. Go on only if you just started to use it.",
    "met": "You let this app in before.",
    "trusted": "This app is on your list of trusted apps.",
}
_IN_THE_MAKING = (
    ConsentWarning(
        slug="app-in-the-making",
        text="A service for developers publishes the description of this app, which is under development. "
        "Anybody can register an app there. Go on only if it is yours or you are testing it.",
    ),
)


_SELF_REGISTERED = ConsentWarning(
    slug="registered-client",
    text="This app registered itself; nobody has checked its name. "
    "Only the address that receives your answer is known. Go on only if you just started to use it.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentView:
    """What a consent page shows about a client and its redirect URI.

    Attributes:
        client_id: the whole client identifier URL, shown uncut; or the identifier issued to a registered client.
        host: see `shown_host`; always shown, and first.
        name: the name that the client gives itself, or ``None``.
        links: links that the client publishes.
        redirect_uri: where the authorization response goes.
        redirect_host: host of the redirect URI, or the scheme of a private-use URI.
        redirect_kind: whether a web host, a program on this computer or an installed app receives the response.
        warnings: all of them must be shown.
        acquaintance: ``new``, ``met`` or ``trusted``, or ``None`` if unknown; a new client must look different
            (CIMD §8.9).
        is_registered: whether the client registered itself, so that no URL identifies it.
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
        redirect_uri: the redirect URI of the request; it must have been matched.
        is_verified: ``False`` omits what any client could claim: the name, and the link to the app's own page.
        acquaintance: whether this person used the client before, or the operator trusts it.
        is_in_the_making: whether a service for developers publishes the document (CIMD §8.10).
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

    It is the host of the document. A client that registered itself has no document: it is the host of the redirect URI.
    """
    return redirect_host(redirect_uri) if metadata.source == "registered" else metadata.identifier.display_host


def _links(metadata: ClientMetadata, redirect_uri: str) -> tuple[Link, ...]:
    own = redirect_place(redirect_uri)[0] if metadata.source == "registered" else metadata.identifier.host.lower()
    links = []
    for label, url in (
        ("About", metadata.client_uri),
        ("Terms", metadata.tos_uri),
        ("Privacy", metadata.policy_uri),
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
                text="This is an app on your own computer that publishes nothing about itself. "
                "Any program on this computer could send this request.",
            )
        )
    elif kind == "loopback":
        found.append(
            ConsentWarning(
                slug="loopback-redirect",
                text="Your answer goes to a program on the computer you are using. "
                "Any program that runs there could receive it. Go on only if you just started this app yourself.",
            )
        )
    elif kind == "private-scheme":
        found.append(
            ConsentWarning(
                slug="private-scheme",
                text="Your answer goes to an app installed on this device. "
                "Another app can claim the same address. Go on only if you just started this app yourself.",
            )
        )
    elif where.lower() != shown:
        found.append(
            ConsentWarning(
                slug="other-redirect-host",
                text=f"Your answer goes to {where}, which is not where this app describes itself.",
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
                text="This host name contains letters that can look like others. Check that it is the one you expect.",
            )
        )
    if metadata.source == "unread":
        found.append(
            ConsentWarning(
                slug="unread-client",
                text="This app’s own address could not be read, so only the address itself is known. "
                "Go on only if you just came from there.",
            )
        )
    if metadata.identifier.scheme == "http" and not metadata.is_built_here:
        found.append(
            ConsentWarning(
                slug="unprotected-client",
                text="This app describes itself over an unprotected connection. "
                "Anyone on the network path can imitate it.",
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

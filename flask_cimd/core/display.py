"""What a consent screen may show of a client, and which warnings it must show.

The document host is the one thing that a client cannot choose freely, so it comes first; the name is what the
client calls itself (CIMD §8.5). Nothing here is HTML: templates escape.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .metadata import ClientMetadata
from .redirects import redirect_host, redirect_kind, redirect_place
from .text import clean_text
from .urls import WebURL

#: A name or label on a screen, in characters.
NAME_LIMIT = 100
_DESCRIPTION_LIMIT = 200
_LOG_LIMIT = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A link the client published; ``host`` is written beside it where it is not the client's own."""

    label: str
    url: str
    host: str
    is_elsewhere: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Warning_:  # noqa: N801  Warning is a builtin
    """Something a person must know before approving; ``slug`` is stable, ``text`` is our own sentence."""

    slug: str
    text: str


Acquaintance = Literal["new", "met", "trusted"]
_INTRODUCTIONS = {
    "new": "You have not let this app in before. Go on only if you just started to use it.",
    "met": "You let this app in before.",
    "trusted": "This app is on your list of trusted apps.",
}
_IN_THE_MAKING = (
    Warning_(
        slug="app-in-the-making",
        text="A service for developers speaks for this app, which is still in the making. "
        "Anybody can register an app there. Go on only if it is yours or you are testing it.",
    ),
)


_SELF_REGISTERED = Warning_(
    slug="registered-client",
    text="This app registered itself; nobody vouches for its name. "
    "All that is known is where your answer goes. Go on only if you just started to use it.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentView:
    """Everything a consent screen shows about a client and the place where the answer goes.

    Attributes:
        acquaintance: ``new``, ``met`` or ``trusted``, where the caller knows; clients that come for the first time
            must look different (CIMD §8.9).
        client_id: the whole identifier URL, shown uncut; or the name that a registered client was given here.
        host: as `shown_host`; always shown, and first.
        is_registered: the client registered itself, so that no URL stands behind it.
        name: what the client calls itself, or ``None``.
        redirect_host: host of the redirect URI, or the scheme of a private-use URI.
    """

    client_id: str
    host: str
    name: str | None
    links: tuple[Link, ...]
    redirect_uri: str
    redirect_host: str
    redirect_kind: Literal["web", "loopback", "private-scheme"]
    warnings: tuple[Warning_, ...]
    acquaintance: Acquaintance | None = None
    is_registered: bool = False

    @property
    def introduction(self) -> str:
        """One sentence of ours about how well the client is known here; empty if nobody said."""
        return _INTRODUCTIONS.get(self.acquaintance or "", "")


def consent_view(
    metadata: ClientMetadata,
    redirect_uri: str,
    *,
    is_verified: bool = True,
    acquaintance: Acquaintance | None = None,
    is_in_the_making: bool = False,
) -> ConsentView:
    """Gather what to show before the person decides.

    Args:
        metadata: what the client says about itself.
        redirect_uri: matched already.
        is_verified: ``False`` leaves out what anybody could claim: the name, and the link to the app's own page.
        acquaintance: how well this client is known here.
        is_in_the_making: whether a service for developers publishes its document.
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
    """Return the one host that a client cannot choose freely, with a port that is not the default.

    It is where the document was read. A client that registered itself has none: all that holds it is where its
    answer goes.
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


def _warnings(metadata: ClientMetadata, redirect_uri: str) -> tuple[Warning_, ...]:
    kind, where = redirect_kind(redirect_uri), redirect_host(redirect_uri)
    shown = shown_host(metadata, redirect_uri)
    found = [_SELF_REGISTERED] if metadata.source == "registered" else []
    if metadata.is_built_here:
        found.append(
            Warning_(
                slug="loopback-client",
                text="This is an app on your own computer that publishes nothing about itself. "
                "Any program on this computer could ask like this.",
            )
        )
    elif kind == "loopback":
        found.append(
            Warning_(
                slug="loopback-redirect",
                text="Your answer goes to a program on the computer you are using. "
                "Any program running there could be listening. Go on only if you just started this app yourself.",
            )
        )
    elif kind == "private-scheme":
        found.append(
            Warning_(
                slug="private-scheme",
                text="Your answer goes to an app installed on this device. "
                "Another app can claim the same address. Go on only if you just started this app yourself.",
            )
        )
    elif where.lower() != shown:
        found.append(
            Warning_(
                slug="other-redirect-host",
                text=f"Your answer goes to {where}, which is not where this app describes itself.",
            )
        )
    found.extend(_naming_warnings(metadata, shown))
    return tuple(found)


def _naming_warnings(metadata: ClientMetadata, shown: str) -> list[Warning_]:
    found = []
    if any(label.startswith("xn--") for label in shown.split(".")):
        found.append(
            Warning_(
                slug="international-host",
                text="This host name contains letters that can look like others. Check that it is the one you expect.",
            )
        )
    if metadata.source == "unread":
        found.append(
            Warning_(
                slug="unread-client",
                text="This app’s own address could not be read, so nothing is known about it but its address. "
                "Go on only if you came from there just now.",
            )
        )
    if metadata.identifier.scheme == "http" and not metadata.is_built_here:
        found.append(
            Warning_(
                slug="unprotected-client",
                text="This app describes itself over an unprotected connection, so anybody on the way can imitate it.",
            )
        )
    return found


def safe_text(text: str | None, limit: int = NAME_LIMIT) -> str:
    """Return a stranger's text without control and bidirectional characters, cut to ``limit``; escape it in HTML."""
    return clean_text(text or "", limit)


def safe_description(text: str) -> str:
    """Return text that fits ``error_description``: %x20-21 / %x23-5B / %x5D-7E (RFC 6749 §5.2)."""
    kept = "".join(c if " " <= c <= "~" and c not in '"\\' else " " for c in text)
    return " ".join(kept.split())[:_DESCRIPTION_LIMIT]


def safe_for_log(text: str) -> str:
    """Return text that stays on one log line and holds no query string of a URL."""
    words = (word.partition("?")[0] for word in text[: 4 * _LOG_LIMIT].split())
    return "".join(c if " " <= c <= "~" else "?" for c in " ".join(words))[:_LOG_LIMIT]

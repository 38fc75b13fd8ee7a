"""Explain one fetch: look-up, connection, TLS, headers, lifetime, and what a failure means for the client's developer.

The public form names no address, since it is shown to strangers: neither those of this server's own network nor, which
would tell the same, whether a name of that network exists.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from ..core import freshness
from ..core.display import safe_for_log
from ..core.freshness import Bounds
from ..core.sentences import Clause, clause, sentence
from ..errors import AddressBlockedError, FetchError
from ..fetch.fetcher import FetchLog, Response
from .explanation import Explanation

#: Advice by slug of a failed fetch, beyond the error's own hint.
FETCH_HELP: Mapping[str, str] = {
    "address-blocked": sentence(
        "Servers never connect to private or special addresses; publish the document on a public host."
    ),
    "name-not-found": sentence("Check the name in DNS: it needs a public A or AAAA record."),
    "no-public-address": sentence(
        "Check the name in DNS: it needs public A or AAAA records, and no private or special one beside them."
    ),
    "connection-failed": sentence(
        "Check that a web server listens on that port and that no firewall blocks the public."
    ),
    "tls-failed": sentence("The certificate must be valid today, name this host and come with its complete chain."),
    "too-many-fetches": sentence("Nothing is wrong with the URL; try again in a moment."),
    "too-many-fetches-of-site": sentence("Nothing is wrong with the URL; try again in a minute."),
    "deadline": sentence("The whole exchange took too long; serve a static file."),
    "too-large": sentence("Keep the document below 5 kB: logos and long lists belong elsewhere."),
    "redirect": sentence(
        "Serve the document at this very URL; no redirect is ever followed, not even on the same host."
    ),
    "status": sentence("Answer with status 200. Bot protection answers 403 to servers: exempt this path."),
    "media-type": sentence(
        "Serve it as application/json. Raw views of code hosting sites send text/plain, which is refused."
    ),
    "content-coding": sentence("Send the body uncompressed when the request asks for identity."),
    "truncated": sentence("Content-Length must equal the length of the body."),
}
#: Failures that would tell a stranger which names exist in this server's own network.
_LOOK_UPS = ("name-not-found", "address-blocked")
_HEADERS = ("content-type", "cache-control", "expires", "age", "server", "cf-mitigated")


def fetch_failure(error: FetchError, *, is_public: bool) -> tuple[str, Clause, str]:
    """Return the rule of a failed fetch, what happened, and advice.

    Args:
        error: how the fetch ended.
        is_public: say only what a stranger may know.
    """
    if is_public and error.slug in _LOOK_UPS and error.phase == "resolve":
        rule = "no-public-address"
        text = clause(sentence("the name does not resolve, or one of its addresses is private or special"))
        return rule, text, FETCH_HELP[rule]
    return error.slug, clause(error.hint or error.slug), FETCH_HELP.get(error.slug, "")


def explain_fetch(found: Explanation, log: FetchLog, error: FetchError | None, *, is_public: bool) -> None:
    """Add the steps of one fetch, up to its failure.

    Args:
        found: where the steps go.
        log: what the fetch saw.
        error: how it failed, or ``None``.
        is_public: say only what a stranger may know.
    """
    if is_public:
        _checked(found, log, is_vetted=not isinstance(error, AddressBlockedError))
    else:
        _reached(found, log)
    if log.tls:
        text = sentence("%(tls)s; the certificate is valid until %(end)s.", tls=log.tls, end=log.certificate_ends)
        found.add("tls", "holds", text)
    for name in _HEADERS:
        if name in log.headers:
            found.add("headers", "holds", f"{name}: {safe_for_log(log.headers[name])}")
    if error is not None:
        rule, said, advice = fetch_failure(error, is_public=is_public)
        found.add(error.phase, "broken", said, rule=rule, help=advice)


def _reached(found: Explanation, log: FetchLog) -> None:
    if log.addresses:
        found.add("resolve", "holds", sentence("Addresses: %(addresses)s.", addresses=", ".join(log.addresses)))
    if log.address:
        found.add("connect", "holds", sentence("Connected to %(address)s.", address=log.address))


def _checked(found: Explanation, log: FetchLog, *, is_vetted: bool) -> None:
    if log.addresses and is_vetted:
        versions = sorted({"IPv6" if ":" in address else "IPv4" for address in log.addresses})
        text = sentence(
            "Every address of the name was checked, and all of them may be used (%(versions)s).",
            versions=", ".join(versions),
        )
        found.add("resolve", "holds", text)
    if log.address:
        text = sentence("Connected to an address that was checked; the name is not looked up a second time.")
        found.add("connect", "holds", text)


def explain_response(found: Explanation, response: Response, bounds: Bounds, now: datetime) -> None:
    """Add what arrived, and for how long it may be stored.

    Args:
        found: where the steps go.
        response: complete response of status 200.
        bounds: limits on lifetimes.
        now: aware instant.
    """
    text = sentence(
        "Status 200, %(media_type)s, %(size)s bytes.", media_type=response.media_type, size=len(response.body)
    )
    found.add("response", "holds", text)
    lifetime = freshness.lifetime(response.headers, bounds, now)
    if not lifetime.storable:
        text = sentence("no-store: every sign-in fetches it again, and none works while the host is down.")
        found.add("lifetime", "remark", text, rule="no-store", help=sentence("Allow max-age=3600 or so."))
        return
    seconds = f"{lifetime.seconds:g}"
    if {"cache-control", "expires"} & response.headers.keys():
        text = sentence(
            "Stored for %(seconds)s seconds: from its headers, within this server's bounds.", seconds=seconds
        )
    else:
        text = sentence(
            "Stored for %(seconds)s seconds: this server's default, within this server's bounds.", seconds=seconds
        )
    found.add("lifetime", "holds", text)

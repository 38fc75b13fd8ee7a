"""Parse a ``client_id`` into a client identifier URL, or name the rule that it breaks (CIMD §3).

Every check reads the raw string before a URL library does: libraries drop tabs, decode ``%2e`` and disagree about
``\\``, and the rules are about exactly these differences.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from urllib.parse import unquote, urlsplit

from ..errors import IdentifierError
from .sentences import sentence
from .urls import LOOPBACK_HOSTS, HostProblem, WebURL, host_problem, is_ipv6


class IdentifierKind(StrEnum):
    """Source of the description of a client with this identifier."""

    #: https URL with a path: a JSON document or, with IndieAuth, a web page.
    DOCUMENT = "document"
    #: IndieAuth only: an http URL, or a URL without a path.
    PAGE = "page"
    #: http on a loopback host: never fetched (IndieAuth §4.2).
    LOOPBACK = "loopback"
    #: ``http://localhost`` with a query that describes the client: never fetched (AT Protocol).
    VIRTUAL = "virtual"
    #: not a URL: issued by this server to a client that registered itself (RFC 7591).
    REGISTERED = "registered"


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentifierRules:
    """Which client identifier URLs a server accepts.

    Attributes:
        allow_root_path: accept the path ``/`` (CIMD §3: NOT RECOMMENDED, but valid).
        allow_query: accept a query (CIMD §3: SHOULD NOT, but valid).
        allow_loopback: development: accept https on ``localhost``, ``127.0.0.1`` and ``[::1]``.
        indieauth: accept URLs without a path, and the http URLs that the switches below allow.
        allow_http_clients: IndieAuth: accept http on public hosts. Anyone on the network path can forge such a client.
        allow_loopback_clients: IndieAuth: accept http on loopback hosts; never fetched.
        allow_virtual_clients: AT Protocol: accept ``http://localhost?redirect_uri=…``; never fetched.
        max_length: in characters.
    """

    allow_root_path: bool = True
    allow_query: bool = True
    allow_loopback: bool = False
    indieauth: bool = True
    allow_http_clients: bool = False
    allow_loopback_clients: bool = False
    allow_virtual_clients: bool = False
    max_length: int = 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientIdentifier:
    """A client identifier URL that keeps every syntax rule.

    Attributes:
        raw: the string as sent; two identifiers are equal only if these strings are (CIMD §3).
        host: as written, without brackets and port.
        port: as written, or ``None``.
        path: with a leading ``/``; ``/`` if an IndieAuth identifier has none.
        query: without ``?``; empty if there is none.
    """

    raw: str
    kind: IdentifierKind
    scheme: str
    host: str
    port: int | None
    path: str
    query: str

    @property
    def url(self) -> WebURL:
        """The identifier as a URL, for comparing origins and ports."""
        return WebURL(self.scheme, self.host, self.port, self.path, self.query or None)

    @property
    def display_host(self) -> str:
        """The host to show to a person: lower case, with the port unless it is the scheme's default."""
        return self.url.authority

    @property
    def canonical(self) -> str:
        """IndieAuth §3.4: lower-case host, ``/`` for no path, no default port; everything else as written."""
        return self.url.canonical

    @property
    def fetch_url(self) -> str:
        """The URL to GET: the raw string, with ``/`` added if it has no path."""
        return self.raw if self.kind is IdentifierKind.DOCUMENT else self.canonical

    @property
    def has_raw_path(self) -> bool:
        """``True`` if the raw string has a path."""
        return "/" in self.raw.partition("://")[2].partition("?")[0]

    @property
    def is_built_in(self) -> bool:
        """``True`` if the identifier itself describes the client; nothing is fetched then."""
        return self.kind in (IdentifierKind.LOOPBACK, IdentifierKind.VIRTUAL)

    @property
    def is_loopback(self) -> bool:
        """``True`` if the host is ``localhost`` or a loopback address."""
        return self.url.is_loopback


# RFC 3986 characters without "#"; "@" in the authority is checked apart. "\", controls, space and non-ASCII are out.
_ALLOWED = re.compile(r"[A-Za-z0-9\-._~:/?\[\]!$&'()*+,;=@%]+")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_PORT = re.compile(r"[0-9]{1,5}")
_HOST_HINTS: dict[HostProblem, str] = {
    "ip-address": "use a host name instead of an IP address",
    "bad-host": "not a host name; write international names as xn--",
    "local-host": "the host must be a public name with at least two labels",
}


@lru_cache(maxsize=4096)
def parse_identifier(raw: str, rules: IdentifierRules) -> ClientIdentifier:
    """Parse a ``client_id`` into a client identifier URL (CIMD §3; IndieAuth §3.3 where the rules allow it).

    Raises:
        IdentifierError: ``slug`` names the first broken rule.
    """
    if len(raw) > rules.max_length:
        raise _refuse("too-long", raw, sentence("at most %(most)s characters", most=rules.max_length))
    scheme = _scheme(raw)
    _check_characters(raw)
    authority, path, query = _split(raw, scheme)
    host, port = _host_and_port(raw, authority)
    kind = IdentifierKind.VIRTUAL if _is_virtual(raw, query, rules) else _kind(raw, scheme, host, path, rules)
    _check_host(raw, host, kind, rules)
    _check_path(raw, path, rules)
    if query is not None and not rules.allow_query and kind is not IdentifierKind.VIRTUAL:
        raise _refuse("query-not-allowed", raw, "remove the query from the client_id")
    _cross_check(raw, host, port, path)
    return ClientIdentifier(
        raw=raw, kind=kind, scheme=scheme, host=host, port=port, path=path or "/", query=query or ""
    )


def _refuse(slug: str, raw: str, hint: str) -> IdentifierError:
    return IdentifierError(slug, raw, hint=hint)


def _scheme(raw: str) -> str:
    # CIMD §3: 'MUST have an "https" scheme'; only the lower-case spelling is accepted.
    for scheme in ("https", "http"):
        if raw.startswith(f"{scheme}://"):
            return scheme
    raise _refuse("bad-scheme", raw, "a client identifier URL begins with https://")


def _check_characters(raw: str) -> None:
    if "#" in raw:
        raise _refuse("fragment", raw, "a client identifier URL has no fragment, not even an empty one")
    if not _ALLOWED.fullmatch(raw):
        raise _refuse("forbidden-character", raw, "only ASCII URL characters; no spaces, controls or backslashes")
    if _BAD_ESCAPE.search(raw):
        raise _refuse("bad-percent-encoding", raw, "every % is followed by two hex digits")


def _split(raw: str, scheme: str) -> tuple[str, str, str | None]:
    before_query, mark, query = raw[len(scheme) + 3 :].partition("?")
    authority, slash, path = before_query.partition("/")
    if not authority:
        raise _refuse("no-host", raw, "the URL has no host")
    if "@" in authority:
        raise _refuse("userinfo", raw, "no user name or password in the URL")
    # RFC 3986 §3.3 allows brackets only around an IP literal; HTTP clients send %5B where browsers send "[".
    if set("[]") & set(path + query):
        raise _refuse("forbidden-character", raw, "write brackets in path and query as %5B and %5D")
    return authority, slash + path, query if mark else None


def _host_and_port(raw: str, authority: str) -> tuple[str, int | None]:
    if authority.startswith("["):
        literal, closed, rest = authority[1:].partition("]")
        if not closed or (rest and not rest.startswith(":")) or not is_ipv6(literal):
            raise _refuse("bad-host", raw, "malformed IP literal")
        host, port_text = literal, rest[1:] if rest else None
    else:
        host, colon, after = authority.partition(":")
        port_text = after if colon else None
    if port_text is None:
        return host, None
    if not _PORT.fullmatch(port_text) or not 1 <= int(port_text) <= 65535:
        raise _refuse("bad-port", raw, "a port is a number from 1 to 65535")
    return host, int(port_text)


def _is_virtual(raw: str, query: str | None, rules: IdentifierRules) -> bool:
    """Return whether this is an AT Protocol development client: lower-case ``http://localhost``, no port, no path."""
    if not rules.allow_virtual_clients or raw.partition("?")[0] not in ("http://localhost", "http://localhost/"):
        return False
    return query is not None or not (rules.indieauth and rules.allow_loopback_clients)


def _kind(raw: str, scheme: str, host: str, path: str, rules: IdentifierRules) -> IdentifierKind:
    loopback = host.lower() in LOOPBACK_HOSTS
    if scheme == "http":
        if loopback and rules.indieauth and rules.allow_loopback_clients:
            return IdentifierKind.LOOPBACK
        if not loopback and rules.indieauth and rules.allow_http_clients:
            return IdentifierKind.PAGE
        raise _refuse("bad-scheme", raw, "a client identifier URL begins with https://")
    if path:
        return IdentifierKind.DOCUMENT
    # CIMD §3: "MUST contain a path component"; IndieAuth §3.4 reads a missing path as "/".
    if not rules.indieauth:
        raise _refuse("no-path", raw, "the URL needs a path, such as /client.json")
    return IdentifierKind.PAGE


def _check_host(raw: str, host: str, kind: IdentifierKind, rules: IdentifierRules) -> None:
    if host.lower() in LOOPBACK_HOSTS and (
        rules.allow_loopback or kind in (IdentifierKind.LOOPBACK, IdentifierKind.VIRTUAL)
    ):
        return
    if problem := host_problem(host):
        raise _refuse(problem, raw, _HOST_HINTS[problem])


def _check_path(raw: str, path: str, rules: IdentifierRules) -> None:
    # CIMD §3: "MUST NOT contain single-dot or double-dot path segments"; "%2e" decodes to a dot once.
    if any(unquote(segment) in (".", "..") for segment in path.split("/")):
        raise _refuse("dot-segment", raw, "no . or .. in the path, encoded or not")
    if path == "/" and not rules.allow_root_path:
        raise _refuse("root-path", raw, "the path must be longer than /")


def _cross_check(raw: str, host: str, port: int | None, path: str) -> None:
    """Compare with the parser of the HTTP client: a URL that the two read differently is refused."""
    try:
        parts = urlsplit(raw)
        agreed = (parts.hostname or "", parts.port, parts.path) == (host.lower(), port, path)
    except ValueError:
        agreed = False
    if not agreed:
        raise _refuse("ambiguous", raw, "URL parsers disagree about this address")

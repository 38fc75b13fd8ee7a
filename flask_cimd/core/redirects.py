"""Decide whether a client may be redirected to a URI: by string comparison, except for the port of loopback URIs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

from ..errors import RedirectMismatchError
from .identifier import ClientIdentifier
from .metadata import ClientMetadata
from .rules import DocumentRules
from .urls import LOOPBACK_HOSTS, WebURL, is_ipv6

#: Schemes that run code, read files, leave the web or start programs of the system, whatever follows them (CIMD §4.2,
#: RFC 9700 §4.1).
_REFUSED_SCHEMES = frozenset(
    {"javascript", "data", "vbscript", "file", "blob", "about", "ftp", "ftps", "ws", "wss", "view-source", "jar",
     "filesystem", "chrome", "resource", "mailto", "tel", "sms", "intent", "content", "urn", "gopher", "ldap", "ldaps",
     "telnet", "ssh", "mhtml", "mk", "hcp", "res", "shell", "search-ms", "search", "livescript", "mocha", "devtools",
     "edge", "microsoft-edge", "android-app"}
)  # fmt: skip
_REFUSED_FAMILIES = ("ms-", "chrome-")
#: Why an entry of a list cannot be used, for the client's developer.
REFUSED: Mapping[str, str] = {
    "wrong-type": "must be a string",
    "too-long": "must have at most 2048 characters",
    "fragment": "a redirect URI has no fragment",
    "forbidden-character": "is not a URI, so no request can match it",
    "bad-percent-encoding": "is not a URI, so no request can match it",
    "bad-authority": "has no valid host and port, so no request can match it",
    "relative": "a redirect URI is absolute",
    "bad-scheme": "this scheme is never a redirect target",
    "insecure": "plain http is allowed on loopback only; use https",
    "dotless-scheme": "the scheme of an app is a reversed domain name, such as com.example.app",
}
#: Settings that accept an entry, by the reason of its refusal: for logs and the explainer.
ACCEPTED_WITH: Mapping[str, str] = {
    "dotless-scheme": "allow_dotless_schemes in CIMD_PROFILE accepts app schemes without a dot"
}
_URI = re.compile(r"[A-Za-z0-9\-._~:/?\[\]!$&'()+,;=@%#]*")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*")
_WITH_AUTHORITY = re.compile(r"[a-z][a-z0-9+.-]*://[^/?]+")
_HIERARCHICAL = re.compile(r"(?P<scheme>https?)://(?P<authority>[^/?]+)(?P<path>[^?\n]*)(?:\?(?P<query>.*))?")
_AUTHORITY = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?")
_DOTTED = re.compile(r"(?:(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])(?:\.(?!$)|$)){4}")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_MAX_LENGTH = 2048  # characters

RedirectKind = Literal["web", "loopback", "private-scheme"]


def parse_redirect(uri: str) -> WebURL | None:
    """Return an http or https redirect URI taken apart, the host as written; ``None`` for every other URI.

    ``None`` also stands for an authority that browsers and libraries read differently.
    """
    matched = _HIERARCHICAL.fullmatch(uri)
    authority = _AUTHORITY.fullmatch(matched["authority"]) if matched else None
    if matched is None or authority is None:
        return None
    port = int(authority["port"]) if authority["port"] else None
    if port is not None and not 1 <= port <= 65535:
        return None
    host = authority["host"]
    if host.startswith("["):
        host = host[1:-1]
        if not is_ipv6(host):
            return None
    elif _looks_like_number(host) and not _DOTTED.fullmatch(host):
        return None
    return WebURL(matched["scheme"], host, port, matched["path"], matched["query"])


def _looks_like_number(host: str) -> bool:
    """Return whether a browser reads the host as an IPv4 address: it shows ``0x7f.1`` and connects to 127.0.0.1."""
    last = host.rstrip(".").rpartition(".")[2].lower()
    return last.isdigit() or last.startswith("0x")


def is_loopback_redirect(url: WebURL) -> bool:
    """Return whether the URL is http on ``localhost``, ``127.0.0.1`` or ``[::1]``, in exactly this spelling."""
    return url.scheme == "http" and url.host in LOOPBACK_HOSTS


def refuse_registration(uri: str, *, allow_dotless_schemes: bool, client_scheme: str = "https") -> str | None:
    """Return why a URI cannot be registered, or ``None`` if it can (RFC 7591 §5, RFC 8252 §7, §8.4).

    Args:
        uri: the entry as published.
        allow_dotless_schemes: accept private-use schemes that are not a reversed domain name.
        client_scheme: scheme of the client identifier; ``http`` clients may list http URIs on public hosts.
    """
    if is_refused_scheme(uri):
        return "bad-scheme"
    if malformed := _malformed(uri):
        return malformed
    scheme = uri.partition(":")[0]
    if not _SCHEME.fullmatch(scheme):
        return "relative" if not _SCHEME.fullmatch(scheme.lower()) or ":" not in uri else "bad-scheme"
    if scheme in ("http", "https"):
        return _refuse_web(parse_redirect(uri), client_scheme)
    if "." not in scheme and not allow_dotless_schemes:
        return "dotless-scheme"
    return None if uri.partition(":")[2] else "relative"


def refuse_listed(entry: object, rules: DocumentRules, *, is_registration: bool) -> str | None:
    """Return why an entry of a published or registered list cannot be used, or ``None`` if it can; see `REFUSED`.

    A registration is made for this server by an app that cannot publish a document. Desktop apps use the scheme of
    their product with an authority, such as ``cursor://anysphere.cursor-mcp/oauth/callback``; PKCE protects the code.
    """
    if not isinstance(entry, str):
        return "wrong-type"
    is_native = is_registration and _WITH_AUTHORITY.match(entry) is not None
    return refuse_registration(entry, allow_dotless_schemes=rules.allow_dotless_schemes or is_native)


def is_refused_scheme(uri: str) -> bool:
    """Return whether a URI has a scheme that is never a redirect target, with or without an authority."""
    scheme = uri.partition(":")[0].strip().lower()
    return scheme in _REFUSED_SCHEMES or scheme.startswith(_REFUSED_FAMILIES)


def _malformed(uri: str) -> str | None:
    if len(uri) > _MAX_LENGTH:
        return "too-long"
    if "#" in uri:
        return "fragment"
    if not _URI.fullmatch(uri):
        return "forbidden-character"
    if _BAD_ESCAPE.search(uri):
        return "bad-percent-encoding"
    return "relative" if ":" not in uri else None


def _refuse_web(url: WebURL | None, client_scheme: str) -> str | None:
    if url is None:
        return "bad-authority"
    if url.scheme == "http" and not is_loopback_redirect(url) and client_scheme != "http":
        return "insecure"
    return None


def match_redirect(requested: str, metadata: ClientMetadata) -> str:
    """Return the requested URI if the client may be redirected to it.

    A client that lists redirect URIs matches by string comparison (CIMD §4.2), except for the port of an http URI on
    the same loopback literal (RFC 8252 §7.3). A client without a list may be redirected within its own origin
    (IndieAuth §4.2.2), a loopback client within its own loopback host.

    Raises:
        RedirectMismatchError: the URI is malformed or not the client's. Show the error; never redirect.
    """
    if requested and requested in metadata.redirect_uris and not is_refused_scheme(requested):
        return requested
    reason = refuse_registration(requested, allow_dotless_schemes=True, client_scheme=metadata.identifier.scheme)
    if reason is not None:
        raise RedirectMismatchError("redirect-malformed", metadata.client_id, hint=reason)
    url = parse_redirect(requested)
    if url is not None and (_matches_loopback(url, metadata) or _matches_origin(url, metadata)):
        return requested
    hint = "list the exact redirect URI in the document; only the port of a loopback URI may differ"
    if refuse_registration(requested, allow_dotless_schemes=False) == "dotless-scheme":
        hint = f"{hint}; {ACCEPTED_WITH['dotless-scheme']}"
    raise RedirectMismatchError("redirect-not-listed", metadata.client_id, hint=hint)


def _matches_loopback(requested: WebURL, metadata: ClientMetadata) -> bool:
    if not is_loopback_redirect(requested):
        return False
    if metadata.source == "loopback":
        return requested.host == metadata.identifier.host.lower()
    # RFC 8252 §8.3 advises against the name, RFC 9700 §2.1 names it, and common native apps publish it.
    if requested.host == "localhost" and not metadata.localhost_any_port:
        return False
    return any(_differs_in_port_alone(requested, parse_redirect(uri)) for uri in metadata.redirect_uris)


def _differs_in_port_alone(requested: WebURL, listed: WebURL | None) -> bool:
    if listed is None or not is_loopback_redirect(listed):
        return False
    return (listed.host, listed.path, listed.query) == (requested.host, requested.path, requested.query)


def _matches_origin(requested: WebURL, metadata: ClientMetadata) -> bool:
    lists_all = metadata.source in ("document", "registered") and metadata.publishes_redirects
    if metadata.is_built_here or lists_all:
        return False
    return requested.is_same_origin(metadata.identifier.url)


def is_same_origin(uri: str, identifier: ClientIdentifier) -> bool:
    """Return whether a redirect URI has the scheme, host and port of the client identifier."""
    url = parse_redirect(uri)
    return url is not None and url.is_same_origin(identifier.url)


def redirect_kind(uri: str) -> RedirectKind:
    """Return where a redirect URI leads: to a web host, to a program on this computer, or to an installed app."""
    url = parse_redirect(uri)
    if url is None:
        return "private-scheme"
    return "loopback" if is_loopback_redirect(url) else "web"


def redirect_place(uri: str) -> tuple[str, int | None]:
    """Return the lower-case host without brackets and the port as written; for a private-use URI its scheme."""
    url = parse_redirect(uri)
    return (uri.partition(":")[0], None) if url is None else (url.host.lower(), url.port)


def redirect_host(uri: str) -> str:
    """Return the host to show, with its port unless it is the default; for a private-use URI its scheme and ``:``."""
    url = parse_redirect(uri)
    return uri.partition(":")[0] + ":" if url is None else url.authority

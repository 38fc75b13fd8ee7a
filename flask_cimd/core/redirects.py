"""May this client be sent to this URI? The answer is a string comparison, with one exception for loopback ports."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from ..errors import RedirectMismatchError
from .identifier import ClientIdentifier, is_ipv6
from .metadata import ClientMetadata

#: Schemes that run code, read files or leave the web (CIMD §4.2, RFC 9700 §4.1).
_REFUSED_SCHEMES = frozenset(
    {"javascript", "data", "vbscript", "file", "blob", "about", "ftp", "ftps", "ws", "wss", "view-source", "jar",
     "filesystem", "chrome", "resource", "mailto", "tel", "sms", "intent", "content", "urn", "gopher", "ldap", "ldaps",
     "telnet", "ssh", "mhtml", "mk", "hcp", "res", "shell", "ms-msdt", "search-ms", "ms-appinstaller", "ms-officecmd"}
)  # fmt: skip
_URI = re.compile(r"[A-Za-z0-9\-._~:/?\[\]!$&'()+,;=@%#]*")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*")
_HIERARCHICAL = re.compile(r"(?P<scheme>https?)://(?P<authority>[^/?]+)(?P<rest>.*)")
_AUTHORITY = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?")
_DOTTED = re.compile(r"(?:(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])(?:\.(?!$)|$)){4}")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_MAX_LENGTH = 2048
#: As they stand in a URI. "[127.0.0.1]" is none of them: browsers refuse it.
_LOOPBACK_LITERALS = frozenset({"localhost", "127.0.0.1", "[::1]"})

RedirectKind = Literal["web", "loopback", "private-scheme"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Web:
    """An http or https URI taken apart; ``rest`` is path and query exactly as written."""

    scheme: str
    host: str
    port: int | None
    rest: str

    @property
    def is_loopback(self) -> bool:
        return self.scheme == "http" and self.host in _LOOPBACK_LITERALS

    @property
    def origin(self) -> tuple[str, str, int]:
        return self.scheme, self.host.lower(), self.port or (443 if self.scheme == "https" else 80)


def _web(uri: str) -> _Web | None:
    """Take an http(s) URI apart, or return ``None`` where anything about its authority is odd."""
    matched = _HIERARCHICAL.fullmatch(uri)
    authority = _AUTHORITY.fullmatch(matched["authority"]) if matched else None
    if matched is None or authority is None:
        return None
    port = int(authority["port"]) if authority["port"] else None
    if port is not None and not 1 <= port <= 65535:
        return None
    if authority["host"].startswith("[") and not is_ipv6(authority["host"].strip("[]")):
        return None
    # "0x7f.1" and "2130706433" would be shown as they are and visited as 127.0.0.1.
    last = authority["host"].rstrip(".").rpartition(".")[2].lower()
    if (last.isdigit() or last.startswith("0x")) and not _DOTTED.fullmatch(authority["host"]):
        return None
    return _Web(scheme=matched["scheme"], host=authority["host"], port=port, rest=matched["rest"])


def refuse_registration(uri: str, *, allow_dotless_schemes: bool, client_scheme: str = "https") -> str | None:
    """Say why a URI may not be registered, or ``None`` if it may (RFC 7591 §5, RFC 8252 §7, §8.4).

    Args:
        uri: the entry as published.
        allow_dotless_schemes: accept private-use schemes that are not a reversed domain name.
        client_scheme: ``http`` clients may list http redirect URIs on public hosts.
    """
    if malformed := _malformed(uri):
        return malformed
    scheme = uri.partition(":")[0]
    if not _SCHEME.fullmatch(scheme):
        return "relative" if not _SCHEME.fullmatch(scheme.lower()) or ":" not in uri else "bad-scheme"
    if scheme in _REFUSED_SCHEMES:
        return "bad-scheme"
    if scheme in ("http", "https"):
        return _refuse_web(_web(uri), client_scheme)
    if "." not in scheme and not allow_dotless_schemes:
        return "dotless-scheme"
    return None if uri.partition(":")[2] else "relative"


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


def _refuse_web(web: _Web | None, client_scheme: str) -> str | None:
    if web is None:
        return "bad-authority"
    if web.scheme == "http" and not web.is_loopback and client_scheme != "http":
        return "insecure"
    return None


def match_redirect(requested: str, metadata: ClientMetadata) -> str:
    """Return the requested URI if the client may be sent there.

    Documents with a list match by string comparison (CIMD §4.2). The one exception is the port of an http URI on
    the same loopback literal (RFC 8252 §7.3). Clients without a list may be redirected within their own origin
    (IndieAuth §4.2.2), loopback clients within their own loopback host.

    Raises:
        RedirectMismatchError: for everything else; the answer must then stay on the server's own page.
    """
    if requested and requested in metadata.redirect_uris:
        return requested
    reason = refuse_registration(requested, allow_dotless_schemes=True, client_scheme=metadata.identifier.scheme)
    if reason is not None:
        raise RedirectMismatchError("redirect-malformed", metadata.client_id, hint=reason)
    web = _web(requested)
    if web is not None and (_matches_loopback(web, metadata) or _matches_origin(web, metadata)):
        return requested
    raise RedirectMismatchError(
        "redirect-not-listed",
        metadata.client_id,
        hint="list the exact redirect URI in the document; only the port of a loopback URI may differ",
    )


def _matches_loopback(requested: _Web, metadata: ClientMetadata) -> bool:
    if not requested.is_loopback:
        return False
    if metadata.source == "loopback":
        return requested.host.strip("[]") == metadata.identifier.host.lower()
    # RFC 8252 §8.3 advises against the name, RFC 9700 §2.1 names it, and common native apps publish it.
    if requested.host == "localhost" and not metadata.localhost_any_port:
        return False
    listed = (_web(uri) for uri in metadata.redirect_uris)
    return any(
        uri is not None and uri.is_loopback and (uri.host, uri.rest) == (requested.host, requested.rest)
        for uri in listed
    )


def _matches_origin(requested: _Web, metadata: ClientMetadata) -> bool:
    lists_all = metadata.source in ("document", "registered") and metadata.publishes_redirects
    if metadata.is_built_here or lists_all:
        return False
    return requested.origin == origin_of(metadata.identifier)


def origin_of(identifier: ClientIdentifier) -> tuple[str, str, int]:
    """Return scheme, lower-case host and effective port of a client identifier."""
    default = 443 if identifier.scheme == "https" else 80
    host = f"[{identifier.host}]" if ":" in identifier.host else identifier.host.lower()
    return identifier.scheme, host, identifier.port or default


def is_same_origin(uri: str, identifier: ClientIdentifier) -> bool:
    """Say whether a redirect URI has the scheme, host and port of the client identifier."""
    web = _web(uri)
    return web is not None and web.origin == origin_of(identifier)


def redirect_kind(uri: str) -> RedirectKind:
    """Say where a redirect URI leads: to a web host, to this computer, or to an installed app."""
    web = _web(uri)
    if web is None:
        return "private-scheme"
    return "loopback" if web.is_loopback else "web"


def redirect_place(uri: str) -> tuple[str, int | None]:
    """Return the host, without brackets, and the explicit port of a redirect URI; for a private-use one its scheme."""
    web = _web(uri)
    return (uri.partition(":")[0], None) if web is None else (web.host.lower().strip("[]"), web.port)


def redirect_host(uri: str) -> str:
    """Return the host to show for a redirect URI, with its port if it is not the default; or its scheme."""
    web = _web(uri)
    if web is None:
        return uri.partition(":")[0] + ":"
    default = 443 if web.scheme == "https" else 80
    return web.host.lower() if web.port in (None, default) else f"{web.host.lower()}:{web.port}"

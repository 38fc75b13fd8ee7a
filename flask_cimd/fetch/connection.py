"""Connections of urllib3 whose sockets a `Guard` opens.

The subclasses of urllib3's connections replace only the opening of the socket: host name, SNI, ``Host`` and certificate
check use the URL, and the socket uses a vetted address.
"""

from __future__ import annotations

import socket
import ssl
from typing import Any
from urllib.parse import unquote

import certifi
from urllib3.connection import HTTPConnection, HTTPSConnection, ProxyConfig
from urllib3.util import Url, make_headers

from .guard import FetchSettings, Guard, proxy_url
from .response import BoundedResponse


def new_tls_context(ca_bundle: str | None) -> ssl.SSLContext:
    """Return a TLS context with these trust anchors (``None``: certifi); reuse it, because loading takes 25 ms."""
    context = ssl.create_default_context(cafile=ca_bundle or certifi.where())
    # RFC 9110 §4.3.4: the reference identity is matched only against subjectAltName, never against a common name.
    context.hostname_checks_common_name = False
    return context


class _Guarded:
    """Changes to urllib3's behaviour that both connections share.

    Attributes:
        guard: the guard of the current request; set it before using the connection.
    """

    guard: Guard
    response_class: Any = BoundedResponse
    port: int
    _dns_host: str
    _tunnel_host: str | None

    def _new_conn(self) -> socket.socket:
        return self.guard.connect(self._dns_host, self.port)

    def resume(self) -> bool:
        """Pass an open connection to the guard of the next request; return ``False`` if it must not be used again."""
        return self.guard.resume(self.sock, self._dns_host)  # type: ignore[attr-defined]  # the sibling's

    def putrequest(self, method: str, url: str, *args: Any, **kwargs: Any) -> None:  # noqa: ARG002  urllib3's signature
        """Request the path unchanged: urllib3 would normalise its escapes and fetch a URL other than the one shown."""
        super().putrequest(method, self.guard.target, *args, **kwargs)  # type: ignore[misc]  # the sibling's

    def connect(self) -> None:
        """Connect, and set the guard's phase."""
        super().connect()  # type: ignore[misc]  # the sibling's
        self.guard.phase = "response"


class GuardedConnection(_Guarded, HTTPConnection):
    """A connection over plain http whose socket a `Guard` opens."""


class GuardedTLSConnection(_Guarded, HTTPSConnection):
    """A connection over TLS whose socket a `Guard` opens."""

    def _new_conn(self) -> socket.socket:
        connected = super()._new_conn()
        if self._tunnel_host is None:
            self.guard.phase = "tls"
        return connected

    def _tunnel(self) -> None:
        super()._tunnel()
        self.guard.phase = "tls"

    def connect(self) -> None:
        """Connect, record the TLS version and the certificate, and set the guard's phase."""
        super().connect()
        if isinstance(self.sock, ssl.SSLSocket):
            certificate = self.sock.getpeercert() or {}
            self.guard.log.tls = self.sock.version()
            self.guard.log.certificate_ends = str(certificate.get("notAfter", "")) or None


def open_connection(guard: Guard, url: str, context: ssl.SSLContext) -> GuardedConnection | GuardedTLSConnection:
    """Return an unconnected connection for a GET of this URL, directly or through the proxy of the settings.

    Raises:
        FetchError: the URL must not be fetched.
    """
    aimed, proxy = guard.aim(url), _proxy_of(guard.settings)
    at_host, at_port = (proxy.host or "", proxy.port) if proxy else (aimed.host, aimed.effective_port)
    more: dict[str, Any] = {"timeout": guard.remaining(), "proxy": proxy}
    if proxy is not None:
        more["proxy_config"] = ProxyConfig(context, False, None, None)
    connection = (
        GuardedTLSConnection(at_host, at_port, ssl_context=context, cert_reqs="CERT_REQUIRED", **more)
        if "https" in (aimed.scheme, proxy.scheme if proxy else "")
        else GuardedConnection(at_host, at_port, **more)
    )
    connection.guard = guard
    if proxy is not None and aimed.scheme == "https":
        headers, scheme = proxy_headers(guard.settings), proxy.scheme or "http"
        connection.set_tunnel(aimed.host, aimed.effective_port, headers=headers, scheme=scheme)
    return connection


def _proxy_of(settings: FetchSettings) -> Url | None:
    return proxy_url(settings.proxy) if settings.proxy is not None else None


def proxy_headers(settings: FetchSettings) -> dict[str, str]:
    """Return the header fields that authenticate this server to its proxy."""
    proxy = _proxy_of(settings)
    if proxy is None or not proxy.auth:
        return {}
    return dict(make_headers(proxy_basic_auth=unquote(proxy.auth)))

"""Many public hosts at one loopback port: tests of discovery serve URLs, and nothing is looked up in DNS."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from typing import Any

import trustme

from flask_cimd.fetch.fetcher import FetchSettings

from .origin import TLSOrigin


class Hosts(TLSOrigin):
    """Answers by host and path, with certificates for the names it is given.

    Attributes:
        asked: every URL that was asked for, in order.
    """

    def __init__(self, ca: trustme.CA, *names: str) -> None:
        super().__init__(ca, *names)
        self._names = names
        self.asked: list[str] = []

    def fetch_settings(self, ca_bundle: str, **more: Any) -> FetchSettings:
        """Return settings that lead these names here."""
        hosts = dict.fromkeys(self._names, ("127.0.0.1", self.port))
        return FetchSettings(ca_bundle=ca_bundle, development_hosts=hosts, **more)

    def json(self, url: str, *, status: int = 200, headers: Mapping[str, str] | None = None, **members: Any) -> None:
        """Serve a JSON object at a URL."""
        usual = {"Content-Type": "application/json", **(headers or {})}
        self.serve(url, json.dumps(members).encode(), status=status, headers=usual)

    def server(self, issuer: str, /, *, at: str | None = None, **changes: Any) -> dict[str, Any]:
        """Serve an authorization server's metadata where RFC 8414 puts it, or at a URL, and return it."""
        metadata = {
            "issuer": issuer,
            "authorization_endpoint": f"{issuer.rstrip('/')}/authorize",
            "token_endpoint": f"{issuer.rstrip('/')}/token",
            "code_challenge_methods_supported": ["S256"],
            **changes,
        }
        scheme, _, rest = issuer.partition("://")
        host, _, path = rest.rstrip("/").partition("/")
        usual = f"{scheme}://{host}/.well-known/oauth-authorization-server{'/' + path if path else ''}"
        self.json(at or usual, **metadata)
        return metadata

    def page(self, url: str, html: str = "", *, status: int = 200, **headers: str) -> None:
        """Serve a web page; keywords are header fields with underscores for dashes."""
        fields = {"Content-Type": "text/html", **{name.replace("_", "-"): value for name, value in headers.items()}}
        self.serve(url, f"<!doctype html><html>{html}</html>".encode(), status=status, headers=fields)

    def redirect(self, url: str, location: str, status: int = 302) -> None:
        """Redirect a URL."""
        self.serve(url, b"", status=status, headers={"Location": location})

    def _answer(self, connection: socket.socket, head: bytes) -> None:
        lines = head.decode("latin-1").split("\r\n")
        method, path, version = lines[0].split(" ")
        host = next(line.partition(":")[2].strip() for line in lines if line.lower().startswith("host:"))
        url = f"https://{host}{path}"
        self.asked.append(url)
        super()._answer(connection, f"{method} {url} {version}\r\n".encode())

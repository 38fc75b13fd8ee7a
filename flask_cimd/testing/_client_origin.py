"""A client for tests: its metadata document is served on loopback TLS under a throw-away certificate authority."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Self

import pytest
import trustme


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentClient:
    """A client that a test published.

    Attributes:
        client_id: URL of its document.
        redirect_uri: its first redirect URI; nothing listens there.
    """

    client_id: str
    redirect_uri: str


class ClientOrigin:
    """Serves client metadata documents at ``https://localhost:PORT``.

    Args:
        folder: where the certificate of the throw-away authority is written.

    Attributes:
        config: settings that let an app under test fetch from here; hand them to your app factory.
        fetches: paths that were fetched, in order.
    """

    def __init__(self, folder: Path) -> None:
        authority = trustme.CA()
        bundle = folder / "client-ca.pem"
        authority.cert_pem.write_to_path(str(bundle))
        self.config: dict[str, Any] = {"CIMD_ALLOW_LOOPBACK": True, "CIMD_CA_BUNDLE": str(bundle)}
        self.fetches: list[str] = []
        self._documents: dict[str, bytes] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    def publish(self, path: str = "/client.json", **members: Any) -> DocumentClient:
        """Serve a document from now on.

        Args:
            path: its path, such as ``/client.json``.
            members: members of the document (RFC 7591 §2) beside ``client_id``. By default the client may be sent to
                ``http://127.0.0.1:7777/callback`` and may refresh its tokens.
        """
        url = f"https://localhost:{self._server.server_port}{path}"
        usual = {
            "client_id": url,
            "client_name": "Test client",
            "redirect_uris": ["http://127.0.0.1:7777/callback"],
            "grant_types": ["authorization_code", "refresh_token"],
        }
        document = {**usual, **members}
        self._documents[path] = json.dumps(document).encode()
        return DocumentClient(client_id=url, redirect_uri=document["redirect_uris"][0])

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        origin = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                origin.fetches.append(self.path)
                body = origin._documents.get(self.path)
                self.send_response(200 if body is not None else 404)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body or b"")))
                self.end_headers()
                self.wfile.write(body or b"")

            def log_message(self, *_: object) -> None:
                """Print nothing."""

        return Handler


@pytest.fixture
def client_origin(tmp_path: Path) -> Iterator[ClientOrigin]:
    """Run a `ClientOrigin` for one test."""
    with ClientOrigin(tmp_path) as running:
        yield running

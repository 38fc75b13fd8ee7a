"""Lets a `requests` session call a WSGI app in this process, cookies and all, as if it were on the network."""

from __future__ import annotations

import io
from http.client import HTTPMessage
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPHeaderDict, HTTPResponse
from werkzeug.test import EnvironBuilder, run_wsgi_app


class WSGIAdapter(HTTPAdapter):
    """Mount it at an origin: ``session.mount("https://me.example", WSGIAdapter(app))``."""

    def __init__(self, app: Any, *, peer: str = "127.0.0.1") -> None:
        super().__init__()
        self._app = app
        self._peer = peer

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """Run the app on one request."""
        parts = urlsplit(request.url or "")
        body = request.body.encode() if isinstance(request.body, str) else request.body
        builder = EnvironBuilder(
            path=parts.path or "/",
            base_url=f"{parts.scheme}://{parts.netloc}",
            query_string=parts.query,
            method=request.method or "GET",
            headers=list(request.headers.items()),
            input_stream=io.BytesIO(body or b""),
            environ_base={"REMOTE_ADDR": self._peer},
        )
        environ = builder.get_environ()
        # A server passes on the target as it was sent; a client library may have changed it.
        environ["REQUEST_URI"] = environ["RAW_URI"] = parts.path + (f"?{parts.query}" if parts.query else "")
        chunks, status, headers = run_wsgi_app(self._app, environ, buffered=True)
        return self._as_response(request, status, list(headers), b"".join(chunks))

    def _as_response(self, request: Any, status: str, headers: list[tuple[str, str]], body: bytes) -> requests.Response:
        message = HTTPMessage()
        for name, value in headers:
            message.add_header(name, value)
        raw = HTTPResponse(
            body=io.BytesIO(body),
            headers=HTTPHeaderDict(headers),
            status=int(status.partition(" ")[0]),
            reason=status.partition(" ")[2],
            preload_content=False,
            request_method=request.method,
            # The cookie jar reads the headers from here.
            original_response=SimpleNamespace(msg=message, isclosed=lambda: True, close=lambda: None),  # type: ignore[arg-type]  # the part of a response that requests reads
        )
        return self.build_response(request, raw)

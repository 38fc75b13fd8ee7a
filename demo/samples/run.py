"""The servers of the sample apps: four ports, and a certificate authority for this run alone."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import trustme
from flask import Flask
from werkzeug.serving import make_server

from demo.samples import bluesky, indieweb, legacy, mcp_client
from demo.samples.elsewhere import DOCUMENTS_OFFSET, add_home
from flask_cimd.publish import PublishedClient, publish

_ASSISTANT_OFFSET = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One running sample app."""

    name: str
    url: str
    about: str


@contextmanager
def running_samples(
    profile_url: str, port: int, ca_file: Path, *, handle: str, site: str, mcp_url: str | None = None
) -> Iterator[list[Sample]]:
    """Serve the sample apps on the ports after ``port`` and their documents by TLS; write the authority's certificate.

    Args:
        profile_url: the address that the apps sign in with.
        port: of the site.
        ca_file: where the certificate goes, for ``CIMD_CA_BUNDLE``.
        handle: that one of the apps signs in with.
        site: origin that knows the handle.
        mcp_url: of the notes; without it there is no app for them.
    """
    documents = f"https://localhost:{port + DOCUMENTS_OFFSET}"
    first, second, third, assistant = (f"http://127.0.0.1:{port + offset}" for offset in (1, 2, 3, _ASSISTANT_OFFSET))
    page_id = f"{documents}/legacy/"
    pages = _documents(f"{second}/callback")
    add_home(pages, site)
    notebook = _publish(pages, documents, f"{first}/callback", indieweb.NAME, indieweb.MEMBERS)
    servers = [
        (indieweb.create_app(notebook, f"{first}/callback", profile_url), urlsplit(first).port, None),
        (legacy.create_app(page_id, f"{second}/callback", profile_url), urlsplit(second).port, None),
        (bluesky.create_app(f"{third}/callback", handle, site), urlsplit(third).port, None),
        (pages, urlsplit(documents).port, _tls(ca_file)),
    ]
    samples = [
        Sample(name=indieweb.TITLE, url=first, about=indieweb.ABOUT),
        Sample(name=legacy.TITLE, url=second, about=legacy.ABOUT),
        Sample(name=bluesky.TITLE, url=third, about=bluesky.ABOUT),
    ]
    if mcp_url:
        client = _publish(pages, documents, f"{assistant}/callback", mcp_client.NAME, mcp_client.MEMBERS)
        app = mcp_client.create_app(client, f"{assistant}/callback", profile_url, mcp_url)
        servers.append((app, urlsplit(assistant).port, None))
        samples.append(Sample(name=mcp_client.TITLE, url=assistant, about=mcp_client.ABOUT))
    running = []
    try:
        for app, at, context in servers:
            server = make_server("127.0.0.1", at or 0, app, threaded=True, ssl_context=context)
            Thread(target=server.serve_forever, daemon=True).start()
            running.append(server)
        yield samples
    finally:
        for server in running:
            server.shutdown()
            server.server_close()


def _tls(ca_file: Path) -> ssl.SSLContext:
    authority = trustme.CA(organization_name="Sample apps of the demo")
    ca_file.parent.mkdir(exist_ok=True)
    authority.cert_pem.write_to_path(str(ca_file))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "127.0.0.1", "::1").configure_cert(context)
    return context


def _documents(legacy_redirect: str) -> Flask:
    app = Flask("demo_documents", static_folder=None)
    app.config["CIMD_ALLOW_LOOPBACK"] = True

    @app.get("/legacy/")
    def page() -> str:
        return legacy.page(legacy_redirect)

    return app


def _publish(pages: Flask, origin: str, redirect_uri: str, name: str, members: Mapping[str, Any]) -> PublishedClient:
    return publish(
        pages,
        f"/{name}/client.json",
        origin=origin,
        redirect_uris=[redirect_uri],
        client_uri=f"{origin}/{name}/",
        allow_loopback=True,
        **members,
    )

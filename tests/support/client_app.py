"""A Flask app that is a client, beside a demo that it signs in at: each an https origin of its own, in this process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import trustme
from flask import Flask
from werkzeug.serving import make_server

from flask_cimd import CIMD
from flask_cimd.publish.client import PublishedClient
from flask_cimd.publish.key_file import KeyFile
from flask_cimd_site import create_app
from flask_cimd_site.models import db

from .browser import Browser
from .clock import Clock
from .demo import free_ports
from .origin import server_context


@contextmanager
def serving(app: Flask, ca: trustme.CA, port: int) -> Iterator[None]:
    """Serve an app by TLS at localhost."""
    server = make_server("127.0.0.1", port, app, threaded=True, ssl_context=server_context(ca, "localhost"))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Pair:
    """A client app and a demo.

    Attributes:
        issuer: of the demo.
        origin: of the client app.
        owner: the demo's owner in a browser, logged in.
        keys: an empty key file for `publish`.
    """

    def __init__(self, stack: ExitStack, ca: trustme.CA, ca_bundle: Path, folder: Path, clock: Clock) -> None:
        port = free_ports((0, 1))
        self.issuer, self.origin = f"https://localhost:{port}", f"https://localhost:{port + 1}"
        server = create_app(
            {
                "DEMO_DEVELOPMENT": "1",
                "DEMO_BASE_URL": self.issuer,
                "DEMO_DATABASE_URL": f"sqlite:///{folder}/demo.db",
                "CIMD_CA_BUNDLE": str(ca_bundle),
            },
            clock=clock,
        )
        self.app = Flask("client", instance_path=str(folder / "instance"))
        self.app.secret_key = "client"
        self.app.config.update(CIMD_ALLOW_LOOPBACK=True, CIMD_CA_BUNDLE=str(ca_bundle))
        self.keys = KeyFile(folder / "keys.json", clock=clock)
        stack.enter_context(serving(server, ca, port))
        stack.enter_context(serving(self.app, ca, port + 1))
        self.owner = Browser(self.issuer)
        self.owner.session.verify = str(ca_bundle)
        self.owner.log_in()
        self.ca_bundle, self.clock = ca_bundle, clock
        stack.callback(_close, server)

    def publish(self, path: str, **options: Any) -> PublishedClient:
        """Publish a client of the app."""
        usual = {"origin": self.origin, "redirect_uris": [f"{self.origin}/callback"], "client_name": "App"}
        return CIMD().publish_client(self.app, path, allow_loopback=True, **{**usual, **options})

    def session(self, client: PublishedClient, **more: Any) -> Any:
        """Return a session at the demo, by its issuer."""
        return client.session(client.discover(self.issuer), **{"scope": "profile", "clock": self.clock, **more})

    def approve(self, url: str) -> str:
        """Open an authorization URL as the owner, approve, and return where the browser is sent."""
        return self.decide(url, "Approve")

    def decide(self, url: str, button: str) -> str:
        """Press a button of the consent page, and return where the browser is sent."""
        page = self.owner.get(url.removeprefix(self.issuer))
        return str(self.owner.press(page, button).headers["Location"])

    def sign_in(self, client: PublishedClient, **more: Any) -> Any:
        """Return a session that holds a token."""
        session = self.session(client, **more)
        url, remembered = session.begin()
        session.finish(remembered, self.approve(url))
        return session


def _close(app: Flask) -> None:
    with app.app_context():
        db.session.remove()
        db.engine.dispose()

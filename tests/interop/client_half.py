"""Our own client for servers of other people: an app that publishes its document by TLS on this computer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme
from flask import Flask

from flask_cimd.publish import PublishedClient, publish
from tests.support.client_app import serving
from tests.support.demo import free_ports

#: Runs a test with a client that keeps to the simplest requests, one that pushes them, and one that binds its tokens.
in_each_mode = pytest.mark.parametrize(
    "members",
    [
        {},
        {"require_pushed_authorization_requests": True},
        {"require_pushed_authorization_requests": True, "dpop_bound_access_tokens": True, "keys": True},
    ],
    ids=["plain", "pushed", "bound"],
)


@contextmanager
def client_app(ca: trustme.CA, ca_bundle: Path, folder: Path, **members: Any) -> Iterator[PublishedClient]:
    """Serve an app's document and keys while the block lasts."""
    port = free_ports()
    app = Flask("client", instance_path=str(folder / "instance"))
    app.config.update(CIMD_ALLOW_LOOPBACK=True, CIMD_CA_BUNDLE=str(ca_bundle))
    origin = f"https://localhost:{port}"
    usual = {"client_name": "App", "client_uri": f"{origin}/", "redirect_uris": [f"{origin}/callback"]}
    client = publish(app, "/client.json", origin=origin, allow_loopback=True, **{**usual, **members})
    with serving(app, ca, port):
        yield client


def certificate(ca: trustme.CA, folder: Path) -> Path:
    """Write key and certificate for ``localhost`` into one file, and return it."""
    path = folder / "localhost.pem"
    ca.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(path))
    return path

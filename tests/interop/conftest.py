"""Running demos for real clients."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from tests.support.demo import RunningDemo, running_demo
from tests.support.mcp import RunningNotes, running_notes, running_tls_notes
from tests.support.origin import TLSOrigin, publish_document, server_context


@pytest.fixture(scope="session")
def legacy_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDemo]:
    """Run a demo that lets clients of IndieAuth's first years in."""
    with running_demo(tmp_path_factory.mktemp("legacy"), DEMO_LEGACY_CLIENTS="1") as demo:
        yield demo


@pytest.fixture(scope="session", params=["http", "https"])
def notes(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, ca: trustme.CA, ca_bundle: Path
) -> Iterator[RunningNotes]:
    """Run the notes on plain loopback, then by TLS under a private authority."""
    folder, trusted = tmp_path_factory.mktemp("notes"), {"CIMD_CA_BUNDLE": str(ca_bundle)}
    plain = request.param == "http"
    with (
        running_notes(folder, **trusted)
        if plain
        else running_tls_notes(folder, server_context(ca, "localhost"), **trusted)
    ) as running:
        yield running


@pytest.fixture(scope="session")
def client_id(ca: trustme.CA) -> Iterator[str]:
    """Publish a document without a port in its redirect URI, as command line clients do."""
    with TLSOrigin(ca) as origin:
        yield publish_document(
            origin,
            redirect_uris=["http://localhost/callback", "http://127.0.0.1/callback"],
            grant_types=["authorization_code", "refresh_token"],
        )

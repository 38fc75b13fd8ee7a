"""Key sets whose host is down, gone or broken: how long a copy stands in, and who is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from flask_cimd import ClientMetadata, DocumentError, FetchError, GoneError, signals
from flask_cimd.clients import ClientResolver, MemoryStore, Settings
from flask_cimd.clients.keys import ClientKeys
from flask_cimd.clients.parts import ClientParts, assemble
from tests.support.clock import Clock
from tests.support.keys import KeyHolder
from tests.support.origin import TLSOrigin, publish_document

JSON = {"Content-Type": "application/json"}


class Signals:
    """Hears what the parts tell."""

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []

    def __call__(self, signal: Any, **values: Any) -> None:
        if signal is signals.fetch_failed:
            self.heard.append({name: values[name] for name in ("slug", "host", "phase")})


@pytest.fixture
def told() -> Signals:
    return Signals()


@pytest.fixture
def parts(ca_bundle: Path, clock: Clock, told: Signals) -> ClientParts:
    settings = Settings.from_config(
        {
            "CIMD_ALLOW_LOOPBACK": True,
            "CIMD_CA_BUNDLE": str(ca_bundle),
            "CIMD_AUTH_METHODS": ("none", "private_key_jwt"),
            "CIMD_STALE_MAX": 30,
        }
    )
    return assemble(settings, MemoryStore(), clock=clock, notify=told)


@pytest.fixture
def client(parts: ClientParts, origin: TLSOrigin, clock: Clock) -> ClientMetadata:
    """Return a client whose key set was served for a minute."""
    body = json.dumps({"keys": [KeyHolder("", clock).jwk]}).encode()
    uri = origin.serve("/jwks.json", body, headers={**JSON, "Cache-Control": "max-age=60"})
    url = publish_document(origin, token_endpoint_auth_method="private_key_jwt", jwks_uri=uri)
    return ClientResolver(parts.settings, parts=parts).resolve(url)


def test_keys_are_found_without_a_name(parts: ClientParts, client: ClientMetadata, origin: TLSOrigin) -> None:
    keys = ClientKeys(parts)
    for _ in range(2):
        assert [key["kid"] for key in keys.find(client)] == ["one"]
    assert origin.count("/jwks.json") == 1


def test_a_copy_within_its_pause_ends_with_its_last_use(
    parts: ClientParts, client: ClientMetadata, origin: TLSOrigin, clock: Clock
) -> None:
    keys = ClientKeys(parts)
    keys.find(client)
    origin.serve("/jwks.json", b"down", status=503)
    clock.forward(seconds=80)
    assert keys.find(client)
    clock.forward(seconds=9)
    assert keys.find(client)
    clock.forward(seconds=1)
    with pytest.raises(FetchError):
        keys.find(client)


def test_a_key_set_that_was_gone_serves_no_copy_later(
    parts: ClientParts, client: ClientMetadata, origin: TLSOrigin, clock: Clock
) -> None:
    keys = ClientKeys(parts)
    keys.find(client)
    clock.forward(seconds=61)
    origin.serve("/jwks.json", b"gone", status=410)
    with pytest.raises(GoneError):
        keys.find(client)
    origin.serve("/jwks.json", b"down", status=503)
    with pytest.raises(FetchError) as failed:
        keys.find(client)
    assert failed.value.slug == "status"


def test_a_broken_key_set_leaves_the_copy_in_use_for_its_time(
    parts: ClientParts, client: ClientMetadata, origin: TLSOrigin, clock: Clock
) -> None:
    keys = ClientKeys(parts)
    keys.find(client)
    origin.serve("/jwks.json", b"{}", headers=JSON)
    clock.forward(seconds=61)
    assert keys.find(client)
    clock.forward(seconds=30)
    with pytest.raises(DocumentError):
        keys.find(client)


def test_a_failed_fetch_of_keys_is_told_with_their_host(
    parts: ClientParts, client: ClientMetadata, origin: TLSOrigin, told: Signals
) -> None:
    origin.serve("/jwks.json", b"down", status=503)
    with pytest.raises(FetchError):
        ClientKeys(parts).find(client)
    assert told.heard == [{"slug": "status", "host": f"localhost:{origin.port}", "phase": "response"}]


def test_a_failed_fetch_of_a_document_is_told_with_its_host(
    parts: ClientParts, origin: TLSOrigin, told: Signals
) -> None:
    url = origin.serve("/down.json", b"down", status=503)
    with pytest.raises(FetchError):
        ClientResolver(parts.settings, parts=parts).resolve(url)
    assert told.heard == [{"slug": "status", "host": f"localhost:{origin.port}", "phase": "response"}]

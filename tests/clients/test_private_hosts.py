"""Client hosts inside the operator's network: reached for their own documents, and for nobody else's."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from flask import Flask

from flask_cimd import CIMD
from flask_cimd.errors import AddressBlockedError
from tests.support.clock import Clock
from tests.support.keys import KeyHolder, name_leads_to
from tests.support.origin import TLSOrigin, own_private_address, publish_document
from tests.support.proves import proves

INSIDE = "app.corp.example"
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def inside(ca: trustme.CA, monkeypatch: pytest.MonkeyPatch) -> Iterator[TLSOrigin]:
    """Run ``app.corp.example`` at an address of this computer that is not public."""
    address = own_private_address()
    name_leads_to(monkeypatch, INSIDE, address)
    with TLSOrigin(ca, INSIDE, address=address) as running:
        yield running


@pytest.fixture
def cimd(make_app: Callable[..., tuple[Flask, CIMD]]) -> Iterator[CIMD]:
    """Yield the extension of an app that lets ``app.corp.example`` lie inside."""
    app, made = make_app(
        CIMD_PRIVATE_HOSTS={INSIDE: own_private_address()}, CIMD_AUTH_METHODS="none,private_key_jwt", CIMD_LOGOS=True
    )
    with app.test_request_context():
        yield made


def address_of(inside: TLSOrigin, path: str) -> str:
    return f"https://{INSIDE}:{inside.port}{path}"


def publish(inside: TLSOrigin, **members: Any) -> str:
    url = address_of(inside, "/client.json")
    document = {"client_id": url, "redirect_uris": [address_of(inside, "/cb")], **members}
    inside.serve("/client.json", json.dumps(document).encode(), headers=JSON)
    return url


def with_keys(inside: TLSOrigin) -> dict[str, Any]:
    """Serve a key set inside, and return the members of a document that names it."""
    inside.serve("/jwks.json", json.dumps(KeyHolder("", Clock()).jwks).encode(), headers=JSON)
    uri = address_of(inside, "/jwks.json")
    return {"jwks_uri": uri, "token_endpoint_auth_method": "private_key_jwt", "logo_uri": address_of(inside, "/logo")}


def test_its_own_document_and_key_set_are_read(inside: TLSOrigin, cimd: CIMD) -> None:
    client = cimd.resolve(publish(inside, **with_keys(inside)))
    assert client.client_id == address_of(inside, "/client.json")
    assert [key["kid"] for key in cimd.client_keys.find(client, "one")] == ["one"]
    cimd.logo_url(client)
    assert (inside.count("/jwks.json"), inside.count("/logo")) == (1, 1)


@proves("C-89")
def test_a_strangers_document_leads_nowhere_inside(inside: TLSOrigin, origin: TLSOrigin, cimd: CIMD) -> None:
    client = cimd.resolve(publish_document(origin, **with_keys(inside)))
    with pytest.raises(AddressBlockedError) as caught:
        cimd.client_keys.find(client, "one")
    assert caught.value.slug == "address-blocked"
    assert cimd.logo_url(client) is None
    assert inside.connections == 0


@proves("C-88")
def test_without_the_setting_nothing_inside_is_read(inside: TLSOrigin, ca_bundle: Path, make_app: Any) -> None:
    app, plain = make_app(CIMD_PRIVATE_HOSTS={f"other.{INSIDE}": own_private_address()})
    with app.app_context(), pytest.raises(AddressBlockedError):
        plain.resolve(publish(inside))
    assert inside.connections == 0

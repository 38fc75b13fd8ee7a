"""Registered clients and resource servers in the storage: when they end, and that issuers do not meet."""

from __future__ import annotations

import secrets
from typing import Any

import pytest
from flask_sqlalchemy import SQLAlchemy

from flask_cimd.oauth import Registration, ResourceServer
from flask_cimd.provider import SQLAlchemyStorage
from flask_cimd.provider._registrations import IDLE, MOST_UNUSED, MOST_UNUSED_OF_NETWORK, UNUSED
from flask_cimd.testing._steps import DAY, MINUTE, NOW, SECOND, make_code, make_grant, make_tokens

NETWORK = "192.0.2.0/24"


@pytest.fixture
def other(db: SQLAlchemy, storage: SQLAlchemyStorage) -> SQLAlchemyStorage:
    """Return the storage of another issuer in the same database."""
    return SQLAlchemyStorage(db, issuer="https://other.example")


def make(**changes: Any) -> Registration:
    values = {"client_id": secrets.token_hex(16), "members": '{"client_name": "App"}', "created_at": NOW}
    return Registration(**(values | changes))


def approve(storage: SQLAlchemyStorage, registration: Registration, at: Any) -> tuple[str, Any]:
    code = make_code(expires_at=at + MINUTE)
    assert storage.add_code(make_grant(client_id=registration.client_id, created_at=at), code)
    tokens = make_tokens(at)
    assert storage.redeem_code(code.digest, tokens, at)
    return tokens[1].digest, tokens


def test_a_registration_comes_back_until_it_is_removed(storage: SQLAlchemyStorage) -> None:
    app = make()
    assert storage.add(app, NOW)
    assert storage.find(app.client_id, NOW) == app
    assert storage.registrations(NOW) == [app]
    assert storage.remove(app.client_id)
    assert not storage.remove(app.client_id)
    assert storage.find(app.client_id, NOW) is None


def test_an_unapproved_registration_ends_after_a_day(storage: SQLAlchemyStorage) -> None:
    app = make()
    storage.add(app, NOW)
    assert UNUSED == DAY
    assert storage.find(app.client_id, NOW + DAY - SECOND) == app
    assert storage.find(app.client_id, NOW + DAY) is None
    assert storage.registrations(NOW + DAY) == []


def test_an_approved_registration_ends_when_it_is_idle_for_ninety_days(storage: SQLAlchemyStorage) -> None:
    app, at = make(), NOW + MINUTE
    storage.add(app, NOW)
    approve(storage, app, at)
    assert IDLE == 90 * DAY
    assert storage.find(app.client_id, at + IDLE - SECOND) == app
    assert storage.find(app.client_id, at + IDLE) is None


def test_a_renewal_of_access_is_a_use(storage: SQLAlchemyStorage) -> None:
    app, later = make(), NOW + 60 * DAY
    storage.add(app, NOW)
    refresh, _ = approve(storage, app, NOW)
    assert storage.rotate(refresh, make_tokens(later), later, make_grant(client_id=app.client_id))
    assert storage.find(app.client_id, later + IDLE - SECOND) == app


def test_an_approval_of_a_client_with_a_document_registers_nothing(storage: SQLAlchemyStorage) -> None:
    app = make()
    approve(storage, app, NOW)
    assert storage.find(app.client_id, NOW) is None


def test_one_network_keeps_its_twenty_newest_unapproved_registrations(storage: SQLAlchemyStorage) -> None:
    elsewhere = make()
    storage.add(elsewhere, NOW, "198.51.100.0/24")
    apps = [make(created_at=NOW + number * SECOND) for number in range(MOST_UNUSED_OF_NETWORK + 1)]
    approved, *rest = apps
    storage.add(approved, NOW, NETWORK)
    approve(storage, approved, NOW)
    late = make(created_at=NOW + MINUTE)
    for app in (*rest, late):
        storage.add(app, NOW, NETWORK)
    assert MOST_UNUSED_OF_NETWORK == 20
    gone = [app for app in (*apps, late, elsewhere) if storage.find(app.client_id, NOW) is None]
    assert gone == [rest[0]]


def test_all_networks_together_keep_the_newest_two_hundred(storage: SQLAlchemyStorage) -> None:
    apps = [make(created_at=NOW + number * SECOND) for number in range(MOST_UNUSED + 1)]
    for app in apps:
        storage.add(app, NOW)
    assert MOST_UNUSED == 200
    assert [app for app in apps if storage.find(app.client_id, NOW) is None] == [apps[0]]


def test_registrations_of_two_issuers_do_not_meet(storage: SQLAlchemyStorage, other: SQLAlchemyStorage) -> None:
    app = make()
    storage.add(app, NOW)
    assert other.find(app.client_id, NOW) is None
    assert other.registrations(NOW) == []
    assert not other.remove(app.client_id)
    assert storage.find(app.client_id, NOW) == app


def test_resource_servers_of_two_issuers_do_not_meet(storage: SQLAlchemyStorage, other: SQLAlchemyStorage) -> None:
    server, _ = ResourceServer.create("https://api.example/")
    storage.add_resource_server(server, "API", NOW)
    assert storage.find_resource_server(server.id) == server
    assert storage.resource_servers() == [("API", server)]
    assert other.find_resource_server(server.id) is None
    assert other.resource_servers() == []
    assert not other.remove_resource_server(server.id)
    assert storage.remove_resource_server(server.id)
    assert storage.find_resource_server(server.id) is None


@pytest.mark.parametrize("text", ["\0", "a\ud800"])
def test_odd_texts_name_nothing(storage: SQLAlchemyStorage, text: str) -> None:
    assert storage.find(text, NOW) is None
    assert not storage.remove(text)
    assert storage.find_resource_server(text) is None
    assert not storage.remove_resource_server(text)

"""One suite that every store passes."""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy
from flask import Flask
from redis import Redis

from flask_cimd import CIMD, ConfigurationError
from flask_cimd.stores import ClientStore, MemoryStore
from flask_cimd.stores.redis import RedisStore
from flask_cimd.stores.sqlalchemy import SQLAlchemyStore
from flask_cimd.stores.sqlalchemy_shared import PRUNE_EVERY
from flask_cimd.testing import ClientStoreContract, SharedStoreContract
from flask_cimd.testing._store_contract import identifier, make_entry
from tests.support.origin import TLSOrigin, publish_document
from tests.support.proves import proves
from tests.support.stores import SHARED, opened_database, opened_store


class TestMemoryStore(ClientStoreContract):
    @pytest.fixture
    def store(self) -> ClientStore:
        return MemoryStore(self.SIZE)


class TestSharedStores(SharedStoreContract):
    @pytest.fixture(params=SHARED)
    def store(self, request: pytest.FixtureRequest) -> Iterator[ClientStore]:
        with opened_store(request.param, request, size=self.SIZE) as store:
            yield store

    @proves("C-12", "C-65")
    def test_identifiers_that_differ_by_one_character_are_different_clients(self, store: ClientStore) -> None:
        super().test_identifiers_that_differ_by_one_character_are_different_clients(store)

    @proves("L-16")
    @pytest.mark.parametrize("raw", ["https://app.example/a..b", "https://app.example/%252e%252e/x"])
    def test_awkward_identifiers_are_only_keys(self, store: ClientStore, raw: str) -> None:
        super().test_awkward_identifiers_are_only_keys(store, raw)

    @proves("C-65", "L-28")
    def test_the_number_of_entries_is_bounded(self, store: ClientStore) -> None:
        super().test_the_number_of_entries_is_bounded(store)


@pytest.mark.parametrize("kind", SHARED)
def test_a_stored_client_is_parsed_once_while_it_stays_the_same(kind: str, request: pytest.FixtureRequest) -> None:
    with opened_store(kind, request) as store:
        store.put(make_entry(name="Before"))
        first, again = (store.get(identifier()) for _ in range(2))
        store.put(make_entry(name="After"))
        changed = store.get(identifier())
    assert first is not None
    assert again is not None
    assert changed is not None
    assert (first.metadata is again.metadata, changed.metadata.client_name) == (True, "After")


def test_a_sqlalchemy_store_looks_at_its_bound_as_often_as_the_contract_allows() -> None:
    assert ClientStoreContract.SLACK >= PRUNE_EVERY


@proves("C-64", "L-29")
def test_redis_drops_an_entry_by_itself_a_bounded_time_past_its_lifetime(private_redis: tuple[Redis, str]) -> None:
    client, prefix = private_redis
    RedisStore(client, prefix=prefix, kept_past_expiry=timedelta(hours=1)).put(make_entry(minutes=60))
    (key,) = client.scan_iter(f"{prefix}client:*")
    assert 7190 < client.ttl(key) <= 7200


@proves("L-16")
def test_redis_keeps_json_under_hashed_keys(private_redis: tuple[Redis, str]) -> None:
    client, prefix = private_redis
    RedisStore(client, prefix=prefix).put(make_entry("https://app.example/a b".replace(" ", "%20")))
    (key,) = client.scan_iter(f"{prefix}client:*")
    assert re.fullmatch(rb"[0-9a-f]{64}", key.removeprefix(f"{prefix}client:".encode()))
    assert json.loads(json.loads(client.get(key))["metadata"])["client_name"] == "App"
    client.set(key, b"\x80\x04N.")  # not JSON: a miss, whatever it is
    assert RedisStore(client, prefix=prefix).get(identifier("https://app.example/a%20b")) is None


def test_a_row_of_another_version_is_a_miss(tmp_path: Path) -> None:
    with opened_database(f"sqlite:///{tmp_path}/s.db") as db:
        store = SQLAlchemyStore(db)
        db.create_all()
        store.put(make_entry())
        for text in ('{"unknown": 1}', "[]", "not json", '{"localized": 3}', "null"):
            with db.engine.begin() as connection:
                connection.execute(sqlalchemy.text("UPDATE cimd_client SET metadata = :text"), {"text": text})
            assert store.get(identifier()) is None


def test_two_apps_share_what_one_of_them_fetched_by_naming_redis(
    private_redis: tuple[Redis, str], origin: TLSOrigin, ca_bundle: Path
) -> None:
    url = publish_document(origin)

    def app() -> tuple[Flask, CIMD]:
        made = Flask("app")
        made.config.update(
            CIMD_STORE="redis://127.0.0.1:6379/0",
            CIMD_ALLOW_LOOPBACK=True,
            CIMD_CA_BUNDLE=str(ca_bundle),
        )
        return made, CIMD(made)

    for made, cimd in (app(), app()):
        with made.app_context():
            assert cimd.resolve(url).client_name == "App"
    assert len(origin.requests) == 1
    with made.app_context():
        cimd.store.delete(url)


@pytest.mark.parametrize("url", ["redis", "", "127.0.0.1:6379", "https://127.0.0.1/", "redis://127.0.0.1:port/"])
def test_a_redis_store_without_a_usable_address_stops_the_start(url: str) -> None:
    app = Flask("app")
    app.config.update(CIMD_STORE=url)
    with pytest.raises(ConfigurationError, match=r"^CIMD_STORE"):
        CIMD(app)

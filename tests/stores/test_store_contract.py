"""One suite that every store passes."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy
from flask import Flask
from redis import Redis

from flask_cimd import CIMD, ConfigurationError
from flask_cimd.core.identifier import ClientIdentifier, IdentifierRules, parse_identifier
from flask_cimd.core.metadata import ClientMetadata
from flask_cimd.stores import ClientStore, Entry
from flask_cimd.stores.redis import RedisStore
from flask_cimd.stores.sqlalchemy import SQLAlchemyStore
from flask_cimd.stores.sqlalchemy_shared import PRUNE_EVERY
from tests.support.origin import TLSOrigin, publish_document
from tests.support.proves import proves
from tests.support.stores import SHARED, opened_database, opened_store

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def identifier(raw: str = "https://app.example/client.json") -> ClientIdentifier:
    return parse_identifier(raw, IdentifierRules())


def entry(raw: str = "https://app.example/client.json", name: str | None = "App", minutes: int = 60) -> Entry:
    metadata = ClientMetadata(
        identifier=identifier(raw),
        source="document",
        client_name=name,
        redirect_uris=("https://app.example/cb", "http://127.0.0.1/cb"),
        scope="profile",
        localized=(("client_name#fr", "Appli"),),
        kept='{"contacts":["me@app.example"]}',
    )
    return Entry(metadata=metadata, fetched_at=NOW, expires_at=NOW + timedelta(minutes=minutes))


@pytest.fixture(params=["memory", *SHARED])
def store(request: pytest.FixtureRequest) -> Iterator[ClientStore]:
    with opened_store(request.param, request) as store:
        yield store


def test_an_unknown_client_is_a_miss(store: ClientStore) -> None:
    assert store.get(identifier()) is None
    assert len(store) == 0


def test_an_entry_comes_back_as_it_was_put(store: ClientStore) -> None:
    store.put(entry())
    assert store.get(identifier()) == entry()


def test_a_later_entry_replaces_the_earlier_one(store: ClientStore) -> None:
    store.put(entry(name="Before"))
    store.put(entry(name="After"))
    found = store.get(identifier())
    assert found is not None
    assert found.metadata.client_name == "After"
    assert len(store) == 1


@proves("C-12", "C-65")
def test_identifiers_that_differ_by_one_character_are_different_clients(store: ClientStore) -> None:
    spellings = [
        "https://app.example/c",
        "https://app.example:443/c",
        "https://APP.example/c",
        "https://app.example/c/",
        "https://app.example/%63",
    ]
    for number, raw in enumerate(spellings):
        store.put(entry(raw, name=str(number)))
    for number, raw in enumerate(spellings):
        found = store.get(identifier(raw))
        assert found is not None
        assert found.metadata.client_name == str(number)
    assert sorted(store) == sorted(spellings)


@proves("L-16")
@pytest.mark.parametrize(
    "raw",
    ["https://app.example/a..b", "https://app.example/%252e%252e/x", "https://app.example/" + "x" * 2028],
    ids=["dots", "percent", "2048-characters"],
)
def test_awkward_identifiers_are_only_keys(store: ClientStore, raw: str) -> None:
    store.put(entry(raw))
    assert store.get(identifier(raw)) == entry(raw)
    assert list(store) == [raw]


def test_a_deleted_entry_is_gone_and_deleting_twice_is_fine(store: ClientStore) -> None:
    store.put(entry())
    store.delete("https://app.example/client.json")
    store.delete("https://app.example/client.json")
    assert store.get(identifier()) is None


def test_an_expired_entry_is_still_returned_and_says_so(store: ClientStore) -> None:
    store.put(entry(minutes=1))
    found = store.get(identifier())
    assert found is not None
    assert found.is_fresh(NOW + timedelta(seconds=59))
    assert not found.is_fresh(NOW + timedelta(seconds=60))


def test_text_outside_ascii_survives(store: ClientStore) -> None:
    store.put(entry(name="Καφές ☕ 𝄞"))
    found = store.get(identifier())
    assert found is not None
    assert found.metadata.client_name == "Καφές ☕ 𝄞"


@proves("C-65", "L-28")
def test_the_number_of_entries_is_bounded(store: ClientStore) -> None:
    # 10,000 URLs of one host do not fill the table
    for number in range(4 * PRUNE_EVERY):
        store.put(entry(f"https://app.example/{number}", minutes=number))
    assert len(store) <= 100 + PRUNE_EVERY
    assert store.get(identifier(f"https://app.example/{4 * PRUNE_EVERY - 1}")) is not None


@proves("C-64", "L-29")
def test_redis_drops_an_entry_by_itself_a_bounded_time_past_its_lifetime(private_redis: tuple[Redis, str]) -> None:
    client, prefix = private_redis
    RedisStore(client, prefix=prefix, kept_past_expiry=timedelta(hours=1)).put(entry(minutes=60))
    (key,) = client.scan_iter(f"{prefix}client:*")
    assert 7190 < client.ttl(key) <= 7200


@proves("L-16")
def test_redis_keeps_json_under_hashed_keys(private_redis: tuple[Redis, str]) -> None:
    client, prefix = private_redis
    RedisStore(client, prefix=prefix).put(entry("https://app.example/a b".replace(" ", "%20")))
    (key,) = client.scan_iter(f"{prefix}client:*")
    assert re.fullmatch(rb"[0-9a-f]{64}", key.removeprefix(f"{prefix}client:".encode()))
    assert json.loads(json.loads(client.get(key))["metadata"])["client_name"] == "App"
    client.set(key, b"\x80\x04N.")  # not JSON: a miss, whatever it is
    assert RedisStore(client, prefix=prefix).get(identifier("https://app.example/a%20b")) is None


def test_a_row_of_another_version_is_a_miss(tmp_path: Path) -> None:
    with opened_database(f"sqlite:///{tmp_path}/s.db") as db:
        store = SQLAlchemyStore(db)
        db.create_all()
        store.put(entry())
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

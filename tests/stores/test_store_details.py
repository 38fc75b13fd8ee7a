"""What the contract leaves to each store: order of eviction, races of two writers, expiry, and unreadable values."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from redis import Redis
from sqlalchemy import Table, event, func, select

from flask_cimd import CIMD, ClientMetadata, ConfigurationError
from flask_cimd.core.identifier import IdentifierRules, parse_identifier
from flask_cimd.stores import ClientCache, Entry, Fetched, MemoryFetchedStore, MemoryStore, StoreError
from flask_cimd.stores.port import key_of
from flask_cimd.stores.redis import RedisStore, connect
from flask_cimd.stores.sqlalchemy import SQLAlchemyStore, client_table
from flask_cimd.stores.sqlalchemy_shared import FORGET_EVERY, fetched_table, lease_table
from tests.support.databases import private_schema
from tests.support.stores import opened_database

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
KEYS = ("a" * 64, "b" * 64, "c" * 64)


def make(name: str = "c", *, at: datetime = NOW, lasts: timedelta = 60 * MINUTE, rules: str = "") -> Entry:
    identifier = parse_identifier(f"https://app.example/{name}", IdentifierRules())
    metadata = ClientMetadata(identifier=identifier, source="document", rules=rules)
    return Entry(metadata=metadata, fetched_at=at, expires_at=at + lasts)


def names(store: Any) -> list[str]:
    return [client_id.rpartition("/")[2] for client_id in store]


# -- cache --------------------------------------------------------------------------------------------------------


def test_an_entry_that_no_rules_validated_is_good_under_any() -> None:
    store, entry = MemoryStore(), make()
    store.put(entry)
    assert ClientCache(store, rules="mine").get(entry.metadata.identifier) == entry


def test_key_sets_are_shared_where_the_store_shares_them() -> None:
    store = MemoryStore()
    store.fetched = MemoryFetchedStore(10)
    ClientCache(store, rules="").fetched(1).put(KEYS[0], Fetched(b"x", NOW), NOW)
    assert ClientCache(store, rules="").fetched(1).get(KEYS[0]) == Fetched(b"x", NOW)


# -- memory -------------------------------------------------------------------------------------------------------


def test_the_least_recently_used_client_is_dropped() -> None:
    store = MemoryStore(2)
    for name in ("one", "two"):
        store.put(make(name))
    store.get(make("one").metadata.identifier)
    store.put(make("three"))
    assert names(store) == ["one", "three"]
    store.put(make("one"))
    store.put(make("four"))
    assert names(store) == ["one", "four"]


def test_clients_in_memory_are_bounded_in_bytes() -> None:
    size = len(make("0").metadata.to_json())
    store = MemoryStore(100, max_bytes=3 * size)
    for name in ("0", "1", "1", "2"):
        store.put(make(name))
    assert names(store) == ["0", "1", "2"]
    store.delete(make("1").metadata.client_id)
    store.delete(make("1").metadata.client_id)
    store.put(make("3"))
    assert names(store) == ["0", "2", "3"]
    store.put(make("4"))
    assert names(store) == ["2", "3", "4"]


def test_key_sets_in_memory_are_bounded_in_bytes() -> None:
    store = MemoryFetchedStore(100, max_bytes=3)
    for key in (KEYS[0], KEYS[1], KEYS[1]):
        store.put(key, Fetched(b"x", NOW), NOW)
    assert [store.get(key) is not None for key in KEYS] == [True, True, False]
    store.put(KEYS[2], Fetched(b"xx", NOW), NOW)
    assert [store.get(key) is not None for key in KEYS] == [False, True, True]


def test_the_least_recently_written_key_set_is_dropped() -> None:
    store = MemoryFetchedStore(2)
    for key in (KEYS[0], KEYS[1], KEYS[0], KEYS[2]):
        store.put(key, Fetched(b"x", NOW), NOW)
    assert [store.get(key) is not None for key in KEYS] == [True, False, True]


# -- redis --------------------------------------------------------------------------------------------------------


def test_a_redis_that_hangs_is_left_after_two_seconds() -> None:
    given = connect("redis://127.0.0.1:6379/0").connection_pool.connection_kwargs
    assert (given["socket_timeout"], given["socket_connect_timeout"]) == (2, 2)


def test_an_error_names_its_kind_and_no_address() -> None:
    with pytest.raises(StoreError) as failed:
        RedisStore(connect("redis://127.0.0.1:1/0")).get(make().metadata.identifier)
    assert failed.value.args == ("ConnectionError",)


def test_names_of_expired_clients_leave_the_index(private_redis: tuple[Redis, str]) -> None:
    client, prefix = private_redis
    store = RedisStore(client, prefix=prefix, kept_past_expiry=MINUTE)
    store.put(make("old", at=NOW - timedelta(days=3)))
    store.put(make("new"))
    assert names(store) == ["new"]


def test_the_name_of_a_deleted_client_leaves_the_index(private_redis: tuple[Redis, str]) -> None:
    client, prefix = private_redis
    store = RedisStore(client, prefix=prefix)
    store.put(make())
    store.delete(make().metadata.client_id)
    assert (names(store), len(store)) == ([], 0)


def test_what_exceeds_the_bound_is_deleted_and_not_only_forgotten(private_redis: tuple[Redis, str]) -> None:
    client, prefix = private_redis
    store = RedisStore(client, prefix=prefix, size=2)
    for name, minutes in (("late", 60), ("soon", 5), ("latest", 90)):
        store.put(make(name, lasts=minutes * MINUTE))
    assert names(store) == ["late", "latest"]
    assert store.get(make("soon").metadata.identifier) is None
    assert len(list(client.scan_iter(f"{prefix}client:*"))) == 2


def test_clients_in_redis_are_bounded_in_bytes(private_redis: tuple[Redis, str]) -> None:
    client, prefix = private_redis
    RedisStore(client, prefix=prefix).put(make("0"))
    (key,) = client.scan_iter(f"{prefix}client:*")
    size = client.strlen(key)
    store = RedisStore(client, prefix=prefix, max_bytes=3 * size)
    for name in ("1", "1", "2"):
        store.put(make(name, lasts=(60 + int(name)) * MINUTE))
    assert names(store) == ["0", "1", "2"]
    store.delete(make("1").metadata.client_id)
    store.delete(make("1").metadata.client_id)
    store.put(make("3", lasts=63 * MINUTE))
    assert names(store) == ["0", "2", "3"]
    store.put(make("4", lasts=64 * MINUTE))
    assert names(store) == ["2", "3", "4"]
    assert len(list(client.scan_iter(f"{prefix}client:*"))) == 3
    assert int(client.hget(f"{prefix}clients:bytes", "") or 0) == 3 * size


def test_key_sets_in_redis_are_bounded_in_bytes(private_redis: tuple[Redis, str]) -> None:
    client, prefix = private_redis
    store = RedisStore(client, prefix=prefix, max_bytes=250).fetched
    assert store is not None
    for key in KEYS:
        store.put(key, Fetched(b"x" * 100, NOW + MINUTE), NOW)
    assert sum(store.get(key) is not None for key in KEYS) == 2
    store.put(KEYS[0], Fetched(b"x" * 300, NOW + 2 * MINUTE), NOW)
    assert client.zcard(f"{prefix}fetched") == 0  # larger than all that may be kept


def test_what_expired_counts_no_more(private_redis: tuple[Redis, str]) -> None:
    client, prefix = private_redis
    store = RedisStore(client, prefix=prefix, kept_past_expiry=MINUTE)
    store.put(make("old", at=NOW - timedelta(days=3)))
    store.put(make("new"))
    (key,) = client.scan_iter(f"{prefix}client:{key_of('https://app.example/new')}")
    assert int(client.hget(f"{prefix}clients:bytes", "") or 0) == client.strlen(key)


@pytest.mark.parametrize("evicted", ["clients", "clients:bytes"])
def test_an_index_that_redis_evicted_starts_anew(private_redis: tuple[Redis, str], evicted: str) -> None:
    client, prefix = private_redis
    store = RedisStore(client, prefix=prefix, max_bytes=1000)
    store.put(make("0"))
    client.delete(f"{prefix}{evicted}")
    for name in ("1", "2", "3"):
        store.put(make(name))
    assert store.get(make("3").metadata.identifier) is not None


@pytest.mark.parametrize("text", ["not json", "{}", "[]", "null", '{"metadata": 7}', '{"metadata": "{}"}'])
def test_a_value_that_redis_holds_of_another_program_is_a_miss(private_redis: tuple[Redis, str], text: str) -> None:
    client, prefix = private_redis
    store, entry = RedisStore(client, prefix=prefix), make()
    store.put(entry)
    (key,) = client.scan_iter(f"{prefix}client:*")
    client.set(key, text)
    assert store.get(entry.metadata.identifier) is None


def test_what_expires_at_once_is_no_error(private_redis: tuple[Redis, str]) -> None:
    client, prefix = private_redis
    store = RedisStore(client, prefix=prefix, kept_past_expiry=timedelta())
    store.put(make(lasts=timedelta()))
    assert store.fetched is not None
    store.fetched.put(KEYS[0], Fetched(b"x", NOW), NOW)
    store.fetched.put(KEYS[0], Fetched(b"x", NOW - MINUTE), NOW)


def test_a_lease_ends_by_itself(private_redis: tuple[Redis, str]) -> None:
    client, prefix = private_redis
    leases = RedisStore(client, prefix=prefix).leases
    assert leases is not None
    assert leases.take("url", "me", now=NOW, until=NOW + MINUTE)
    assert 0 < client.pttl(f"{prefix}lease:{key_of('url')}") <= 60_000


def test_a_killed_leader_leaves_no_outcome_of_the_one_before(private_redis: tuple[Redis, str]) -> None:
    client, prefix = private_redis
    leases = RedisStore(client, prefix=prefix).leases
    assert leases is not None
    leases.take("url", "first", now=NOW, until=NOW + MINUTE)
    leases.finish("url", "first", "done")
    assert leases.take("url", "second", now=NOW, until=NOW + MINUTE)
    client.delete(f"{prefix}lease:{key_of('url')}")  # as its expiry does
    assert leases.look("url") is None


def test_records_of_two_prefixes_do_not_meet(private_redis: tuple[Redis, str]) -> None:
    client, prefix = private_redis
    one, other = (RedisStore(client, prefix=f"{prefix}{name}:").records for name in ("one", "other"))
    one.put("rule", "app.example", "{}")
    assert (one.subjects("rule"), other.subjects("rule")) == (["app.example"], [])


# -- SQL ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def db(tmp_path: Path) -> Iterator[SQLAlchemy]:
    with opened_database(f"sqlite:///{tmp_path}/s.db") as opened:
        SQLAlchemyStore(opened)
        opened.create_all()
        yield opened


def count(db: SQLAlchemy, table: Table) -> int:
    with db.engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()


def before_the_insert(db: SQLAlchemy, table: Table, rival: Callable[[], Any]) -> None:
    """Let another writer be faster, once, between an update that found no row and the insert that follows."""

    @event.listens_for(db.engine, "before_cursor_execute")
    def overtake(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith(f"INSERT INTO {table.name}") and rivals:
            rivals.pop()()

    rivals = [rival]


def test_of_two_writers_of_a_client_the_later_wins(db: SQLAlchemy) -> None:
    store, table = SQLAlchemyStore(db), client_table(db)
    before_the_insert(db, table, lambda: store.put(make(lasts=MINUTE)))
    store.put(make(lasts=2 * MINUTE))
    found = store.get(make().metadata.identifier)
    assert (found and found.expires_at, count(db, table)) == (NOW + 2 * MINUTE, 1)


def test_two_writers_of_a_key_set_are_no_error(postgres_url: str) -> None:
    with opened_database(private_schema(postgres_url)) as db:
        store, table = SQLAlchemyStore(db).fetched, fetched_table(db)
        assert store is not None
        db.create_all()
        before_the_insert(db, table, lambda: store.put(KEYS[0], Fetched(b"rival", NOW), NOW))
        store.put(KEYS[0], Fetched(b"mine", NOW), NOW)
        assert (store.get(KEYS[0]), count(db, table)) == (Fetched(b"rival", NOW), 1)


def test_a_row_is_replaced_and_not_doubled(db: SQLAlchemy) -> None:
    store = SQLAlchemyStore(db)
    for lasts in (MINUTE, 2 * MINUTE):
        store.put(make(lasts=lasts))
    found = store.get(make().metadata.identifier)
    assert found is not None
    assert found.expires_at == NOW + 2 * MINUTE


def test_the_clients_that_expire_first_are_pruned(db: SQLAlchemy) -> None:
    store = SQLAlchemyStore(db, size=2)
    for name, minutes in (("late", 60), ("soon", 5), ("latest", 90)):
        store.put(make(name, lasts=minutes * MINUTE))
    store.prune()
    assert names(store) == ["late", "latest"]


@pytest.fixture(params=["sqlite", "postgresql"])
def both(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SQLAlchemy]:
    is_sqlite = request.param == "sqlite"
    url = f"sqlite:///{tmp_path}/b.db" if is_sqlite else private_schema(request.getfixturevalue("postgres_url"))
    with opened_database(url) as opened:
        SQLAlchemyStore(opened)
        opened.create_all()
        yield opened


def test_clients_in_a_database_are_bounded_in_bytes(both: SQLAlchemy) -> None:
    size = len(make("0").metadata.to_json())
    store = SQLAlchemyStore(both, max_bytes=2 * size)  # each write is more than a hundredth
    for name, minutes in (("late", 60), ("soon", 5), ("latest", 90)):
        store.put(make(name, lasts=minutes * MINUTE))
    assert names(store) == ["late", "latest"]


def test_key_sets_in_a_database_are_bounded_in_bytes(both: SQLAlchemy) -> None:
    store = SQLAlchemyStore(both, max_bytes=200).fetched
    assert store is not None
    for number, content in enumerate((b"x" * 100, None, b"x" * 100, b"x" * 100)):
        store.put(f"{number:064}", Fetched(content, NOW + (number + 1) * MINUTE), NOW)
    assert [store.get(f"{number:064}") is not None for number in range(4)] == [False, True, True, True]


def test_bytes_are_added_up_after_a_hundredth_of_them_is_written(db: SQLAlchemy) -> None:
    asked: list[str] = []
    event.listen(db.engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    store = SQLAlchemyStore(db, max_bytes=1000).fetched
    assert store is not None
    for number in range(5):
        store.put(f"{number:064}", Fetched(b"xxx", NOW + MINUTE), NOW)
    assert sum("sum(" in statement for statement in asked) == 1  # with the fourth


def test_expired_leases_are_forgotten_and_living_ones_kept(db: SQLAlchemy) -> None:
    leases = SQLAlchemyStore(db).leases
    assert leases is not None
    leases.take("expired", "me", now=NOW, until=NOW + MINUTE)
    leases.take("living", "me", now=NOW, until=NOW + 60 * MINUTE)
    for number in range(FORGET_EVERY - 2):
        assert not leases.take("living", str(number), now=NOW + MINUTE, until=NOW + 60 * MINUTE)
    assert (leases.look("expired"), count(db, lease_table(db))) == (None, 1)
    assert leases.look("living") is not None


def test_only_its_owner_ends_a_lease(db: SQLAlchemy) -> None:
    leases = SQLAlchemyStore(db).leases
    assert leases is not None
    leases.take("url", "me", now=NOW, until=NOW + MINUTE)
    leases.finish("url", "another", "done")
    found = leases.look("url")
    assert found is not None
    assert found.outcome is None
    assert not leases.take("url", "another", now=NOW, until=NOW + MINUTE)


def test_records_of_two_kinds_do_not_meet(db: SQLAlchemy) -> None:
    records = SQLAlchemyStore(db).records
    records.put("rule", "app.example", "rule")
    records.put("pin", "app.example", "pin")
    records.put("pin", "other.example", "pin")
    assert (records.subjects("rule"), records.all("rule")) == (["app.example"], {"app.example": "rule"})
    assert records.remove("rule", "app.example")
    assert (records.get("rule", "app.example"), records.get("pin", "app.example")) == (None, "pin")


def test_expired_key_sets_are_dropped_with_the_next_one(db: SQLAlchemy) -> None:
    store, table = SQLAlchemyStore(db).fetched, fetched_table(db)
    assert store is not None
    store.put(KEYS[0], Fetched(b"x", NOW), NOW)
    store.put(KEYS[1], Fetched(b"x", NOW + MINUTE), NOW)
    assert count(db, table) == 2
    store.put(KEYS[2], Fetched(b"x", NOW + MINUTE), NOW + timedelta(seconds=1))
    assert [store.get(key) is not None for key in KEYS] == [False, True, True]


def test_kept_key_sets_are_bounded(db: SQLAlchemy) -> None:
    store = SQLAlchemyStore(db, size=10).fetched
    assert store is not None
    for number in range(64):
        store.put(f"{number:064}", Fetched(b"x", NOW + MINUTE), NOW)
    assert count(db, fetched_table(db)) == 10


def test_a_store_in_a_database_needs_one() -> None:
    app = Flask("app")
    app.config.update(CIMD_STORE="sqlalchemy")
    with pytest.raises(ConfigurationError, match="db=db"):
        CIMD(app)

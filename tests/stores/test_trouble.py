"""Stores raise `StoreError` alone; the cache in front of them raises nothing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, current_app

from flask_cimd import CIMD, ClientMetadata
from flask_cimd.core.identifier import IdentifierRules, parse_identifier
from flask_cimd.stores import ClientCache, ClientStore, Entry, Fetched, MemoryRecords, MemoryStore, StoreError
from flask_cimd.stores.redis import RedisStore, connect
from flask_cimd.stores.sqlalchemy import SQLAlchemyStore
from tests.support.origin import TLSOrigin, publish_document
from tests.support.stores import opened_database

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
IDENTIFIER = parse_identifier("https://app.example/client.json", IdentifierRules())
ENTRY = Entry(
    metadata=ClientMetadata(identifier=IDENTIFIER, source="document"),
    fetched_at=NOW,
    expires_at=NOW + timedelta(hours=1),
)
KEY = "a" * 64


@pytest.fixture(params=["redis", "sqlalchemy"])
def broken(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ClientStore]:
    """Return a store whose server does not answer, or whose tables do not exist."""
    if request.param == "redis":
        yield RedisStore(connect("redis://127.0.0.1:1/0"))
        return
    with opened_database(f"sqlite:///{tmp_path}/empty.db") as db:
        yield SQLAlchemyStore(db)


CALLS: dict[str, Callable[[Any], object]] = {
    "get": lambda store: store.get(IDENTIFIER),
    "put": lambda store: store.put(ENTRY),
    "delete": lambda store: store.delete(IDENTIFIER.raw),
    "iter": list,
    "len": len,
    "fetched.get": lambda store: store.fetched.get(KEY),
    "fetched.put": lambda store: store.fetched.put(KEY, Fetched(b"", NOW), NOW),
    "leases.take": lambda store: store.leases.take("url", "me", now=NOW, until=NOW + timedelta(seconds=9)),
    "leases.look": lambda store: store.leases.look("url"),
    "leases.finish": lambda store: store.leases.finish("url", "me", "stored"),
    "records.all": lambda store: store.records.all("rule"),
    "records.subjects": lambda store: store.records.subjects("rule"),
    "records.get": lambda store: store.records.get("rule", "app.example"),
    "records.put": lambda store: store.records.put("rule", "app.example", "{}"),
    "records.remove": lambda store: store.records.remove("rule", "app.example"),
}


@pytest.mark.parametrize("call", CALLS)
def test_a_store_in_trouble_raises_store_error(broken: ClientStore, call: str) -> None:
    with pytest.raises(StoreError):
        CALLS[call](broken)


def test_the_cache_turns_trouble_into_a_miss_a_lost_write_and_no_lease(broken: ClientStore) -> None:
    cache = ClientCache(broken, rules="")
    fetched = cache.fetched(10)
    assert cache.leases is not None

    assert cache.get(IDENTIFIER) is None
    assert not cache.put(ENTRY)
    cache.delete(IDENTIFIER.raw)
    fetched.put(KEY, Fetched(b"", NOW), NOW)
    assert fetched.get(KEY) is None
    assert cache.leases.take("url", "me", now=NOW, until=NOW + timedelta(seconds=9))
    assert cache.leases.look("url") is None
    cache.leases.finish("url", "me", "stored")


def test_the_cache_drops_an_entry_that_was_validated_under_other_rules() -> None:
    store = MemoryStore()
    stale_rules = ClientMetadata(identifier=IDENTIFIER, source="document", rules="others")
    store.put(Entry(metadata=stale_rules, fetched_at=NOW, expires_at=NOW + timedelta(hours=1)))

    assert ClientCache(store, rules="mine").get(IDENTIFIER) is None
    assert len(store) == 0


def test_a_sign_in_goes_on_while_the_store_is_in_trouble(
    broken: ClientStore, origin: TLSOrigin, ca_bundle: Path
) -> None:
    broken.records = MemoryRecords()
    app = current_app._get_current_object() if current_app else Flask("app")  # type: ignore[attr-defined]  # typed as the app, is a LocalProxy
    app.config.update(CIMD_ALLOW_LOOPBACK=True, CIMD_CA_BUNDLE=str(ca_bundle), CIMD_STORE=broken)
    cimd = CIMD(app)
    with app.app_context():
        assert cimd.resolve(publish_document(origin)).client_name == "App"


_WITHOUT_EXTRAS = """
import sys
for name in ("sqlalchemy", "flask_sqlalchemy", "redis", "PIL", "publicsuffixlist"):
    sys.modules[name] = None
from flask import Flask
from flask_cimd import CIMD
import flask_cimd.oauth
app = Flask("app")
app.config["CIMD_PROFILE"] = "allow_loopback_clients"
cimd = CIMD(app)
with app.app_context():
    print(cimd.resolve("http://127.0.0.1:8000/").source)
"""


def test_without_extras_the_package_resolves_in_memory() -> None:
    done = subprocess.run([sys.executable, "-c", _WITHOUT_EXTRAS], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("loopback\n", "")

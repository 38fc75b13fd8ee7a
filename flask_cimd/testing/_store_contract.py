"""The contract of `flask_cimd.stores.ClientStore`, as a suite of pytest tests to subclass."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ..clients import (
    ClientIdentifier,
    ClientMetadata,
    ClientStore,
    Entry,
    Fetched,
    FetchedStore,
    IdentifierRules,
    Leases,
    parse_identifier,
)

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
URL = "https://app.example/client.json"
KEY = hashlib.sha256(b"key").hexdigest()
MINUTE = timedelta(minutes=1)


def identifier(raw: str = URL) -> ClientIdentifier:
    """Return a parsed identifier."""
    return parse_identifier(raw, IdentifierRules())


def make_entry(raw: str = URL, name: str | None = "App", minutes: int = 60) -> Entry:
    """Return an entry with every kind of member."""
    metadata = ClientMetadata(
        identifier=identifier(raw),
        source="document",
        client_name=name,
        redirect_uris=("https://app.example/cb", "http://127.0.0.1/cb"),
        scope="profile",
        localized=(("client_name#fr", "Appli"),),
        kept='{"contacts":["me@app.example"]}',
    )
    return Entry(metadata=metadata, fetched_at=NOW, expires_at=NOW + minutes * MINUTE)


class ClientStoreContract:
    """Subclass it with a fixture ``store`` that returns an empty store.

    Attributes:
        SIZE: bound of the number of entries that the fixture gives the store.
        SLACK: entries beyond the bound that the store may hold for a while.
    """

    SIZE = 100
    SLACK = 64

    @pytest.fixture
    def store(self) -> ClientStore:
        """Return an empty store."""
        raise NotImplementedError("override the fixture store")

    # -- entries ------------------------------------------------------------------------------------------------

    def test_an_unknown_client_is_a_miss(self, store: ClientStore) -> None:
        assert store.get(identifier()) is None
        assert len(store) == 0
        assert list(store) == []

    def test_an_entry_comes_back_as_it_was_put(self, store: ClientStore) -> None:
        store.put(make_entry())
        assert store.get(identifier()) == make_entry()

    def test_a_later_entry_replaces_the_earlier_one(self, store: ClientStore) -> None:
        store.put(make_entry(name="Before"))
        store.put(make_entry(name="After"))
        assert store.get(identifier()) == make_entry(name="After")
        assert len(store) == 1

    def test_identifiers_that_differ_by_one_character_are_different_clients(self, store: ClientStore) -> None:
        spellings = [
            "https://app.example/c",
            "https://app.example:443/c",
            "https://APP.example/c",
            "https://app.example/c/",
            "https://app.example/%63",
        ]
        for number, raw in enumerate(spellings):
            store.put(make_entry(raw, name=str(number)))
        for number, raw in enumerate(spellings):
            assert store.get(identifier(raw)) == make_entry(raw, name=str(number))
        assert sorted(store) == sorted(spellings)

    @pytest.mark.parametrize(
        "raw",
        ["https://app.example/a..b", "https://app.example/%252e%252e/x", "https://app.example/" + "x" * 2028],
        ids=["dots", "percent", "2048-characters"],
    )
    def test_awkward_identifiers_are_only_keys(self, store: ClientStore, raw: str) -> None:
        store.put(make_entry(raw))
        assert store.get(identifier(raw)) == make_entry(raw)
        assert list(store) == [raw]

    def test_a_deleted_entry_is_gone_and_deleting_twice_is_fine(self, store: ClientStore) -> None:
        store.put(make_entry())
        store.delete(URL)
        store.delete(URL)
        assert store.get(identifier()) is None

    def test_an_expired_entry_is_still_returned_and_says_so(self, store: ClientStore) -> None:
        store.put(make_entry(minutes=1))
        found = store.get(identifier())
        assert found is not None
        assert found.is_fresh(NOW + MINUTE - timedelta(seconds=1))
        assert not found.is_fresh(NOW + MINUTE)

    @pytest.mark.parametrize("name", ["Καφές ☕ \U0001d11e", "nul \0", None], ids=["not-ascii", "nul", "none"])
    def test_every_name_survives(self, store: ClientStore, name: str | None) -> None:
        store.put(make_entry(name=name))
        assert store.get(identifier()) == make_entry(name=name)

    def test_the_number_of_entries_is_bounded(self, store: ClientStore) -> None:
        number = self.SIZE + 2 * self.SLACK
        for index in range(number):
            store.put(make_entry(f"https://app.example/{index}", minutes=index))
        assert len(store) <= self.SIZE + self.SLACK
        assert store.get(identifier(f"https://app.example/{number - 1}")) is not None

    # -- records ------------------------------------------------------------------------------------------------

    def test_records_are_kept_by_kind_and_subject(self, store: ClientStore) -> None:
        records, subjects = store.records, ["app.example", ".example", URL, "h" * 2048]
        for subject in subjects:
            records.put("rule", subject, f'{{"of": "{subject[:20]}"}}')
        records.put("pin", URL, "other kind")
        records.put("rule", URL, "replaced")
        assert sorted(records.subjects("rule")) == sorted(subjects)
        assert records.get("rule", URL) == "replaced"
        assert records.all("pin") == {URL: "other kind"}
        assert records.get("rule", "unknown.example") is None

    def test_a_removed_record_is_gone(self, store: ClientStore) -> None:
        records: Any = store.records
        records.put("rule", URL, "value")
        assert records.remove("rule", URL) is True
        assert records.remove("rule", URL) is False
        assert records.all("rule") == {}


class SharedStoreContract(ClientStoreContract):
    """The same for a store that several processes share: it has leases, and keeps key sets and logos."""

    @pytest.fixture
    def leases(self, store: ClientStore) -> Leases:
        """Return the leases of the store."""
        assert store.leases is not None
        return store.leases

    @pytest.fixture
    def fetched(self, store: ClientStore) -> FetchedStore:
        """Return the store of key sets and logos."""
        assert store.fetched is not None
        return store.fetched

    # -- key sets and logos -------------------------------------------------------------------------------------

    @pytest.mark.parametrize("content", [b"bytes + more\x00\xff", b"", None], ids=["bytes", "empty", "failure"])
    def test_fetched_bytes_come_back(self, fetched: FetchedStore, content: bytes | None) -> None:
        kept = Fetched(content, NOW + MINUTE)
        fetched.put(KEY, kept, NOW)
        assert fetched.get(KEY) == kept
        assert fetched.get("0" * 64) is None

    def test_newer_fetched_bytes_replace_older_ones(self, fetched: FetchedStore) -> None:
        for content in (b"old", None, b"new"):
            fetched.put(KEY, Fetched(content, NOW + MINUTE), NOW)
        assert fetched.get(KEY) == Fetched(b"new", NOW + MINUTE)

    # -- leases -------------------------------------------------------------------------------------------------

    def test_a_lease_has_one_owner_at_a_time(self, leases: Leases) -> None:
        now = datetime.now(UTC)  # a store may let its server end a lease, by the server's clock
        assert leases.look(URL) is None
        assert leases.take(URL, "first", now=now, until=now + MINUTE) is True
        assert leases.take(URL, "second", now=now, until=now + MINUTE) is False
        assert leases.take(URL + "/other", "second", now=now, until=now + MINUTE) is True

    def test_a_finished_lease_is_free_and_tells_its_outcome(self, leases: Leases) -> None:
        now = datetime.now(UTC)
        leases.take(URL, "first", now=now, until=now + MINUTE)
        leases.finish(URL, "another", "not mine to say")
        leases.finish(URL, "first", "done")
        found = leases.look(URL)
        assert found is not None
        assert found.outcome == "done"
        assert leases.take(URL, "second", now=now, until=now + MINUTE) is True

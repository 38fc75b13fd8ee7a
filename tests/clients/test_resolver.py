"""Steps of the resolver that an app's other guards would hide: each is asked on its own."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from flask_cimd import ClientIdentifier, DocumentError, IdentifierError, PolicyDeniedError, signals
from flask_cimd.clients import ClientResolver, MemoryStore, Settings
from flask_cimd.clients.admission import Admission
from flask_cimd.clients.pins import Pin
from flask_cimd.core.identifier import IdentifierKind, IdentifierRules, parse_identifier
from flask_cimd.core.policy import Allowance, Decision, Policy, Rule, Tier
from flask_cimd.errors import FetchError, GoneError
from flask_cimd.stores import Entry, MemoryRecords, StoreError
from tests.support.clock import Clock
from tests.support.origin import TLSOrigin, publish_document


class Signals:
    """Hears what a resolver tells."""

    def __init__(self) -> None:
        self.heard: list[Any] = []

    def __call__(self, signal: Any, **values: Any) -> None:
        self.heard.append(signal)


@pytest.fixture
def settings(ca_bundle: Path) -> Settings:
    return Settings.from_config({"CIMD_ALLOW_LOOPBACK": True, "CIMD_CA_BUNDLE": str(ca_bundle)})


def identified(raw: str = "https://app.example/c") -> ClientIdentifier:
    return parse_identifier(raw, IdentifierRules(allow_loopback=True))


# -- clients seen earlier -----------------------------------------------------------------------------------------


def test_a_snapshot_is_judged_by_todays_rules_even_if_nobody_asked_before(
    settings: Settings, origin: TLSOrigin
) -> None:
    store = MemoryStore()
    seen = ClientResolver(settings, store=store).resolve(publish_document(origin))
    resolver = ClientResolver(settings, store=store)
    assert resolver.readmit(seen) == seen
    Admission(settings.policy, store.records).set_rule(Rule("localhost", Decision.DENY))
    with pytest.raises(PolicyDeniedError) as refused:
        ClientResolver(settings, store=store).readmit(seen)
    assert refused.value.slug == "client-denied"


def test_a_snapshot_comes_back_with_its_identifier_as_todays_rules_read_it(
    settings: Settings, origin: TLSOrigin
) -> None:
    resolver = ClientResolver(settings)
    seen = resolver.resolve(publish_document(origin))
    other = replace(seen, identifier=replace(seen.identifier, kind=IdentifierKind.PAGE))
    asked: list[IdentifierKind] = []

    def note(client: Any) -> bool:
        asked.append(client.identifier.kind)
        return True

    assert ClientResolver(settings, allow_client=[note]).readmit(other) == seen
    assert asked == [seen.identifier.kind]


def test_no_copy_stands_in_for_a_client_that_is_gone(settings: Settings, origin: TLSOrigin) -> None:
    resolver = ClientResolver(settings)
    url = publish_document(origin)
    resolver.resolve(url)
    assert resolver.stale_copy(url, FetchError("status", url)) is not None
    assert resolver.stale_copy(url, GoneError("gone", url)) is None


def test_no_copy_stands_in_for_a_client_that_a_rule_refuses_by_now(settings: Settings, origin: TLSOrigin) -> None:
    store, url = MemoryStore(), publish_document(origin)
    ClientResolver(settings, store=store).resolve(url)
    Admission(settings.policy, store.records).set_rule(Rule(url, Decision.DENY))
    with pytest.raises(PolicyDeniedError) as refused:
        ClientResolver(settings, store=store).stale_copy(url, FetchError("status", url))
    assert refused.value.slug == "client-denied"


# -- pinned copies ------------------------------------------------------------------------------------------------


def test_what_is_no_valid_document_cannot_be_pinned(settings: Settings, origin: TLSOrigin) -> None:
    url = origin.serve("/client.json", b"{}", headers={"Content-Type": "application/json"})
    with pytest.raises(DocumentError):
        ClientResolver(settings).make_pin(url)
    written = Pin(media_type="application/json", body=b"[]", pinned_at=0)
    with pytest.raises(DocumentError):
        ClientResolver(settings).make_pin(url, written)


def test_a_pinned_copy_announces_no_change(settings: Settings, origin: TLSOrigin, clock: Clock) -> None:
    store, told, url = MemoryStore(), Signals(), publish_document(origin)
    resolver = ClientResolver(settings, store=store, notify=told, clock=clock)
    pin = resolver.make_pin(url)
    Admission(settings.policy, store.records).set_pin(url, pin)
    publish_document(origin, client_name="Renamed")
    resolver = ClientResolver(settings, store=store, notify=told, clock=clock)
    assert resolver.resolve(url).client_name == "Renamed"
    clock.forward(days=2)
    origin.serve("/client.json", b"", status=503)
    assert resolver.resolve(url).client_name == "App"
    assert signals.client_changed not in told.heard
    publish_document(origin, client_name="Renamed")
    clock.forward(days=2)
    assert resolver.resolve(url).client_name == "Renamed"
    assert told.heard.count(signals.client_changed) == 1


# -- stores -------------------------------------------------------------------------------------------------------


def test_a_client_that_another_process_stored_meanwhile_is_not_fetched_again(
    settings: Settings, origin: TLSOrigin, clock: Clock
) -> None:
    url = publish_document(origin)
    seen = ClientResolver(settings).resolve(url)

    class Raced(MemoryStore):
        def get(self, identifier: ClientIdentifier) -> Entry | None:
            found = super().get(identifier)
            self.put(Entry(metadata=seen, fetched_at=clock(), expires_at=clock() + timedelta(hours=1)))
            return found

    assert ClientResolver(settings, store=Raced(), clock=clock).resolve(url) == seen
    assert len(origin.requests) == 1


def test_a_document_that_may_not_be_stored_is_fetched_each_time(settings: Settings, origin: TLSOrigin) -> None:
    store, url = MemoryStore(), publish_document(origin, headers={"Cache-Control": "no-store"})
    resolver = ClientResolver(settings, store=store)
    resolver.resolve(url)
    resolver.resolve(url)
    assert (list(store), len(origin.requests)) == ([], 2)


# -- errors -------------------------------------------------------------------------------------------------------


def test_an_error_names_the_client_id_as_it_was_sent(settings: Settings, origin: TLSOrigin) -> None:
    url = origin.url("").rstrip("/")
    with pytest.raises(GoneError) as failed:
        ClientResolver(settings).resolve(url)
    assert (failed.value.client_id, failed.value.host) == (url, url.removeprefix("https://"))


def test_an_identifier_that_is_refused_names_no_host(ca_bundle: Path) -> None:
    settings = Settings.from_config({"CIMD_PROFILE": "draft, allow_virtual_clients", "CIMD_CA_BUNDLE": str(ca_bundle)})
    with pytest.raises(IdentifierError) as refused:
        ClientResolver(settings).resolve("http://localhost?redirect_uri=https://evil.example/")
    assert (refused.value.slug, refused.value.host) == ("bad-virtual-client", "")


def test_built_in_clients_are_what_their_family_says_and_are_never_fetched(ca_bundle: Path) -> None:
    profile = "draft, allow_virtual_clients, allow_loopback_clients"
    resolver = ClientResolver(Settings.from_config({"CIMD_PROFILE": profile, "CIMD_CA_BUNDLE": str(ca_bundle)}))
    virtual = resolver.resolve("http://localhost?redirect_uri=http://127.0.0.1/cb")
    assert (virtual.source, virtual.redirect_uris) == ("virtual", ("http://127.0.0.1/cb",))
    loopback = resolver.resolve("http://127.0.0.1:8000/")
    assert (loopback.source, loopback.publishes_redirects) == ("loopback", False)


@pytest.mark.parametrize("client_id", ["https://app.example/\nforged line", "https://app.example/\x1b[31m"])
def test_a_log_line_cannot_be_forged(settings: Settings, client_id: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "flask_cimd")
    with pytest.raises(IdentifierError):
        ClientResolver(settings).resolve(client_id)
    (record,) = caplog.records
    assert record.getMessage().isprintable()


def test_a_hooks_hint_forges_no_log_line(
    settings: Settings, origin: TLSOrigin, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(client: Any) -> bool:
        raise PolicyDeniedError("not-today", client.client_id, hint="named A\nforged line")

    caplog.set_level(logging.INFO, "flask_cimd.clients.resolver")
    with pytest.raises(PolicyDeniedError, match="not-today"):
        ClientResolver(settings, allow_client=[refuse]).resolve(publish_document(origin))
    (record,) = caplog.records
    assert record.getMessage().isprintable()


# -- the operator's rules -----------------------------------------------------------------------------------------


class Down(MemoryRecords):
    """Records that cannot be read while they are down.

    Attributes:
        broken: calls that fail: ``all rule``, ``get pin``.
        reads: how often any was asked for.
    """

    def __init__(self) -> None:
        super().__init__()
        self.broken: set[str] = set()
        self.reads = 0

    def all(self, kind: str) -> dict[str, str]:
        self._ask(f"all {kind}")
        return super().all(kind)

    def get(self, kind: str, subject: str) -> str | None:
        self._ask(f"get {kind}")
        return super().get(kind, subject)

    def _ask(self, call: str) -> None:
        self.reads += 1
        if call in self.broken:
            raise StoreError("down")


def test_a_host_that_the_settings_deny_costs_no_query(settings: Settings) -> None:
    records = Down()
    policy = Settings.from_config({"CIMD_DENIED_HOSTS": ("app.example",)}).policy
    admission = Admission(policy, records)
    with pytest.raises(PolicyDeniedError) as refused:
        admission.require(identified())
    assert (refused.value.slug, records.reads) == ("host-denied", 0)
    assert admission.is_denied("app.example")
    assert records.reads == 0


def test_the_identifiers_remembered_as_admitted_are_bounded() -> None:
    admission = Admission(Policy(), MemoryRecords())
    for number in range(4100):
        admission.require(identified(f"https://app.example/{number}"))
    assert admission._snapshot is not None
    assert len(admission._snapshot.admitted) == 4096


def test_an_edited_allowance_and_pin_hold_and_end_at_once() -> None:
    admission = Admission(Policy(), MemoryRecords())
    assert admission.allowance(Tier.UNKNOWN) == Allowance()
    admission.set_allowance(Tier.UNKNOWN, Allowance(scopes=frozenset({"profile"})))
    assert admission.allowance(Tier.UNKNOWN).scopes == {"profile"}
    pin = Pin(media_type="application/json", body=b"{}", pinned_at=0)
    assert admission.pin("https://app.example/c") is None
    admission.set_pin("https://app.example/c", pin)
    assert admission.pin("https://app.example/c") == pin
    admission.remove_pin("https://app.example/c")
    assert admission.pin("https://app.example/c") is None


@pytest.mark.parametrize("kind", ["rule", "pin"])
def test_a_removal_that_another_reader_overtakes_holds_at_once(kind: str) -> None:
    class Overtaken(MemoryRecords):
        def remove(self, kind: str, subject: str) -> bool:
            admission.allowance(Tier.UNKNOWN)  # another thread reads all rules while this one is removed
            return super().remove(kind, subject)

    admission = Admission(Policy(), Overtaken())
    admission.set_rule(Rule("app.example", Decision.DENY))
    admission.set_pin("https://app.example/c", Pin(media_type="application/json", body=b"{}", pinned_at=0))
    if kind == "rule":
        assert admission.remove_rule("app.example")
        admission.require(identified())
    else:
        assert admission.remove_pin("https://app.example/c")
        assert admission._current().pinned == frozenset()


def test_a_client_without_a_pinned_copy_costs_no_query() -> None:
    records = Down()
    admission = Admission(Policy(), records)
    admission.require(identified())
    before = records.reads
    assert admission.pin("https://app.example/c") is None
    assert records.reads == before


@pytest.mark.parametrize("trouble", ["down", "unreadable"])
def test_a_pinned_copy_that_cannot_be_read_is_none(trouble: str) -> None:
    records = Down()
    admission = Admission(Policy(), records)
    admission.set_pin("https://app.example/c", Pin(media_type="application/json", body=b"{}", pinned_at=0))
    if trouble == "down":
        records.broken.add("get pin")
    else:
        records.put("pin", "https://app.example/c", "no json")
    assert admission.pin("https://app.example/c") is None


@pytest.mark.parametrize("value", ["no json", "{}", '{"decision": "perhaps"}', "[]"])
def test_rules_that_another_program_spoiled_let_nobody_in(value: str) -> None:
    records = MemoryRecords()
    records.put("rule", "app.example", value)
    with pytest.raises(PolicyDeniedError) as refused:
        Admission(Policy(), records).require(identified())
    assert refused.value.slug == "policy-unavailable"


def test_rules_that_cannot_be_read_are_tried_again_after_five_seconds_and_not_before() -> None:
    seconds, records = [0.0], Down()
    admission = Admission(Policy(), records, clock=lambda: seconds[0])
    admission.require(identified())
    records.broken.add("all rule")
    seconds[0] += 5
    admission.require(identified())
    before = records.reads
    seconds[0] += 4.9
    admission.require(identified("https://other.example/c"))
    assert records.reads == before
    seconds[0] += 0.1
    admission.require(identified())
    assert records.reads == before + 1


def test_edits_of_a_store_in_memory_do_not_last() -> None:
    assert not Admission(Policy(), MemoryRecords()).is_lasting

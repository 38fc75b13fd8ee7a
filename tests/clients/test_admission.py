"""Who may come in: the settings' rules with the operator's, pinned copies, limits of sites, signals."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from flask_cimd import CIMD, CIMDError, FetchError, PolicyDeniedError, Profile, TooManyFetchesError, signals
from flask_cimd.clients.admission import Admission
from flask_cimd.clients.pins import Pin, stands_in
from flask_cimd.core.identifier import IdentifierRules, parse_identifier
from flask_cimd.core.policy import Allowance, Policy, Rule, Tier
from flask_cimd.errors import DeadlineExceededError
from flask_cimd.fetch.limits import SiteLimits, site_finder
from flask_cimd.settings import Settings
from flask_cimd.stores import MemoryRecords, MemoryStore, Records, StoreError
from tests.support.clock import Clock
from tests.support.origin import TLSOrigin, publish_document
from tests.support.proves import proves
from tests.support.stores import SHARED, opened_store


@pytest.fixture
def make_app(ca_bundle: Path, clock: Clock) -> Callable[..., tuple[Flask, CIMD]]:
    def make(**config: Any) -> tuple[Flask, CIMD]:
        app = Flask("app")
        app.config.update(CIMD_ALLOW_LOOPBACK=True, CIMD_CA_BUNDLE=str(ca_bundle), **config)
        cimd = CIMD(clock=clock)
        cimd.init_app(app)
        return app, cimd

    return make


class LookUps:
    """Counts every name look-up of this process while it listens."""

    def __init__(self) -> None:
        self.names: list[str] | None = None
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "socket.getaddrinfo" and self.names is not None:
            self.names.append(str(arguments[0]))


_LOOK_UPS = LookUps()


@pytest.fixture
def look_ups() -> Iterator[list[str]]:
    _LOOK_UPS.names = []
    yield _LOOK_UPS.names
    _LOOK_UPS.names = None


# -- records and rules ------------------------------------------------------------------------------------------


@pytest.fixture(params=["memory", *SHARED])
def records(request: pytest.FixtureRequest) -> Iterator[Records]:
    with opened_store(request.param, request) as store:
        yield store.records


def test_a_record_comes_back_is_replaced_and_removed(records: Records) -> None:
    assert records.all("rule") == {}
    records.put("rule", "app.example", "one")
    records.put("rule", "app.example", "two")
    records.put("rule", "https://app.example/" + "x" * 2000, "long")
    records.put("pin", "app.example", "other kind")
    assert records.all("rule") == {"app.example": "two", "https://app.example/" + "x" * 2000: "long"}
    assert records.subjects("pin") == ["app.example"]
    assert records.get("pin", "app.example") == "other kind"
    assert records.remove("rule", "app.example")
    assert not records.remove("rule", "app.example")
    assert records.get("rule", "app.example") is None
    assert records.get("pin", "app.example") == "other kind"


@proves("C-96")
def test_rules_allowances_and_pins_are_kept(records: Records) -> None:
    admission = Admission(Policy(), records)
    admission.set_rule(Rule.parse("App.Example", "deny"))
    admission.set_rule(Rule.parse("https://other.example/c", "trust"))
    admission.set_allowance(Tier.UNKNOWN, Allowance(scopes=frozenset({"profile"})))
    admission.set_pin("https://other.example/c", Pin(media_type="application/json", body=b"\xff{}", pinned_at=1))
    again = Admission(Policy(), records)
    assert set(again.rules()) == {Rule.parse("app.example", "deny"), Rule.parse("https://other.example/c", "trust")}
    assert again.allowance(Tier.UNKNOWN).scopes_of(["email", "profile"]) == ("profile",)
    assert again.allowance(Tier.UNKNOWN).refused_resources(["https://a.example/"]) == ()
    assert again.allowance(Tier.TRUSTED) == Allowance()
    pin = again.pin("https://other.example/c")
    assert pin is not None
    assert pin.body == b"\xff{}"
    assert again.pinned() == ("https://other.example/c",)
    assert again.remove_rule("app.example")
    assert again.remove_pin("https://other.example/c")
    assert again.pin("https://other.example/c") is None


def test_an_edit_holds_at_once_and_ends_at_once(make_app: Any, origin: TLSOrigin) -> None:
    app, cimd = make_app()
    url = publish_document(origin)
    with app.app_context():
        cimd.resolve(url)
        cimd.admission.set_rule(Rule.parse(url, "deny"))
        with pytest.raises(PolicyDeniedError) as caught:  # although it is fresh in the store
            cimd.resolve(url)
        assert caught.value.slug == "client-denied"
        cimd.admission.remove_rule(url)
        cimd.resolve(url)
    assert len(origin.requests) == 1


@proves("C-97")
@pytest.mark.parametrize("by", ["settings", "rule"])
def test_denied_means_no_look_up_of_a_name_and_no_look_into_the_store(
    by: str, make_app: Any, look_ups: list[str]
) -> None:
    class Untouched(MemoryStore):
        def get(self, identifier: object) -> None:
            raise AssertionError("the store was asked")

    app, cimd = make_app(CIMD_STORE=Untouched(), CIMD_DENIED_HOSTS=["denied.example"] if by == "settings" else [])
    with app.app_context():
        if by == "rule":
            cimd.admission.set_rule(Rule.parse("denied.example", "deny"))
        for raw in ("https://denied.example/c", "https://DENIED.example:8443/x?y"):
            with pytest.raises(PolicyDeniedError):
                cimd.resolve(raw)
    assert look_ups == []


def test_a_name_that_is_not_denied_is_looked_up(make_app: Any, look_ups: list[str], origin: TLSOrigin) -> None:
    app, cimd = make_app()
    with app.app_context():
        cimd.resolve(publish_document(origin))
    assert look_ups[0] == "localhost"


class BrokenRecords(MemoryRecords):
    def __init__(self) -> None:
        super().__init__()
        self.down = False

    def all(self, kind: str) -> dict[str, str]:
        if self.down:
            raise StoreError("down")
        return super().all(kind)


def test_rules_that_cannot_be_read_hold_as_they_were_and_before_that_let_nobody_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("flask_cimd.clients.admission.REREAD_AFTER", 0)
    records = BrokenRecords()
    denied, other = (parse_identifier(f"https://{name}.example/c", IdentifierRules()) for name in ("denied", "other"))
    admission = Admission(Policy(), records)
    admission.set_rule(Rule.parse("denied.example", "deny"))
    admission.require(other)
    records.down = True
    admission.require(other)
    with pytest.raises(PolicyDeniedError, match="client-denied"):
        admission.require(denied)
    with pytest.raises(PolicyDeniedError, match="policy-unavailable"):
        Admission(Policy(), records).require(other)


def test_an_edit_of_another_process_takes_effect_after_five_seconds() -> None:
    seconds = [100.0]
    records = MemoryRecords()
    identifier = parse_identifier("https://app.example/c", IdentifierRules())
    here = Admission(Policy(), records, clock=lambda: seconds[0])
    here.require(identifier)

    Admission(Policy(), records).set_rule(Rule.parse("app.example", "deny"))
    seconds[0] += 4.9
    here.require(identifier)
    seconds[0] += 0.1
    with pytest.raises(PolicyDeniedError) as refused:
        here.require(identifier)

    assert refused.value.slug == "client-denied"


def test_the_operators_rules_are_read_once_in_five_seconds() -> None:
    class Counted(MemoryRecords):
        reads = 0

        def all(self, kind: str) -> dict[str, str]:
            self.reads += kind == "rule"
            return super().all(kind)

    seconds, records = [0.0], Counted()
    admission = Admission(Policy(), records, clock=lambda: seconds[0])

    for number in range(10):
        admission.require(parse_identifier(f"https://app.example/{number}", IdentifierRules()))
    assert records.reads == 1
    seconds[0] += 5
    admission.require(parse_identifier("https://app.example/0", IdentifierRules()))
    assert records.reads == 2


# -- redirect relation ------------------------------------------------------------------------------------------


@proves("C-73", "C-74")
def test_redirect_uris_may_have_to_be_on_the_clients_origin_but_not_for_exempt_hosts(
    make_app: Any, origin: TLSOrigin
) -> None:
    url = publish_document(origin, redirect_uris=["http://localhost:3000/cb"])
    app, cimd = make_app(CIMD_PROFILE=Profile(redirect_relation="same-origin"))
    with app.app_context(), pytest.raises(CIMDError, match="invalid-document"):
        cimd.resolve(url)
    exempt = Profile(redirect_relation="same-origin", redirect_exempt_hosts=("localhost",))
    app, cimd = make_app(CIMD_PROFILE=exempt)
    with app.app_context():
        assert cimd.resolve(url).redirect_uris == ("http://localhost:3000/cb",)


# -- pinned copies ----------------------------------------------------------------------------------------------


def pin_what_is_served(cimd: CIMD, url: str, **members: Any) -> None:
    cimd.admission.set_pin(url, cimd.resolver.make_pin(url))


@pytest.mark.parametrize("status", [401, 403, 429, 500, 503])
def test_a_pinned_copy_stands_in_for_a_host_that_turns_us_away(
    status: int, make_app: Any, origin: TLSOrigin, clock: Clock
) -> None:
    app, cimd = make_app()
    url = publish_document(origin)
    heard: list[str] = []

    def note(sender: Flask, *, origin: str, **values: Any) -> None:
        heard.append(origin)

    signals.client_resolved.connect(note, app)
    with app.app_context():
        pin_what_is_served(cimd, url)
        origin.serve("/client.json", b"<html>prove that you are human", status=status)
        assert cimd.resolve(url).client_name == "App"
        cimd.resolve(url)  # kept for the shortest lifetime, so that not every request waits for the dead host
        clock.forward(seconds=61)
        cimd.resolve(url)
    assert heard == ["pin", "store", "pin"]


@proves("L-32")
@pytest.mark.parametrize("status", [404, 410, 301, 204])
def test_a_pinned_copy_never_hides_that_a_client_is_gone_or_moved(
    status: int, make_app: Any, origin: TLSOrigin
) -> None:
    app, cimd = make_app()
    url = publish_document(origin)
    with app.app_context():
        pin_what_is_served(cimd, url)
        origin.serve("/client.json", b"", status=status)
        with pytest.raises(FetchError):
            cimd.resolve(url)


@pytest.mark.parametrize(("status", "expected"), [(404, False), (410, False), (503, True), (None, True)])
def test_a_client_that_is_gone_has_no_copy_even_if_time_was_up_too(status: int | None, expected: bool) -> None:
    assert stands_in(DeadlineExceededError("deadline"), status) is expected


def test_a_pinned_copy_stands_in_when_nobody_answers(make_app: Any) -> None:
    app, cimd = make_app()
    url = "https://localhost:1/client.json"
    body = f'{{"client_id": "{url}", "redirect_uris": ["{url}"]}}'.encode()
    with app.app_context():
        with pytest.raises(FetchError):
            cimd.resolve(url)
        cimd.admission.set_pin(url, Pin(media_type="application/json", body=body, pinned_at=0))
        assert cimd.resolve(url).client_id == url


def test_a_pinned_copy_is_judged_by_todays_rules(make_app: Any) -> None:
    app, cimd = make_app()
    url = "https://localhost:1/client.json"
    with app.app_context():
        cimd.admission.set_pin(url, Pin(media_type="application/json", body=b"{}", pinned_at=0))
        with pytest.raises(FetchError):
            cimd.resolve(url)


@proves("L-32")
def test_the_operator_is_told_when_the_live_document_differs_from_the_pinned_one(
    make_app: Any, origin: TLSOrigin, caplog: pytest.LogCaptureFixture, clock: Clock
) -> None:
    app, cimd = make_app()
    url = publish_document(origin)
    heard: list[tuple[str | None, str | None]] = []

    def note(sender: Flask, *, pinned: Any, live: Any) -> None:
        heard.append((pinned.client_name, live.client_name))

    signals.pin_differs.connect(note, app)
    with app.app_context(), caplog.at_level(logging.WARNING):
        pin_what_is_served(cimd, url)
        cimd.resolve(url)
        assert heard == []
        clock.forward(hours=2)
        publish_document(origin, client_name="Renamed")
        assert cimd.resolve(url).client_name == "Renamed"
    assert heard == [("App", "Renamed")]
    assert "differs from the pinned copy" in caplog.text


# -- limits of sites ----------------------------------------------------------------------------------------------


@proves("C-98")
def test_fifty_documents_of_one_host_cost_at_most_the_limit_and_known_clients_go_on(
    make_app: Any, origin: TLSOrigin
) -> None:
    app, cimd = make_app(CIMD_SITE_FETCHES=5)
    known = publish_document(origin, "/known.json")
    refused = []
    with app.app_context():
        cimd.resolve(known)
        for number in range(50):
            url = publish_document(origin, f"/{number}.json")
            try:
                cimd.resolve(url)
            except TooManyFetchesError as error:
                refused.append(error)
        assert cimd.resolve(known).client_name == "App"
    assert len(origin.requests) == 5
    assert {error.slug for error in refused} == {"too-many-fetches-of-site"}
    assert all(1 <= error.retry_after <= 61 for error in refused)


def test_the_page_says_when_to_come_back(make_app: Any, origin: TLSOrigin) -> None:
    app, cimd = make_app(CIMD_SITE_FETCHES=1)

    @app.get("/<name>")
    def show(name: str) -> str:
        return str(cimd.resolve(publish_document(origin, f"/{name}")).client_name)

    browser = app.test_client()
    assert browser.get("/a").status_code == 200
    answer = browser.get("/b")
    assert answer.status_code == 503
    assert 1 <= int(answer.headers["Retry-After"]) <= 61


def test_in_development_hosts_on_this_computer_are_not_counted(make_app: Any, origin: TLSOrigin) -> None:
    app, cimd = make_app()
    with app.app_context():
        for number in range(40):
            cimd.resolve(publish_document(origin, f"/{number}.json"))


@proves("L-31")
@pytest.mark.parametrize(
    ("host", "site"),
    [
        ("a.b.example.com", "example.com"),
        ("example.co.uk", "example.co.uk"),
        ("alice.github.io", "alice.github.io"),
        ("x.bob.github.io", "bob.github.io"),
        ("alice.pages.example", "alice.pages.example"),
        ("deep.alice.pages.example", "alice.pages.example"),
        ("pages.example", "pages.example"),
        ("localhost", "localhost"),
    ],
)
def test_a_site_is_what_one_owner_registers(host: str, site: str) -> None:
    shared = Settings.from_config({"CIMD_SHARED_DOMAINS": ["pages.example"]}).shared_domains
    assert site_finder(shared)(host) == site


def test_without_the_list_each_host_is_a_site(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "publicsuffixlist", None)
    assert site_finder()("a.b.example.com") == "a.b.example.com"


@proves("L-31")
def test_neighbours_on_a_shared_domain_do_not_lock_each_other_out() -> None:
    seconds = [0.0]
    limits = SiteLimits(2, 60, site_of=site_finder(), clock=lambda: seconds[0])

    def count(host: str) -> None:
        limits.count(host, f"https://{host}/c")

    count("alice.github.io")
    count("x.alice.github.io")
    with pytest.raises(TooManyFetchesError) as caught:
        count("y.alice.github.io")
    assert caught.value.retry_after == 61
    count("bob.github.io")
    seconds[0] = 60
    count("alice.github.io")


# -- signals ------------------------------------------------------------------------------------------------------


def test_every_outcome_is_told_with_slug_host_phase_and_duration(make_app: Any, origin: TLSOrigin) -> None:
    app, cimd = make_app(CIMD_DENIED_HOSTS=["denied.example"], CIMD_PROFILE="allow_loopback_clients")
    heard: list[tuple[str, str, str]] = []

    def resolved(sender: Flask, *, host: str, origin: str, duration: float, **values: Any) -> None:
        assert duration >= 0
        heard.append(("resolved", host.partition(":")[0], origin))

    def rejected(sender: Flask, *, slug: str, host: str, phase: str, duration: float, **values: Any) -> None:
        assert duration >= 0
        heard.append((slug, host.partition(":")[0], phase))

    signals.client_resolved.connect(resolved, app)
    signals.client_rejected.connect(rejected, app)
    url = publish_document(origin)
    broken = origin.serve("/broken.json", b"{}", headers={"Content-Type": "application/json"})
    with app.app_context():
        for raw in (url, url, "http://localhost:3000/", origin.url("/gone"), broken, "https://denied.example/c", "?"):
            try:
                cimd.resolve(raw)
            except CIMDError:
                continue
    assert heard == [
        ("resolved", "localhost", "fetch"),
        ("resolved", "localhost", "store"),
        ("resolved", "localhost", "built-in"),
        ("status", "localhost", "response"),
        ("invalid-document", "localhost", ""),
        ("host-denied", "denied.example", ""),
        ("bad-scheme", "", ""),
    ]

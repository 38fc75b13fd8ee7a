"""Copies past their lifetime: for existing grants only, for a bounded time, and never of a client that is gone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from flask_cimd import CIMD, DocumentError, FetchError, PolicyDeniedError, signals
from flask_cimd.errors import GoneError
from flask_cimd.stores import MemoryStore
from tests.support.clock import Clock
from tests.support.origin import TLSOrigin, publish_document
from tests.support.proves import proves

SHORT = {"Cache-Control": "max-age=60"}


@pytest.fixture
def make_cimd(ca_bundle: Any, clock: Clock) -> Callable[..., tuple[Flask, CIMD]]:
    def make(**config: Any) -> tuple[Flask, CIMD]:
        app = Flask("app")
        app.config.update({"CIMD_ALLOW_LOOPBACK": True, "CIMD_CA_BUNDLE": str(ca_bundle), **config})
        cimd = CIMD(clock=clock)
        cimd.init_app(app)
        return app, cimd

    return make


def grow_stale(cimd: CIMD, url: str, origin: TLSOrigin, clock: Clock) -> None:
    """Store a copy, take its host down, and let the copy's lifetime end."""
    cimd.resolve(url)
    origin.serve("/client.json", b"down", status=503)
    clock.forward(seconds=61)


@proves("C-64", "IA-48")
def test_a_stale_copy_serves_existing_grants_and_no_new_consent(
    origin: TLSOrigin, make_cimd: Any, clock: Clock
) -> None:
    app, cimd = make_cimd()
    url = publish_document(origin, headers=SHORT)
    with app.app_context():
        grow_stale(cimd, url, origin, clock)
        with pytest.raises(FetchError):
            cimd.resolve(url)
        assert cimd.resolve_existing(url).client_name == "App"
        clock.forward(hours=23, minutes=59)
        assert cimd.resolve_existing(url).client_name == "App"
        clock.forward(minutes=1)
        with pytest.raises(FetchError):
            cimd.resolve_existing(url)


def test_the_bound_of_stale_copies_is_a_setting(origin: TLSOrigin, make_cimd: Any, clock: Clock) -> None:
    app, cimd = make_cimd(CIMD_STALE_MAX=0)
    url = publish_document(origin, headers=SHORT)
    with app.app_context():
        grow_stale(cimd, url, origin, clock)
        with pytest.raises(FetchError):
            cimd.resolve_existing(url)


def test_a_document_that_became_invalid_leaves_the_copy_to_existing_grants(
    origin: TLSOrigin, make_cimd: Any, clock: Clock
) -> None:
    app, cimd = make_cimd()
    url = publish_document(origin, headers=SHORT)
    with app.app_context():
        cimd.resolve(url)
        publish_document(origin, client_secret="oops")
        clock.forward(seconds=61)
        with pytest.raises(DocumentError):
            cimd.resolve(url)
        assert cimd.resolve_existing(url).client_name == "App"


@proves("L-32")
@pytest.mark.parametrize("status", [404, 410])
def test_a_client_that_is_gone_is_gone_at_once(origin: TLSOrigin, make_cimd: Any, clock: Clock, status: int) -> None:
    app, cimd = make_cimd()
    url = publish_document(origin, headers=SHORT)
    with app.app_context():
        cimd.resolve(url)
        origin.serve("/client.json", b"", status=status)
        clock.forward(seconds=61)
        with pytest.raises(GoneError):
            cimd.resolve_existing(url)
        assert list(cimd.store) == []
        origin.serve("/client.json", b"down", status=503)  # nothing is left to stand in later
        with pytest.raises(FetchError):
            cimd.resolve_existing(url)


def test_policy_runs_on_stale_copies_too(origin: TLSOrigin, make_cimd: Any, clock: Clock) -> None:
    app, cimd = make_cimd()
    url = publish_document(origin, headers=SHORT)
    welcome = True
    cimd.allow_client(lambda client: welcome)
    with app.app_context():
        grow_stale(cimd, url, origin, clock)
        welcome = False
        with pytest.raises(PolicyDeniedError):
            cimd.resolve_existing(url)


def test_no_copy_stands_in_after_an_allow_fetch_hook_said_no(origin: TLSOrigin, make_cimd: Any, clock: Clock) -> None:
    app, cimd = make_cimd()
    url = publish_document(origin, headers=SHORT)
    with app.app_context():
        cimd.resolve(url)
        cimd.allow_fetch(lambda identifier: False)
        clock.forward(seconds=61)
        with pytest.raises(PolicyDeniedError) as refused:
            cimd.resolve_existing(url)

    assert refused.value.slug == "fetch-refused"
    assert len(origin.requests) == 1


def test_a_copy_of_other_rules_is_dropped_and_fetched_again_in_the_same_request(
    origin: TLSOrigin, make_cimd: Any
) -> None:
    store = MemoryStore()
    url = publish_document(origin, redirect_uris=["https://elsewhere.example/cb"])
    app, cimd = make_cimd(CIMD_STORE=store)
    with app.app_context():
        assert cimd.resolve(url).redirect_uris == ("https://elsewhere.example/cb",)
    app, cimd = make_cimd(CIMD_STORE=store, CIMD_PROFILE="redirect_relation=same-origin")
    with app.app_context():
        with pytest.raises(DocumentError):
            cimd.resolve(url)
        assert list(store) == []
        publish_document(origin)
        assert cimd.resolve(url).redirect_uris == (origin.url("/cb"),)
    assert len(origin.requests) == 3
    app, cimd = make_cimd(CIMD_STORE=store, CIMD_PROFILE="redirect_relation=same-origin")
    with app.app_context():
        cimd.resolve(url)
    assert len(origin.requests) == 3  # the same rules: the copy serves


@proves("C-58", "C-63")
def test_without_back_off_the_next_request_may_succeed(origin: TLSOrigin, make_cimd: Any) -> None:
    app, cimd = make_cimd()
    url = origin.url("/client.json")
    with app.app_context():
        for _ in range(3):
            with pytest.raises(FetchError):
                cimd.resolve(url)
        assert len(origin.requests) == 3
        publish_document(origin)
        assert cimd.resolve(url).client_name == "App"


@proves("C-63", "L-30", "L-31")
def test_back_off_spares_a_url_that_failed(origin: TLSOrigin, make_cimd: Any, clock: Clock) -> None:
    app, cimd = make_cimd(CIMD_FAILURE_BACKOFF=10)
    url = origin.url("/client.json")
    with app.app_context():
        for _ in range(100):
            with pytest.raises(FetchError):
                cimd.resolve(url)
        assert len(origin.requests) == 1
        publish_document(origin)
        publish_document(origin, "/neighbour.json")
        assert cimd.resolve(origin.url("/neighbour.json"))  # what one URL answers is not its host's fault
        with pytest.raises(FetchError) as caught:
            cimd.resolve(url)
        assert caught.value.slug == "backing-off"
        clock.forward(seconds=10)
        assert cimd.resolve(url).client_name == "App"


@proves("C-63")
def test_back_off_spares_a_host_that_cannot_be_reached(origin: TLSOrigin, make_cimd: Any, clock: Clock) -> None:
    app, cimd = make_cimd(CIMD_FAILURE_BACKOFF=10, CIMD_CA_BUNDLE=None)  # its certificate is not trusted now
    slugs = []
    with app.app_context():
        for number in range(3):
            with pytest.raises(FetchError) as caught:
                cimd.resolve(origin.url(f"/{number}.json"))
            slugs.append(caught.value.slug)
    assert slugs[1:] == ["backing-off", "backing-off"]
    assert slugs[0] != "backing-off"
    assert origin.connections == 1


def test_back_off_covers_invalid_documents(origin: TLSOrigin, make_cimd: Any) -> None:
    app, cimd = make_cimd(CIMD_FAILURE_BACKOFF=10)
    url = publish_document(origin, client_secret="oops")
    with app.app_context():
        with pytest.raises(DocumentError):
            cimd.resolve(url)
        with pytest.raises(FetchError):
            cimd.resolve(url)
    assert len(origin.requests) == 1


def test_back_off_lets_known_clients_and_stale_copies_through(origin: TLSOrigin, make_cimd: Any, clock: Clock) -> None:
    app, cimd = make_cimd(CIMD_FAILURE_BACKOFF=10)
    url = publish_document(origin, headers=SHORT)
    with app.app_context():
        grow_stale(cimd, url, origin, clock)
        for _ in range(5):
            assert cimd.resolve_existing(url).client_name == "App"
    assert len(origin.requests) == 2


@proves("C-105")
def test_a_changed_document_is_announced_once(origin: TLSOrigin, make_cimd: Any, clock: Clock) -> None:
    app, cimd = make_cimd()
    url = publish_document(origin, headers=SHORT)
    seen: list[tuple[str | None, str | None]] = []

    def note(sender: Flask, before: Any, after: Any) -> None:
        seen.append((before.client_name, after.client_name))

    with app.app_context(), signals.client_changed.connected_to(note, sender=app):
        cimd.resolve(url)
        clock.forward(seconds=61)
        cimd.resolve(url)  # nothing changed
        publish_document(origin, client_name="Renamed", headers=SHORT)
        clock.forward(seconds=61)
        cimd.resolve(url)
        cimd.resolve(url)
        publish_document(origin, client_name="Renamed", policy_uri="https://app.example/p", headers=SHORT)
        clock.forward(seconds=61)
        cimd.resolve(url)  # consent does not depend on this
    assert seen == [("App", "Renamed")]

"""Keys behind ``jwks_uri``: the same guard as for documents, few fetches, copies that outlive a dead host."""

from __future__ import annotations

import json
from codecs import BOM_UTF8
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier
from typing import Any

import pytest
from flask import Flask
from flask_sqlalchemy import SQLAlchemy

from flask_cimd import CIMD, ClientMetadata
from flask_cimd.clients.keys import MAX_KEY_SET, ClientKeys
from flask_cimd.clients.parts import assemble
from flask_cimd.errors import (
    AddressBlockedError,
    DocumentError,
    FetchError,
    GoneError,
    ResponseTooLargeError,
    TooManyFetchesError,
    UnexpectedResponseError,
)
from flask_cimd.stores import MemoryFetchedStore, MemoryStore
from tests.support.clock import Clock
from tests.support.keys import KeyHolder, name_leads_to
from tests.support.origin import TLSOrigin, publish_document
from tests.support.proves import proves

JSON = {"Content-Type": "application/json"}


@pytest.fixture
def make_cimd(ca_bundle: Any, clock: Clock) -> Callable[..., tuple[Flask, CIMD]]:
    def make(db: SQLAlchemy | None = None, **config: Any) -> tuple[Flask, CIMD]:
        app = Flask("app")
        app.config.update(
            CIMD_ALLOW_LOOPBACK=True,
            CIMD_CA_BUNDLE=str(ca_bundle),
            CIMD_AUTH_METHODS=("none", "private_key_jwt"),
            **config,
        )
        if db is not None:
            db.init_app(app)
        cimd = CIMD(clock=clock)
        cimd.init_app(app, db=db)
        return app, cimd

    return make


def serve_keys(origin: TLSOrigin, *holders: KeyHolder, headers: dict[str, str] | None = None) -> str:
    body = json.dumps({"keys": [holder.jwk for holder in holders]}).encode()
    return origin.serve("/jwks.json", body, headers={**JSON, **(headers or {})})


def client_of(origin: TLSOrigin, cimd: CIMD, jwks_uri: str, path: str = "/client.json") -> ClientMetadata:
    url = publish_document(origin, path, token_endpoint_auth_method="private_key_jwt", jwks_uri=jwks_uri)
    return cimd.resolve(url)


def names(keys: Any) -> list[str]:
    return [key["kid"] for key in keys]


@proves("C-81")
def test_a_key_set_is_fetched_once_in_its_lifetime(origin: TLSOrigin, make_cimd: Any, clock: Clock) -> None:
    app, cimd = make_cimd()
    with app.app_context():
        holder = KeyHolder("", clock)
        client = client_of(origin, cimd, serve_keys(origin, holder, headers={"Cache-Control": "max-age=600"}))
        assert names(cimd.client_keys.find(client, "one")) == ["one"]
        clock.forward(seconds=599)
        assert names(cimd.client_keys.find(client, "one")) == ["one"]
        assert origin.count("/jwks.json") == 1
        clock.forward(seconds=2)
        cimd.client_keys.find(client, "one")
    assert origin.count("/jwks.json") == 2


def test_a_look_up_without_a_name_is_served_from_a_fresh_copy(origin: TLSOrigin, make_cimd: Any, clock: Clock) -> None:
    app, cimd = make_cimd()
    with app.app_context():
        client = client_of(origin, cimd, serve_keys(origin, KeyHolder("", clock)))
        assert names(cimd.client_keys.find(client)) == ["one"]
        clock.forward(seconds=61)
        assert names(cimd.client_keys.find(client)) == ["one"]
    assert origin.count("/jwks.json") == 1


@proves("C-81", "O-85")
def test_a_rotated_key_is_found_with_one_fetch(origin: TLSOrigin, make_cimd: Any, clock: Clock) -> None:
    app, cimd = make_cimd()
    with app.app_context():
        old, new = KeyHolder("", clock), KeyHolder("", clock, kid="two", number=1)
        client = client_of(origin, cimd, serve_keys(origin, old))
        cimd.client_keys.find(client, "one")
        clock.forward(seconds=61)
        serve_keys(origin, old, new)
        assert names(cimd.client_keys.find(client, "two")) == ["one", "two"]
    assert origin.count("/jwks.json") == 2


@proves("C-81", "O-85")
def test_a_flood_of_unknown_names_costs_one_fetch_a_minute(origin: TLSOrigin, make_cimd: Any, clock: Clock) -> None:
    app, cimd = make_cimd()
    with app.app_context():
        client = client_of(origin, cimd, serve_keys(origin, KeyHolder("", clock)))
        cimd.client_keys.find(client, "one")
        clock.forward(seconds=61)
        for number in range(50):
            cimd.client_keys.find(client, f"invented {number}")
        assert origin.count("/jwks.json") == 2
        clock.forward(seconds=61)
        cimd.client_keys.find(client, "invented")
    assert origin.count("/jwks.json") == 3


def test_one_client_cannot_use_up_anothers_minute(origin: TLSOrigin, make_cimd: Any, clock: Clock) -> None:
    app, cimd = make_cimd()
    with app.app_context():
        uri = serve_keys(origin, KeyHolder("", clock))
        mine, other = client_of(origin, cimd, uri), client_of(origin, cimd, uri, "/other.json")
        cimd.client_keys.find(mine, "one")
        serve_keys(origin, KeyHolder("", clock, kid="two"))
        cimd.client_keys.find(other, "two")
        clock.forward(seconds=61)
        cimd.client_keys.find(other, "invented")
        assert names(cimd.client_keys.find(mine, "two")) == ["two"]


def test_parallel_look_ups_share_one_fetch(origin: TLSOrigin, make_cimd: Any, clock: Clock) -> None:
    app, cimd = make_cimd()
    start = Barrier(8)
    with app.app_context():
        client = client_of(origin, cimd, serve_keys(origin, KeyHolder("", clock)))

    def look(_: int) -> list[str]:
        with app.app_context():
            start.wait()
            return names(cimd.client_keys.find(client, "one"))

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(look, range(8))) == [["one"]] * 8
    assert origin.count("/jwks.json") == 1


@proves("C-64")
def test_stored_keys_serve_while_the_host_is_down(origin: TLSOrigin, make_cimd: Any, clock: Clock) -> None:
    app, cimd = make_cimd(CIMD_STALE_MAX=3600)
    with app.app_context():
        uri = serve_keys(origin, KeyHolder("", clock), headers={"Cache-Control": "max-age=60"})
        client = client_of(origin, cimd, uri)
        cimd.client_keys.find(client, "one")
        origin.serve("/jwks.json", b"down", status=503)
        clock.forward(seconds=61)
        for _ in range(3):
            assert names(cimd.client_keys.find(client, "one")) == ["one"]
        assert origin.count("/jwks.json") == 2  # a dead host is asked once a minute
        clock.forward(seconds=3600)
        with pytest.raises(FetchError):
            cimd.client_keys.find(client, "one")


@proves("L-32")
def test_a_key_set_that_is_gone_leaves_nothing(origin: TLSOrigin, make_cimd: Any, clock: Clock) -> None:
    app, cimd = make_cimd()
    with app.app_context():
        uri = serve_keys(origin, KeyHolder("", clock), headers={"Cache-Control": "max-age=60"})
        client = client_of(origin, cimd, uri)
        cimd.client_keys.find(client, "one")
        origin.serve("/jwks.json", b"gone", status=410)
        clock.forward(seconds=61)
        for _ in range(2):
            with pytest.raises(GoneError):
                cimd.client_keys.find(client, "one")


@proves("C-46", "C-81")
@pytest.mark.parametrize(
    ("body", "headers", "status", "error"),
    [
        (b'{"keys": {}}', JSON, 200, DocumentError),
        (b"[]", JSON, 200, DocumentError),
        (b"{", JSON, 200, DocumentError),
        (b'{"keys": [{"kty": "oct", "k": "AAAA"}]}', JSON, 200, DocumentError),
        (b'{"keys": [{"kty": "EC", "crv": "P-256", "x": "A", "y": "A", "d": "A"}]}', JSON, 200, DocumentError),
        (b'{"keys": [], "keys": []}', JSON, 200, DocumentError),
        (b'{"keys": []' + b" " * MAX_KEY_SET + b"}", JSON, 200, ResponseTooLargeError),
        (b"<html>", {"Content-Type": "text/html"}, 200, UnexpectedResponseError),
        (b'{"keys": []}', {"Content-Type": "text/html"}, 200, UnexpectedResponseError),
        (b"", {"Location": "https://localhost/keys"}, 302, FetchError),
    ],
)
def test_what_is_no_set_of_public_keys_is_refused(
    origin: TLSOrigin, make_cimd: Any, body: bytes, headers: dict[str, str], status: int, error: type[Exception]
) -> None:
    app, cimd = make_cimd()
    with app.app_context():
        client = client_of(origin, cimd, origin.serve("/jwks.json", body, status=status, headers=headers))
        with pytest.raises(error):
            cimd.client_keys.find(client, "one")
        serve_keys(origin, KeyHolder("", Clock()))
        assert names(cimd.client_keys.find(client, "one")) == ["one"]  # nothing bad was kept


@proves("C-81")
@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain; charset=utf-8"},
        {"Content-Type": "application/octet-stream"},
        {"Content-Type": ""},
        {},
        JSON,
    ],
)
@pytest.mark.parametrize("mark", [b"", BOM_UTF8])
def test_an_untyped_key_set_is_read_by_its_content(
    origin: TLSOrigin, make_cimd: Any, clock: Clock, headers: dict[str, str], mark: bytes
) -> None:
    app, cimd = make_cimd()
    with app.app_context():
        body = mark + json.dumps(KeyHolder("", clock).jwks).encode()
        client = client_of(origin, cimd, origin.serve("/jwks.json", body, headers=headers))
        assert names(cimd.client_keys.find(client, "one")) == ["one"]
        for number, wrong in enumerate((b"not here", mark + BOM_UTF8 + BOM_UTF8 + body, b'{"keys": [], "keys": []}')):
            elsewhere = replace(client, jwks_uri=origin.serve(f"/{number}.json", wrong, headers=headers))
            with pytest.raises(DocumentError):
                cimd.client_keys.find(elsewhere, "one")


@proves("C-37")
def test_a_byte_order_mark_counts_towards_the_largest_size(origin: TLSOrigin, make_cimd: Any, clock: Clock) -> None:
    app, cimd = make_cimd()
    with app.app_context():
        body = BOM_UTF8 + json.dumps(KeyHolder("", clock).jwks).encode()
        client = client_of(origin, cimd, origin.serve("/jwks.json", body.ljust(MAX_KEY_SET + 1), headers=JSON))
        with pytest.raises(ResponseTooLargeError):
            cimd.client_keys.find(client, "one")


def test_an_empty_key_set_means_that_every_key_is_withdrawn(origin: TLSOrigin, make_cimd: Any, clock: Clock) -> None:
    app, cimd = make_cimd()
    with app.app_context():
        client = client_of(origin, cimd, origin.serve("/jwks.json", b'{"keys": []}', headers=JSON))
        assert cimd.client_keys.find(client, "one") == ()


def test_sixteen_kilobytes_are_accepted(origin: TLSOrigin, make_cimd: Any, clock: Clock) -> None:
    app, cimd = make_cimd()
    with app.app_context():
        uri = serve_keys(origin, KeyHolder("", clock))
        client = client_of(origin, cimd, uri)
        body = json.dumps(KeyHolder("", clock).jwks).encode()
        origin.serve("/jwks.json", body.ljust(MAX_KEY_SET), headers=JSON)
        assert names(cimd.client_keys.find(client, "one")) == ["one"]


@proves("C-81", "C-89", "L-10")
@pytest.mark.parametrize("address", ["10.0.0.5", "169.254.169.254", "::ffff:10.0.0.1", "fd00::1"])
def test_a_key_set_at_a_forbidden_address_is_never_asked_for(
    origin: TLSOrigin, make_cimd: Any, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The client's own document is fine
    name_leads_to(monkeypatch, "keys.example", address)
    app, cimd = make_cimd()
    with app.app_context():
        client = client_of(origin, cimd, "https://keys.example/jwks.json")
        with pytest.raises(AddressBlockedError):
            cimd.client_keys.find(client, "one")


@proves("C-96")
def test_a_denied_host_serves_no_keys(origin: TLSOrigin, make_cimd: Any, clock: Clock) -> None:
    app, cimd = make_cimd(CIMD_DENIED_HOSTS=("keys.example",))
    with app.app_context():
        client = client_of(origin, cimd, "https://keys.example/jwks.json")
        with pytest.raises(AddressBlockedError) as caught:
            cimd.client_keys.find(client, "one")
    assert caught.value.slug == "host-denied"


def test_key_sets_of_one_site_are_limited_apart_from_its_documents(
    origin: TLSOrigin, make_cimd: Any, clock: Clock
) -> None:
    app, cimd = make_cimd(CIMD_SITE_FETCHES=2)
    uri = serve_keys(origin, KeyHolder("", clock))
    with app.app_context():
        first = client_of(origin, cimd, uri, "/1.json")
        second = client_of(origin, cimd, uri, "/2.json")  # the documents of the site are used up
        third = replace(first, jwks_uri=uri + "?third")
        for client in (first, second):
            assert names(cimd.client_keys.find(client, "one")) == ["one"]
        with pytest.raises(TooManyFetchesError) as refused:
            cimd.client_keys.find(third, "one")

    assert refused.value.slug == "too-many-fetches-of-site"
    assert origin.count("/jwks.json") == 2


def test_kept_key_sets_are_bounded_in_number(origin: TLSOrigin, make_cimd: Any, clock: Clock) -> None:
    app, cimd = make_cimd()
    with app.app_context():
        keys = ClientKeys(assemble(cimd.settings, MemoryStore(), clock=clock), MemoryFetchedStore(2))
        uri = serve_keys(origin, KeyHolder("", clock))
        clients = [client_of(origin, cimd, uri, f"/{number}.json") for number in range(3)]
        for client in clients:
            keys.find(client, "one")
        assert origin.count("/jwks.json") == 3
        keys.find(clients[2], "one")
        keys.find(clients[1], "one")
        assert origin.count("/jwks.json") == 3
        keys.find(clients[0], "one")
        assert origin.count("/jwks.json") == 4


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_processes_share_key_sets_in_the_apps_database(
    origin: TLSOrigin, make_cimd: Any, clock: Clock, tmp_path: Any, database: str, request: pytest.FixtureRequest
) -> None:
    url = f"sqlite:///{tmp_path}/keys.db" if database == "sqlite" else request.getfixturevalue("postgres_url")
    uri = serve_keys(origin, KeyHolder("", clock), headers={"Cache-Control": "max-age=60"})
    for number in range(3):  # as after a restart
        db = SQLAlchemy()
        app, cimd = make_cimd(db=db, SQLALCHEMY_DATABASE_URI=url, CIMD_STORE="sqlalchemy")
        with app.app_context():
            db.create_all()
            client = client_of(origin, cimd, uri)
            assert names(cimd.client_keys.find(client, "one")) == ["one"]
            clock.forward(seconds=61 if number else 0)
            if number:
                origin.serve("/jwks.json", b"down", status=503)
                assert names(cimd.client_keys.find(client, "one")) == ["one"]
            if number == 2:
                db.drop_all()
            db.engine.dispose()
    assert origin.count("/jwks.json") == 3


def test_inline_keys_are_never_fetched(origin: TLSOrigin, make_cimd: Any, clock: Clock) -> None:
    app, cimd = make_cimd()
    with app.app_context():
        holder = KeyHolder("", clock)
        url = publish_document(origin, token_endpoint_auth_method="private_key_jwt", jwks=holder.jwks)
        assert names(cimd.client_keys.find(cimd.resolve(url))) == ["one"]
        assert cimd.client_keys.find(cimd.resolve(publish_document(origin, "/public.json"))) == ()
    assert len(origin.requests) == 2

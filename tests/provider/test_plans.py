"""Every query of a request is served by an index, however much is kept."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import text

from flask_cimd.oauth import Registration, ResourceServer
from flask_cimd.provider import SQLAlchemyStorage
from flask_cimd.testing._steps import (
    ALICE,
    CLIENT,
    DAY,
    GRACE,
    MINUTE,
    NOW,
    make_code,
    make_consent,
    make_grant,
    make_request,
    make_tokens,
    make_waiting,
    new_digest,
    settlement_of,
)
from tests.support.statements import full_scans, recorded

#: Rows of each table, and of the largest ones.
ROWS, MOST_ROWS = 20_000, 100_000
GROWING = frozenset(
    {
        "cimd_grant",
        "cimd_code",
        "cimd_token",
        "cimd_pushed_request",
        "cimd_waiting_request",
        "cimd_replay_key",
        "cimd_registration",
        "cimd_remembered_consent",
    }
)
#: Rows of many people and clients, of which one in four belongs to one person, and one in ten to one client.
FILL = {
    "cimd_grant": (
        "(id, issuer, client_id, fingerprint, subject, scope, resource, redirect_uri, access_seconds, auth_method,"
        " created_at, used_at, ends_at)"
        " SELECT 'grant' || n, '',"
        " CASE n % 10 WHEN 0 THEN :client ELSE 'https://app' || (n % 1000) || '.example/c' END,"
        " 'f', CASE n % 4 WHEN 0 THEN :subject ELSE 'https://person' || (n % 5000) || '.example/' END,"
        " 'profile', '[]', 'https://app.example/other', 900, '', :now - n, :now - n, :now + n"
    ),
    "cimd_code": (
        "(digest, grant_id, redirect_uri, code_challenge, expires_at, spent_at)"
        " SELECT 'code' || n, 'grant' || n, 'https://app.example/cb', 'c', :now - n, :now - n"
    ),
    "cimd_token": (
        "(digest, grant_id, kind, scope, resource, created_at, expires_at)"
        " SELECT 'token' || n, 'grant' || n, 'refresh', 'profile', '[]', :now - n, :now + n"
    ),
    "cimd_pushed_request": "(digest, request, size, expires_at) SELECT 'pushed' || n, '{}', 2, :now + n",
    "cimd_waiting_request": (
        "(digest, browser, subject, content, size, created_at, expires_at)"
        " SELECT 'waiting' || n, 'browser' || (n % 5000), 's', '{}', 2, :now - n, :now + n"
    ),
    "cimd_replay_key": "(key, expires_at) SELECT 'key' || n, :now + n",
    "cimd_remembered_consent": (
        "(key, issuer, subject, client_id, fingerprint, redirect_uri, asked, granted, resource, lifetime, created_at,"
        " ends_at) SELECT 'key' || n, '', CASE n % 4 WHEN 0 THEN :subject ELSE 'https://person' || (n % 5000)"
        " || '.example/' END, CASE n % 10 WHEN 0 THEN :client ELSE 'https://app' || (n % 1000) || '.example/c' END,"
        " 'f', 'https://app.example/cb', 'profile', 'profile', '[]', '', :now - n, :now + n"
    ),
    "cimd_registration": (
        "(client_id, issuer, members, network, created_at, used_at, ends_at)"
        " SELECT 'client' || n, '', '{}', 'network' || (n % 500), :now - n, :now - n, :now + n"
    ),
}


@pytest.fixture(scope="module")
def filled(db: SQLAlchemy) -> SQLAlchemyStorage:
    storage = SQLAlchemyStorage(db)
    fill(db, NOW)
    return storage


def fill(db: SQLAlchemy, now: datetime) -> None:
    """Fill every table that grows."""
    series = "WITH RECURSIVE series(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM series WHERE n < {rows})"
    values = {"client": CLIENT, "subject": ALICE, "now": now.timestamp()}
    with db.engine.begin() as connection:
        if db.engine.dialect.name == "postgresql":
            connection.execute(text("SET LOCAL session_replication_role = replica"))  # foreign keys need no check here
        for table, rest in FILL.items():
            used = {name: value for name, value in values.items() if f":{name}" in rest}
            rows = MOST_ROWS if table in ("cimd_grant", "cimd_token") else ROWS
            connection.execute(text(f"{series.format(rows=rows)} INSERT INTO {table} {rest} FROM series"), used)
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))


def walk(storage: SQLAlchemyStorage) -> None:
    """Call everything that a request can call, and the sweep."""
    grant, code, waiting, pushed = make_grant(), make_code(), make_waiting(), new_digest()
    storage.keep_waiting(waiting, NOW, 20)
    storage.find_waiting(waiting.digest, NOW)
    storage.keep_pushed(pushed, make_request(), NOW + MINUTE, NOW)
    storage.find_pushed(pushed, NOW)
    storage.last_approved(ALICE, CLIENT)
    storage.has_approved(ALICE, CLIENT, "https://app.example/cb")
    assert storage.has_living_grant(CLIENT, NOW)
    assert storage.add_code(grant, code, settlement_of(waiting, pushed=pushed))
    storage.find_code(code.digest)
    access, refresh = make_tokens()
    assert storage.redeem_code(code.digest, (access, refresh), NOW, grant)
    storage.find_token(access.digest)
    pairs = [make_tokens() for _ in range(3)]
    assert storage.rotate(refresh.digest, pairs[0], NOW, grant, grace=GRACE)
    assert storage.rotate(refresh.digest, pairs[1], NOW, grant, grace=GRACE)
    assert storage.rotate(pairs[1][1].digest, pairs[2], NOW, grant, grace=GRACE)
    storage.use_once("a new key", NOW + MINUTE, NOW)
    storage.revoke_token(pairs[2][0].digest, NOW)
    assert len(storage.living_grants(ALICE, NOW, limit=20, offset=40)) == 20
    consent = make_consent()
    storage.remember_consent(consent)
    assert storage.find_consent(consent.key, NOW) == consent
    assert consent in storage.consents(ALICE, [CLIENT, "https://app77.example/c"], NOW)
    storage.set_end(ALICE, grant.id, NOW + DAY, NOW)
    storage.forget_consent(ALICE, consent.key)
    storage.forget_consents("https://person1.example/", CLIENT)
    storage.revoke_grant_of(ALICE, grant.id, NOW)
    storage.revoke_grant(grant.id, NOW)
    storage.revoke_client("https://person1.example/", CLIENT, NOW)
    storage.revoke_client(None, "https://app77.example/c", NOW)
    storage.revoke_subject("https://person1.example/", NOW)
    storage.take_pushed(new_digest())
    storage.drop_waiting(waiting.digest)
    registration = Registration(client_id="new", members="{}", created_at=NOW)
    storage.add(registration, NOW, "192.0.2.0/24")
    storage.find("new", NOW)
    storage.remove("new")
    server, _ = ResourceServer.create("https://api.example/")
    storage.add_resource_server(server, "API", NOW)
    storage.find_resource_server(server.id)
    storage.sweep(NOW + 40 * DAY, limit=2000)


def test_no_query_reads_a_whole_table(db: SQLAlchemy, filled: SQLAlchemyStorage) -> None:
    with recorded(db.engine) as sent:
        walk(filled)
    found = {
        statement: scans
        for statement, parameters in sent.statements
        if (scans := full_scans(db.engine, statement, parameters, GROWING))
    }
    assert not found, found
    assert len(sent.statements) > 50


def test_the_reader_of_plans_finds_a_scan(db: SQLAlchemy, filled: SQLAlchemyStorage) -> None:
    for statement in ("SELECT count(*) FROM cimd_grant", "SELECT id FROM cimd_grant WHERE redirect_uri = 'x'"):
        assert full_scans(db.engine, statement, (), GROWING)


def test_an_index_serves_a_person_with_thousands_of_grants(db: SQLAlchemy, filled: SQLAlchemyStorage) -> None:
    # Each client is found by one look into the index: the number of its grants does not matter.
    with recorded(db.engine) as sent:
        page = filled.living_grants(ALICE, NOW - timedelta(days=1), limit=5)
    assert len(page) == 5
    assert len(sent.statements) == 1 + len(page)

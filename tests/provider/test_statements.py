"""What a request costs at the database: statements, transactions that are begun, and commits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask_sqlalchemy import SQLAlchemy

from flask_cimd.oauth import ResourceServer
from flask_cimd.provider import SQLAlchemyStorage
from flask_cimd.testing._steps import (
    ALICE,
    CLIENT,
    GRACE,
    MINUTE,
    NOW,
    make_client,
    make_code,
    make_grant,
    make_request,
    make_tokens,
    make_waiting,
    new_digest,
    settlement_of,
)
from tests.support.statements import recorded

#: Statements, explicit transactions, commits. A read is one statement without a transaction; what must happen together
#: is one transaction; a single INSERT commits by itself.
EXPECTED = {
    "GET authorize": (4, 1, 1),  # last approval, same redirect URI, the waiting request, its browser's bound
    "POST consent": (4, 1, 1),  # the waiting request; then: decide it, add the grant, add the code
    "POST token, code": (4, 1, 1),  # the code; then: spend it, settle the grant, add both tokens
    "POST token, refresh": (5, 1, 1),  # the token; then: end the parent's grace, rotate, renew the grant, add both
    "resource": (1, 0, 0),  # the token with its grant
    "introspection": (2, 0, 0),  # the caller, the token
    "POST par": (1, 0, 1),  # the request
    "DPoP proof or assertion": (1, 0, 1),  # the replay key
    "POST revoke": (2, 0, 1),  # the token; then: end the grant
    "apps, 3 clients": (4, 0, 0),  # the page of clients; then: the grants of each
}


def test_the_statements_of_each_request(db: SQLAlchemy, storage: SQLAlchemyStorage) -> None:
    counted = {name: count(db, request) for name, request in requests(storage).items()}
    print(f"\n{db.engine.dialect.name:24}  statements  transactions  commits")
    for name, (statements, begins, commits) in counted.items():
        print(f"{name:24}  {statements:10}  {begins:12}  {commits:7}")
    assert counted == EXPECTED


def test_a_sign_in_is_twelve_statements_in_three_transactions(db: SQLAlchemy, storage: SQLAlchemyStorage) -> None:
    steps = requests(storage)
    counted = [count(db, steps[name]) for name in ("GET authorize", "POST consent", "POST token, code")]
    assert tuple(map(sum, zip(*counted, strict=True))) == (12, 3, 3)


def count(db: SQLAlchemy, request: Callable[[], Any]) -> tuple[int, int, int]:
    with recorded(db.engine) as sent:
        request()
    return sent.counts


def requests(storage: SQLAlchemyStorage) -> dict[str, Callable[[], Any]]:
    """Return what each request calls, in the order of a sign-in."""
    client = make_client()
    waiting, grant, code = make_waiting(), make_grant(client=client), make_code()
    access, refresh = make_tokens()
    server, _ = ResourceServer.create("https://api.example/")
    storage.add_resource_server(server, "API", NOW)
    for number in range(3):
        other, its_code = make_grant(client_id=f"https://app{number}.example/c", client=client), make_code()
        storage.add_code(other, its_code)
        storage.redeem_code(its_code.digest, make_tokens(), NOW)
    return {
        "GET authorize": lambda: (
            storage.last_approved(ALICE, CLIENT),
            storage.has_approved(ALICE, CLIENT, "https://app.example/cb"),
            storage.keep_waiting(waiting, NOW, 20),
        ),
        "POST consent": lambda: (
            storage.find_waiting(waiting.digest, NOW),
            storage.add_code(grant, code, settlement_of(waiting)),
        ),
        "POST token, code": lambda: (
            storage.find_code(code.digest),
            storage.redeem_code(code.digest, (access, refresh), NOW, grant),
        ),
        "POST token, refresh": lambda: (
            storage.find_token(refresh.digest),
            storage.rotate(refresh.digest, make_tokens(), NOW, grant, grace=GRACE),
        ),
        "resource": lambda: storage.find_token(access.digest),
        "introspection": lambda: (storage.find_resource_server(server.id), storage.find_token(access.digest)),
        "POST par": lambda: storage.keep_pushed(new_digest(), make_request(client=client), NOW + MINUTE, NOW),
        "DPoP proof or assertion": lambda: storage.use_once(new_digest(), NOW + MINUTE, NOW),
        "POST revoke": lambda: (storage.find_token(refresh.digest), storage.revoke_grant(grant.id, NOW)),
        "apps, 3 clients": lambda: storage.living_grants(ALICE, NOW, limit=10),
    }

"""What the SQL storage keeps apart beyond the contract: issuers, ended grants, and bounds that are looked at rarely."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import select

from flask_cimd.provider import SQLAlchemyStorage, _requests, provider_models
from flask_cimd.provider._base import is_storable
from flask_cimd.testing._steps import (
    ALICE,
    BOB,
    CLIENT,
    DAY,
    MINUTE,
    NOW,
    SECOND,
    make_code,
    make_grant,
    make_request,
    make_tokens,
    make_waiting,
    new_digest,
    settlement_of,
)


@pytest.fixture
def other(db: SQLAlchemy, storage: SQLAlchemyStorage) -> SQLAlchemyStorage:
    """Return the storage of another issuer in the same database."""
    return SQLAlchemyStorage(db, issuer="https://other.example")


def signed_in(storage: SQLAlchemyStorage, **changes: object) -> tuple[str, tuple[str, str]]:
    """Keep a grant with an access and a refresh token; return the id of the grant and the tokens' digests."""
    grant, code = make_grant(**changes), make_code()
    assert storage.add_code(grant, code)
    tokens = make_tokens()
    assert storage.redeem_code(code.digest, tokens, NOW)
    return grant.id, (tokens[0].digest, tokens[1].digest)


def ends_at(db: SQLAlchemy, grant_id: str) -> float:
    grants = provider_models(db).Grant.__table__
    with db.engine.connect() as connection:
        found: float = connection.execute(select(grants.c.ends_at).where(grants.c.id == grant_id)).scalar_one()
    return found


# -- issuers ------------------------------------------------------------------------------------------------------


def test_grants_and_tokens_of_two_issuers_do_not_meet(storage: SQLAlchemyStorage, other: SQLAlchemyStorage) -> None:
    grant, (access, _) = signed_in(storage)
    assert storage.find_token(access) is not None
    assert other.find_token(access) is None
    assert not other.has_approved(ALICE, CLIENT, make_grant().redirect_uri)
    assert other.living_grants(ALICE, NOW, limit=9) == []
    assert other.grants(NOW) == []
    assert not other.revoke_grant_of(ALICE, grant, NOW)
    assert (other.revoke_client(ALICE, CLIENT, NOW), other.revoke_subject(ALICE, NOW)) == (0, 0)
    assert len(storage.grants(NOW)) == 1


def test_requests_of_two_issuers_do_not_meet(storage: SQLAlchemyStorage, other: SQLAlchemyStorage) -> None:
    digest, waiting = new_digest(), make_waiting()
    for one in (storage, other):
        one.keep_pushed(digest, make_request(), NOW + MINUTE, NOW)
        assert one.keep_waiting(waiting, NOW, 9)
        assert one.find_waiting(waiting.digest, NOW) is not None
    assert other.take_pushed(digest)
    other.drop_waiting(waiting.digest)
    assert storage.find_pushed(digest, NOW) is not None
    assert storage.find_waiting(waiting.digest, NOW) is not None


def test_two_named_issuers_do_not_use_up_each_other_s_keys(db: SQLAlchemy, other: SQLAlchemyStorage) -> None:
    third = SQLAlchemyStorage(db, issuer="https://third.example")
    assert other.use_once("key", NOW + MINUTE, NOW)
    assert third.use_once("key", NOW + MINUTE, NOW)
    assert not other.use_once("key", NOW + MINUTE, NOW)


# -- ends of grants -----------------------------------------------------------------------------------------------


def test_a_grant_lasts_as_long_as_its_longest_token(storage: SQLAlchemyStorage, db: SQLAlchemy) -> None:
    grant, (_, refresh) = signed_in(storage)
    assert ends_at(db, grant) == (NOW + 90 * DAY).timestamp()
    assert storage.rotate(refresh, make_tokens(refresh_ends=DAY), NOW)
    assert ends_at(db, grant) == (NOW + 90 * DAY).timestamp()


def test_the_end_of_the_refresh_token_shortens_the_grant(storage: SQLAlchemyStorage, db: SQLAlchemy) -> None:
    grant, (access, refresh) = signed_in(storage)
    storage.revoke_token(refresh, NOW)
    assert ends_at(db, grant) == (NOW + timedelta(minutes=15)).timestamp()
    storage.revoke_token(access, NOW)
    assert ends_at(db, grant) == NOW.timestamp()


@pytest.mark.parametrize("of", ["rotated", "spent"])
def test_a_token_that_was_exchanged_keeps_no_grant_alive(storage: SQLAlchemyStorage, db: SQLAlchemy, of: str) -> None:
    grant, (first, refresh) = signed_in(storage)
    pairs = [make_tokens(refresh_ends=DAY)]
    assert storage.rotate(refresh, pairs[0], NOW, grace=MINUTE)
    if of == "spent":
        pairs.append(make_tokens(refresh_ends=DAY))
        assert storage.rotate(refresh, pairs[1], NOW, grace=MINUTE)
        pairs.append(make_tokens(refresh_ends=DAY))
        assert storage.rotate(pairs[1][1].digest, pairs[2], NOW, grace=MINUTE)
    for digest in (first, *(token.digest for token in pairs[-1]), *(pair[0].digest for pair in pairs)):
        storage.revoke_token(digest, NOW)
    assert ends_at(db, grant) == NOW.timestamp()


def test_a_revoked_grant_keeps_the_instant_of_its_end(storage: SQLAlchemyStorage, db: SQLAlchemy) -> None:
    grant, (access, _) = signed_in(storage)
    storage.revoke_grant(grant, NOW)
    storage.revoke_grant(grant, NOW + DAY)
    assert ends_at(db, grant) == NOW.timestamp()
    storage.revoke_token(access, NOW + DAY)
    assert ends_at(db, grant) == NOW.timestamp()
    assert not storage.revoke_grant_of(ALICE, grant, NOW + DAY)
    assert storage.revoke_client(ALICE, CLIENT, NOW + DAY) == 0


def test_a_code_spent_without_tokens_leaves_the_grants_end(storage: SQLAlchemyStorage, db: SQLAlchemy) -> None:
    grant, code = make_grant(), make_code()
    storage.add_code(grant, code)
    assert storage.redeem_code(code.digest, (), NOW)
    assert ends_at(db, grant.id) == code.expires_at.timestamp()
    assert storage.living_grants(ALICE, NOW, limit=9) == []


def test_a_renewal_settles_the_keys_of_its_grant(storage: SQLAlchemyStorage) -> None:
    _, (_, refresh) = signed_in(storage)
    tokens = make_tokens()
    assert storage.rotate(refresh, tokens, NOW, make_grant(dpop_jkt="j", client_key="k", auth_method="none"))
    found = storage.find_token(tokens[0].digest)
    assert found is not None
    assert (found[0].dpop_jkt, found[0].client_key, found[0].auth_method) == ("j", "k", "none")


def test_a_revoked_grant_is_not_renewed(storage: SQLAlchemyStorage) -> None:
    grant, (_, refresh) = signed_in(storage)
    storage.revoke_grant(grant, NOW)
    tokens = make_tokens()
    assert not storage.rotate(refresh, tokens, NOW)
    assert storage.find_token(tokens[0].digest) is None


def test_a_revoked_grant_says_so(storage: SQLAlchemyStorage) -> None:
    grant, (access, _) = signed_in(storage)
    storage.revoke_grant(grant, NOW)
    found = storage.find_token(access)
    assert found is not None
    assert found[0].revoked


# -- rotation -----------------------------------------------------------------------------------------------------


def test_a_grace_of_a_minute_ends_after_a_minute(storage: SQLAlchemyStorage) -> None:
    _, (_, refresh) = signed_in(storage)
    assert storage.rotate(refresh, make_tokens(), NOW, grace=MINUTE)
    assert not storage.rotate(refresh, make_tokens(), NOW + MINUTE, grace=MINUTE)
    assert storage.rotate(refresh, make_tokens(), NOW + MINUTE - SECOND, grace=MINUTE)


@pytest.mark.parametrize(("used", "number"), [(0, 2), (1, 2), (0, 3), (1, 3), (2, 3)])
def test_the_first_sibling_that_rotates_spends_older_and_newer_ones(
    storage: SQLAlchemyStorage, used: int, number: int
) -> None:
    _, (access, refresh) = signed_in(storage)
    siblings = [make_tokens() for _ in range(number)]
    for tokens in siblings:
        assert storage.rotate(refresh, tokens, NOW, grace=MINUTE)
    first, cousins = siblings[used][1].digest, [make_tokens() for _ in range(2)]
    _, (_, stranger) = signed_in(storage)
    for tokens in cousins:
        assert storage.rotate(first, tokens, NOW, grace=MINUTE)
    for tokens in siblings:
        if tokens is not siblings[used]:
            assert not storage.rotate(tokens[1].digest, make_tokens(), NOW, grace=MINUTE)
    assert storage.rotate(stranger, make_tokens(), NOW, grace=MINUTE)
    older = storage.find_token(access)
    assert older is not None
    assert not older[1].spent
    assert storage.rotate(cousins[1][1].digest, make_tokens(), NOW, grace=MINUTE)


# -- what people see ----------------------------------------------------------------------------------------------


def test_living_grants_are_ones_own_used_unrevoked_and_unexpired(storage: SQLAlchemyStorage) -> None:
    for name in ("living", "revoked", "foreign", "unused"):
        grant, code = (
            make_grant(client_id=f"https://{name}.example/", subject=BOB if name == "foreign" else ALICE),
            make_code(),
        )
        storage.add_code(grant, code)
        if name != "unused":
            storage.redeem_code(code.digest, make_tokens(), NOW)
        if name == "revoked":
            storage.revoke_grant(grant.id, NOW + SECOND)
    clients = [client for client, _ in storage.living_grants(ALICE, NOW, limit=9)]
    assert clients == ["https://living.example/"]
    assert storage.living_grants(ALICE, NOW + 90 * DAY, limit=9) == []


def test_a_revoked_approval_does_not_hold(storage: SQLAlchemyStorage) -> None:
    grant, _ = signed_in(storage)
    uri = make_grant().redirect_uri
    assert storage.has_approved(ALICE, CLIENT, uri)
    storage.revoke_grant(grant, NOW)
    assert not storage.has_approved(ALICE, CLIENT, uri)


def test_an_operator_lists_grants_that_are_not_over_by_person_and_client(storage: SQLAlchemyStorage) -> None:
    mine, _ = signed_in(storage)
    foreign, _ = signed_in(storage, subject=BOB, client_id="https://b.example/")
    revoked, _ = signed_in(storage)
    storage.revoke_grant(revoked, NOW + SECOND)
    assert {one.grant.id for one in storage.grants(NOW)} == {mine, foreign}
    assert [one.grant.id for one in storage.grants(NOW, subject=BOB)] == [foreign]
    assert [one.grant.id for one in storage.grants(NOW, client_id=CLIENT)] == [mine]
    assert storage.grants(NOW + 90 * DAY) == []


# -- requests -----------------------------------------------------------------------------------------------------


def test_an_expired_pushed_request_is_not_decided(storage: SQLAlchemyStorage) -> None:
    digest, waiting = new_digest(), make_waiting()
    storage.keep_pushed(digest, make_request(), NOW + SECOND, NOW)
    storage.keep_waiting(waiting, NOW, 9)
    assert not storage.settle(settlement_of(waiting, pushed=digest), NOW + SECOND)


@pytest.mark.parametrize("bound", ["PUSHED_ENTRIES", "PUSHED_BYTES"])
def test_pushed_requests_are_bounded_in_number_and_bytes(
    storage: SQLAlchemyStorage, monkeypatch: pytest.MonkeyPatch, bound: str
) -> None:
    size = len(make_request().to_json().encode())
    monkeypatch.setattr(_requests, bound, 2 if bound == "PUSHED_ENTRIES" else 2 * size)
    digests = [new_digest() for _ in range(64)]
    for number, digest in enumerate(digests):
        storage.keep_pushed(digest, make_request(), NOW + number * SECOND, NOW - DAY)
    kept = [digest for digest in digests if storage.find_pushed(digest, NOW - DAY) is not None]
    assert kept == digests[-2:]


@pytest.mark.parametrize("bound", ["PUSHED_ENTRIES", "PUSHED_BYTES"])
def test_pushes_at_one_issuer_displace_none_at_another(
    storage: SQLAlchemyStorage, other: SQLAlchemyStorage, monkeypatch: pytest.MonkeyPatch, bound: str
) -> None:
    size = len(make_request().to_json().encode())
    monkeypatch.setattr(_requests, bound, 1 if bound == "PUSHED_ENTRIES" else size)
    monkeypatch.setattr(_requests, "_LOOK_EVERY", 1)
    first = new_digest()
    storage.keep_pushed(first, make_request(), NOW + SECOND, NOW)
    for number in range(2, 5):
        other.keep_pushed(new_digest(), make_request(), NOW + number * SECOND, NOW)
    assert storage.find_pushed(first, NOW) is not None


@pytest.mark.parametrize("bound", ["STRANGERS_ENTRIES", "STRANGERS_BYTES"])
def test_strangers_at_one_issuer_displace_none_at_another(
    storage: SQLAlchemyStorage, other: SQLAlchemyStorage, monkeypatch: pytest.MonkeyPatch, bound: str
) -> None:
    first = make_waiting(browser=new_digest(), subject="", created_at=NOW - SECOND)
    size = len(first.content.encode())
    monkeypatch.setattr(_requests, bound, 1 if bound == "STRANGERS_ENTRIES" else size)
    monkeypatch.setattr(_requests, "_LOOK_EVERY", 1)
    storage.keep_waiting(first, NOW, 9)
    theirs = [make_waiting(browser=new_digest(), subject="", created_at=NOW + n * SECOND) for n in range(3)]
    for waiting in theirs:
        other.keep_waiting(waiting, NOW, 9)
    assert storage.find_waiting(first.digest, NOW) == first
    assert [one.digest for one in theirs if other.find_waiting(one.digest, NOW)] == [theirs[-1].digest]


def test_a_person_and_a_browser_at_one_issuer_displace_nothing_at_another(
    storage: SQLAlchemyStorage, other: SQLAlchemyStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_requests, "SUBJECT_ENTRIES", 1)
    monkeypatch.setattr(_requests, "_LOOK_EVERY", 1)
    first = make_waiting(created_at=NOW - SECOND)
    storage.keep_waiting(first, NOW, 1)
    for number in range(3):
        other.keep_waiting(make_waiting(browser=first.browser, created_at=NOW + number * SECOND), NOW, 1)
    assert storage.find_waiting(first.digest, NOW) == first


def test_a_request_that_is_too_long_is_not_kept(storage: SQLAlchemyStorage) -> None:
    waiting = make_waiting(content="x" * (512 * 1024 + 1))
    assert not storage.keep_waiting(waiting, NOW, 9)
    assert storage.find_waiting(waiting.digest, NOW) is None


def test_a_decided_request_does_not_count_among_those_that_wait(storage: SQLAlchemyStorage) -> None:
    decided = make_waiting(created_at=NOW - SECOND)
    storage.keep_waiting(decided, NOW, 1)
    assert storage.settle(settlement_of(decided), NOW)
    storage.keep_waiting(make_waiting(), NOW, 1)
    assert storage.find_waiting(decided.digest, NOW) is not None


@pytest.mark.parametrize(("text", "expected"), [("é☕", True), ("\0", False), ("a\udfff", False), ("\ud800", False)])
def test_texts_that_no_database_takes_are_told_apart(text: str, expected: bool) -> None:
    assert is_storable("plain", text) is expected

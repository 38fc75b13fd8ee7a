"""Sweeping: by one process at a time, bounded, and never more often than it is asked to."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from flask import current_app
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import event, func, insert, select, update

from flask_cimd.oauth import Registration
from flask_cimd.oauth.server.storage import CODES_KEPT, KEPT_AFTER_END
from flask_cimd.provider import SQLAlchemyStorage, Swept, provider_models, sweep
from flask_cimd.provider._registrations import UNUSED
from flask_cimd.provider.sweep import _LEASE, _LEASE_KEY, BATCH
from flask_cimd.stores.sqlalchemy import client_table
from flask_cimd.stores.sqlalchemy_shared import fetched_table, lease_table
from flask_cimd.testing._steps import DAY, MINUTE, NOW, SECOND, make_code, make_grant, make_tokens

LATER = NOW + 2 * DAY


def keep_keys(storage: SQLAlchemyStorage, number: int) -> None:
    for key in range(number):
        assert storage.use_once(f"key {key}", NOW + MINUTE, NOW)


def count(db: SQLAlchemy, model: str) -> int:
    table = getattr(provider_models(db), model).__table__
    with db.engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()


def test_a_sweep_says_what_it_deleted(db: SQLAlchemy, storage: SQLAlchemyStorage) -> None:
    keep_keys(storage, 3)
    code = make_code()
    storage.add_code(make_grant(), code)
    storage.redeem_code(code.digest, make_tokens(), NOW)
    swept = sweep(db, LATER)
    assert swept.is_done
    assert {table: rows for table, rows in swept.by_table.items() if rows} == {
        "cimd_token": 1,
        "cimd_code": 1,
        "cimd_replay_key": 3,
    }


def test_more_rows_than_one_batch_are_deleted(db: SQLAlchemy, storage: SQLAlchemyStorage) -> None:
    keep_keys(storage, BATCH + 3)
    assert sweep(db, LATER, limit=BATCH + 1) == Swept(by_table=_by_table(BATCH + 1), is_done=False)
    assert sweep(db, LATER).by_table["cimd_replay_key"] == 2


def _by_table(keys: int) -> dict[str, int]:
    before = {"cimd_token": 0, "cimd_code": 0, "cimd_grant": 0, "cimd_pushed_request": 0, "cimd_waiting_request": 0}
    return before | {"cimd_replay_key": keys}


NOTHING = Swept(by_table={}, is_done=False)


def test_a_sweep_soon_after_another_does_nothing(db: SQLAlchemy, storage: SQLAlchemyStorage) -> None:
    keep_keys(storage, 1)
    every = timedelta(minutes=20)
    assert sweep(db, NOW).is_done
    assert sweep(db, NOW + 20 * MINUTE - SECOND, every=every) == NOTHING
    assert sweep(db, NOW + 20 * MINUTE, every=every).by_table["cimd_replay_key"] == 1


def test_each_sweep_goes_by_its_own_interval(db: SQLAlchemy, storage: SQLAlchemyStorage) -> None:
    assert sweep(db, NOW, every=timedelta(days=30)).is_done
    assert sweep(db, NOW + SECOND).is_done
    assert sweep(db, NOW + MINUTE, every=timedelta(hours=1)) == NOTHING
    assert sweep(db, NOW + MINUTE, every=MINUTE - SECOND).is_done
    assert sweep(db, NOW + 30 * DAY, every=timedelta(days=30)) == NOTHING
    assert sweep(db, NOW + 30 * DAY + MINUTE, every=timedelta(days=30)).is_done


def test_a_sweep_that_does_nothing_is_not_the_last_one(db: SQLAlchemy, storage: SQLAlchemyStorage) -> None:
    every = timedelta(hours=1)
    assert sweep(db, NOW).is_done
    assert sweep(db, NOW + every - SECOND, every=every) == NOTHING
    assert sweep(db, NOW + every, every=every).is_done


def test_a_sweep_that_fails_blocks_no_other(db: SQLAlchemy, storage: SQLAlchemyStorage) -> None:
    def fail() -> None:
        raise OverflowError

    end = before_grants_go(db, fail)
    try:
        with pytest.raises(OverflowError):
            sweep(db, NOW)
    finally:
        end()
    assert sweep(db, NOW + SECOND, every=timedelta(hours=1)).is_done


def test_a_sweep_that_was_killed_blocks_others_for_ten_minutes(db: SQLAlchemy, storage: SQLAlchemyStorage) -> None:
    with db.engine.begin() as connection:  # as a process leaves it that ends in the middle
        running = {"key": _LEASE_KEY, "expires_at": (NOW + _LEASE).timestamp()}
        connection.execute(insert(provider_models(db).ReplayKey.__table__).values(running))
    assert _LEASE == 10 * MINUTE
    assert sweep(db, NOW + _LEASE - SECOND) == NOTHING
    assert sweep(db, NOW + _LEASE, every=timedelta(days=1)).is_done


def test_a_sweep_by_a_clock_that_was_ahead_does_not_end_all_sweeps(db: SQLAlchemy, storage: SQLAlchemyStorage) -> None:
    assert sweep(db, NOW + 3 * DAY).is_done
    assert sweep(db, NOW, every=DAY).is_done
    assert sweep(db, NOW + 2 * DAY + SECOND, every=DAY) == NOTHING


def test_of_simultaneous_sweeps_one_works(db: SQLAlchemy, storage: SQLAlchemyStorage) -> None:
    keep_keys(storage, 20)
    app, barrier = current_app._get_current_object(), Barrier(8)  # type: ignore[attr-defined]  # typed as the app, is a LocalProxy

    def one(_: int) -> Swept:
        with app.app_context():
            barrier.wait(60)
            return sweep(db, LATER, every=MINUTE)

    with ThreadPoolExecutor(8) as pool:
        swept = list(pool.map(one, range(8)))
    assert sorted(result.is_done for result in swept) == [False] * 7 + [True]


def test_months_of_use_leaves_every_table_flat(db: SQLAlchemy, storage: SQLAlchemyStorage) -> None:
    """An app refreshes twice a day, one sign-in a day is never redeemed; a sweep runs once a week."""
    code = make_code()
    storage.add_code(make_grant(), code)
    tokens = make_tokens()
    storage.redeem_code(code.digest, tokens, NOW)
    sizes = []
    for day in range(120):
        for half in range(2):
            now = NOW + day * DAY + half * timedelta(hours=12)
            successors = make_tokens(now)
            assert storage.rotate(tokens[1].digest, successors, now, grace=MINUTE)
            tokens = successors
        storage.add_code(make_grant(created_at=NOW + day * DAY), make_code(expires_at=NOW + day * DAY + MINUTE))
        if day % 7 == 6:
            storage.sweep(NOW + day * DAY)
            sizes.append([count(db, model) for model in ("Grant", "Code", "Token")])
    assert sizes[6] == sizes[-1]
    assert max(map(max, sizes)) < 100


def test_no_transaction_deletes_more_than_a_batch(db: SQLAlchemy, storage: SQLAlchemyStorage) -> None:
    keep_keys(storage, BATCH + 1)
    deleted = []

    def note(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("DELETE FROM cimd_replay_key"):
            deleted.append(cursor.rowcount)

    event.listen(db.engine, "after_cursor_execute", note)
    try:
        sweep(db, LATER)
    finally:
        event.remove(db.engine, "after_cursor_execute", note)
    assert deleted == [BATCH, 1, 1]  # the last row is the lease


def test_a_code_is_kept_for_a_day_after_its_end(db: SQLAlchemy, storage: SQLAlchemyStorage) -> None:
    code = make_code()
    storage.add_code(make_grant(), code)
    assert CODES_KEPT == DAY
    assert sweep(db, code.expires_at + CODES_KEPT - SECOND).by_table["cimd_code"] == 0
    assert sweep(db, code.expires_at + CODES_KEPT).by_table["cimd_code"] == 1


def test_a_registration_is_deleted_when_it_ends(db: SQLAlchemy, storage: SQLAlchemyStorage) -> None:
    storage.add(Registration(client_id="registered", members="{}", created_at=NOW), NOW)
    assert sweep(db, NOW + UNUSED - SECOND).by_table["cimd_registration"] == 0
    assert sweep(db, NOW + UNUSED).by_table["cimd_registration"] == 1


def before_grants_go(db: SQLAlchemy, work: Callable[[], Any]) -> Callable[[], None]:
    """Do something once, in another transaction, just before a sweep deletes grants; return what ends the wait."""
    waiting = [work]

    def overtake(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("DELETE FROM cimd_grant") and waiting:
            waiting.pop()()

    event.listen(db.engine, "before_cursor_execute", overtake)
    return lambda: event.remove(db.engine, "before_cursor_execute", overtake)


@pytest.mark.parametrize("kind", ["Code", "Token"])
def test_a_grant_that_is_used_during_the_sweep_is_kept(db: SQLAlchemy, storage: SQLAlchemyStorage, kind: str) -> None:
    grant, code = make_grant(), make_code()
    storage.add_code(grant, code)
    row = {"digest": "d" * 64, "grant_id": grant.id, "expires_at": (NOW + 99 * DAY).timestamp()}
    row |= (
        {"redirect_uri": "", "code_challenge": ""}
        if kind == "Code"
        else {"kind": "refresh", "scope": "", "resource": "[]", "created_at": NOW.timestamp()}
    )

    def use() -> None:
        with db.engine.begin() as connection:
            connection.execute(insert(getattr(provider_models(db), kind).__table__).values(**row))

    end, long_after = before_grants_go(db, use), code.expires_at + KEPT_AFTER_END
    try:
        swept = sweep(db, long_after)
    finally:
        end()
    assert (swept.by_table["cimd_code"], swept.by_table["cimd_grant"], count(db, kind)) == (1, 0, 1)


def test_a_sweep_that_outlasts_its_lease_does_not_end_the_next_one_s(
    db: SQLAlchemy, storage: SQLAlchemyStorage
) -> None:
    keep_keys(storage, 1)
    keys, later = provider_models(db).ReplayKey.__table__, NOW + 11 * MINUTE

    def begin() -> None:
        with db.engine.begin() as connection:  # as a process does that takes the expired lease
            lease = update(keys).where(keys.c.key == _LEASE_KEY)
            connection.execute(lease.values(expires_at=(later + _LEASE).timestamp()))

    end = before_grants_go(db, begin)
    try:
        assert sweep(db, NOW).is_done
    finally:
        end()
    assert sweep(db, later + _LEASE - SECOND) == NOTHING
    assert sweep(db, later + _LEASE).is_done


def test_a_sweep_that_outlasts_the_next_one_is_not_the_last_one(db: SQLAlchemy, storage: SQLAlchemyStorage) -> None:
    later, hour = NOW + 11 * MINUTE, timedelta(hours=1)
    end = before_grants_go(db, lambda: sweep(db, later))
    try:
        assert sweep(db, NOW).is_done
    finally:
        end()
    assert sweep(db, later + hour - SECOND, every=hour) == NOTHING
    assert sweep(db, later + hour, every=hour).is_done


def test_expired_clients_are_kept_for_a_day_and_what_was_fetched_for_them_is_not(
    db: SQLAlchemy, storage: SQLAlchemyStorage
) -> None:
    clients, others = client_table(db), (fetched_table(db), lease_table(db))
    db.metadata.create_all(db.engine, tables=[clients, *others])
    ends = NOW.timestamp()
    try:
        with db.engine.begin() as connection:
            connection.execute(insert(clients).values(_client_row(clients, ends)))
            connection.execute(insert(others[0]).values(key="k", expires_at=ends))
            connection.execute(insert(others[1]).values(digest="d", owner="o", expires_at=ends))
        assert _caches(sweep(db, NOW - SECOND)) == [0, 0, 0]
        assert _caches(sweep(db, NOW)) == [0, 1, 1]
        assert _caches(sweep(db, NOW + DAY - SECOND)) == [0, 0, 0]
        assert _caches(sweep(db, NOW + DAY)) == [1, 0, 0]
    finally:
        for table in (clients, *others):
            table.drop(db.engine)
            db.metadata.remove(table)


def _caches(swept: Swept) -> list[int]:
    return [swept.by_table[name] for name in ("cimd_client", "cimd_fetched", "cimd_lease")]


def _client_row(table: Any, ends: float) -> dict[str, Any]:
    """Return a row whose texts nobody reads here."""
    return {column.name: ends if column.name.endswith("_at") else "x" for column in table.columns}

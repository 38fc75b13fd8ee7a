"""Sweeping: by one process at a time, bounded, and never more often than it is asked to."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

from flask import current_app
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import func, select

from flask_cimd.provider import SQLAlchemyStorage, Swept, provider_models, sweep
from flask_cimd.provider.sweep import BATCH
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


def test_a_sweep_soon_after_another_does_nothing(db: SQLAlchemy, storage: SQLAlchemyStorage) -> None:
    keep_keys(storage, 1)
    every = timedelta(minutes=20)
    assert sweep(db, NOW, every=every).is_done
    assert not sweep(db, NOW + 20 * MINUTE - SECOND, every=every).is_done
    assert storage.sweep(NOW + 20 * MINUTE) == 1


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

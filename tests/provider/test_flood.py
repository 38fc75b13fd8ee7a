"""Strangers who begin many sign-ins: what waits is bounded in all, and nobody who is logged in loses a page."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import func, insert, select

from flask_cimd.oauth.server.storage import STRANGERS_ENTRIES
from flask_cimd.provider import SQLAlchemyStorage, provider_models
from flask_cimd.testing._steps import NOW, make_waiting, new_digest
from tests.support.stores import opened_database


def row_of(number: int) -> dict[str, Any]:
    """Return the request of a stranger, a millisecond after the one before."""
    moment = NOW.timestamp() + number / 1000
    row = {"digest": new_digest(), "browser": new_digest(), "subject": "", "content": "{}", "size": 2}
    return {**row, "created_at": moment, "expires_at": moment + 600}


def test_ten_thousand_strangers_displace_the_oldest_strangers_alone(tmp_path: Path) -> None:
    with opened_database(f"sqlite:///{tmp_path}/flood.db") as db:
        storage, table = SQLAlchemyStorage(db), provider_models(db).WaitingRequest.__table__
        db.create_all()
        person = make_waiting(browser=new_digest())
        first = make_waiting(browser=new_digest(), subject="")
        for waiting in (person, first):
            storage.keep_waiting(waiting, NOW, 20)
        more = [row_of(number) for number in range(1, STRANGERS_ENTRIES)]
        with db.engine.begin() as connection:
            connection.execute(insert(table), more)
        for number in range(128):
            later = NOW + timedelta(minutes=1, milliseconds=number)
            last = make_waiting(browser=new_digest(), subject="", created_at=later)
            storage.keep_waiting(last, NOW, 20)
        with db.engine.connect() as connection:
            rows = connection.execute(select(func.count()).select_from(table)).scalar_one()
        assert STRANGERS_ENTRIES < rows <= STRANGERS_ENTRIES + 64
        assert storage.find_waiting(first.digest, NOW) is None
        assert storage.find_waiting(last.digest, NOW) == last
        assert storage.find_waiting(person.digest, NOW) == person

"""What may be used once is used once by four processes with sixteen threads each (RFC 9700 §4.14.2)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import func, select

from flask_cimd.oauth.server.storage import REPETITIONS
from flask_cimd.provider import SQLAlchemyStorage, provider_models
from flask_cimd.testing._steps import GRACE, NOW, make_code, make_grant, make_tokens

#: Rounds of each race; ``STORAGE_RACE_ROUNDS=200`` runs as many.
ROUNDS = int(os.environ.get("STORAGE_RACE_ROUNDS", "20"))
PROCESSES, THREADS = 4, 16
ROOT = Path(__file__).parents[2]


@contextmanager
def workers(url: str) -> Iterator[Callable[..., int]]:
    """Start the processes; yield a function that gives all an order at once and returns how many threads succeeded."""
    command = [sys.executable, "-m", "tests.support.storage_worker", url, str(THREADS)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    started = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment)
        for _ in range(PROCESSES)
    ]

    def line_of(worker: subprocess.Popen[str]) -> str:
        assert worker.stdout is not None
        return worker.stdout.readline().strip()

    def order(*words: Any) -> int:
        for worker in started:
            assert worker.stdin is not None
            worker.stdin.write(json.dumps(words) + "\n")
            worker.stdin.flush()
        return sum(int(line_of(worker)) for worker in started)

    try:
        assert [line_of(worker) for worker in started] == ["ready"] * PROCESSES
        yield order
    finally:
        for worker in started:
            worker.communicate(timeout=60)


@pytest.fixture(scope="module")
def order(db: SQLAlchemy) -> Iterator[Callable[..., int]]:
    with workers(db.engine.url.render_as_string(hide_password=False)) as started:
        yield started


def test_one_of_64_redeems_a_code(storage: SQLAlchemyStorage, db: SQLAlchemy, order: Callable[..., int]) -> None:
    winners = []
    for _ in range(ROUNDS):
        code = make_code()
        storage.add_code(make_grant(), code)
        winners.append(order("redeem", code.digest))
    assert Counter(winners) == {1: ROUNDS}
    tokens = provider_models(db).Token.__table__
    with db.engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(tokens)).scalar_one() == 2 * ROUNDS


@pytest.mark.parametrize(("grace", "expected"), [(0, 1), (GRACE.total_seconds(), 1 + REPETITIONS)])
def test_as_many_of_64_rotate_a_token_as_may_repeat_it(
    storage: SQLAlchemyStorage, order: Callable[..., int], grace: float, expected: int
) -> None:
    winners = []
    for _ in range(ROUNDS):
        code, tokens = make_code(), make_tokens()
        storage.add_code(make_grant(), code)
        assert storage.redeem_code(code.digest, tokens, NOW)
        winners.append(order("rotate", tokens[1].digest, grace))
    assert Counter(winners) == {expected: ROUNDS}

"""One process of a race: threads of one storage do the same thing at one moment, round after round.

``python -m tests.support.storage_worker URL THREADS`` says "ready", reads one line of JSON a round from its standard
input, ``["redeem", digest]`` or ``["rotate", digest, grace in seconds]``, and prints how many threads succeeded.
"""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

from flask import Flask
from flask_sqlalchemy import SQLAlchemy

from flask_cimd.provider import SQLAlchemyStorage
from flask_cimd.testing._steps import NOW, make_tokens


def main(url: str, threads: int) -> None:
    app, db = Flask("worker"), SQLAlchemy()
    app.config.update(SQLALCHEMY_DATABASE_URI=url, SQLALCHEMY_ENGINE_OPTIONS={"pool_size": threads, "max_overflow": 0})
    db.init_app(app)
    storage, barrier = SQLAlchemyStorage(db), Barrier(threads)

    def work(order: list[Any]) -> bool:
        with app.app_context():
            tokens = make_tokens()
            barrier.wait(60)
            if order[0] == "redeem":
                return storage.redeem_code(order[1], tokens, NOW)
            return storage.rotate(order[1], tokens, NOW, grace=timedelta(seconds=order[2]))

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, [["redeem", "0" * 64]] * threads))  # all connections are open
        print("ready", flush=True)
        for line in sys.stdin:
            print(sum(pool.map(work, [json.loads(line)] * threads)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))

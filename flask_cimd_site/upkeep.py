"""Regular sweeps of the site's tables: after an answer is sent, or by ``flask-cimd-site sweep``; never in a request.

The provider sweeps its tables by itself.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Lock

import click
from flask import Flask, Response
from sqlalchemy.exc import SQLAlchemyError

logger = logging.getLogger(__name__)

#: Deletes at most so many rows that have no use at an instant, and returns their number.
Sweep = Callable[[datetime, int], int]

#: Time between two sweeps that one process starts.
EVERY = timedelta(minutes=10)
#: Rows that one of them deletes at most, of each kind.
MOST_ROWS = 500


def init_app(app: Flask, clock: Callable[[], datetime], sweeps: tuple[Sweep, ...]) -> None:
    """Sweep from time to time, `EVERY` after the start at first, and register the command."""
    due, lock = [clock() + EVERY], Lock()

    def is_due() -> bool:
        with lock:
            now = clock()
            if now < due[0]:
                return False
            due[0] = now + EVERY
            return True

    def work() -> None:
        with app.app_context():
            try:
                for sweep in sweeps:
                    sweep(clock(), MOST_ROWS)
            except SQLAlchemyError:  # the next sweep deletes what this one did not
                logger.exception("the site cannot be swept")

    @app.after_request
    def after(answer: Response) -> Response:
        if is_due():
            answer.call_on_close(work)
        return answer

    @app.cli.command("sweep")
    def sweep_all() -> None:
        """Delete events, posts, results and tokens of scripts whose time is over; prints how many rows."""
        rows = 0
        for sweep in sweeps:
            while deleted := sweep(clock(), MOST_ROWS):
                rows += deleted
        click.echo(f"{rows} rows deleted")

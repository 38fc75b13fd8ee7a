"""Regular sweeps of the site's tables: after an answer is sent, or by ``flask-cimd-site sweep``; never in a request.

The provider sweeps its tables by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import click
from flask import Flask, Response

from flask_cimd.provider import Upkeep

#: Deletes at most so many rows that have no use at an instant, and returns their number.
Sweep = Callable[[datetime, int], int]

#: Rows that a sweep after a response deletes at most, of each kind.
MOST_ROWS = 500


def init_app(app: Flask, clock: Callable[[], datetime], sweeps: tuple[Sweep, ...]) -> None:
    """Sweep every ten minutes at most, at first ten minutes after the start, and register the command."""

    def sweep_some(now: datetime) -> None:
        for sweep in sweeps:
            sweep(now, MOST_ROWS)

    upkeep = Upkeep(sweep_some, clock, waits=True)

    @app.after_request
    def after(answer: Response) -> Response:
        upkeep.after(answer, app)
        return answer

    @app.cli.command("sweep")
    def sweep_all() -> None:
        """Delete events, posts, results and tokens of scripts whose time is over; prints how many rows."""
        rows = 0
        for sweep in sweeps:
            while deleted := sweep(clock(), MOST_ROWS):
                rows += deleted
        click.echo(f"{rows} rows deleted")

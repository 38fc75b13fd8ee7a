"""Data of a site for tests of backups: written without an app, by transactions that keep posts and pictures equal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any

from sqlalchemy import Engine, delete, func, insert, select

from flask_cimd_site.cli.database import engine_of
from flask_cimd_site.cli.folder import Folder
from flask_cimd_site.config import Configuration
from flask_cimd_site.site.tables import MediaRow, PostRow

_post: Any = PostRow.__table__
_media: Any = MediaRow.__table__
#: Bytes that a text format must escape.
PICTURE = bytes(range(256)) * 40
WORDS = 'Ünï"\\N\t\r\n\\. \U0001f600'


@contextmanager
def engine_at(directory: Path) -> Iterator[Engine]:
    """Yield an engine of the site's database."""
    with engine_of(Configuration.from_environment(Folder(directory).environment())) as engine:
        yield engine


def write(engine: Engine, number: int) -> None:
    """Write a post and a picture in one transaction."""
    with engine.begin() as connection:
        connection.execute(
            insert(_post).values(
                slug=f"post-{number}", properties=WORDS, is_draft=False, published_at=1.5, markdown=None, version=0
            )
        )
        connection.execute(
            insert(_media).values(
                name=f"{number:032x}.png", media_type="image/png", content=PICTURE, width=1, height=1, created_at=0.1
            )
        )


def empty(engine: Engine) -> None:
    """Delete all posts and pictures."""
    with engine.begin() as connection:
        for table in (_post, _media):
            connection.execute(delete(table))


def counted(engine: Engine) -> tuple[int, int]:
    """Return the numbers of posts and of pictures."""
    with engine.connect() as connection:
        posts, pictures = (
            int(connection.execute(select(func.count()).select_from(table)).scalar_one()) for table in (_post, _media)
        )
    return posts, pictures


def content(engine: Engine) -> list[tuple[Any, ...]]:
    """Return all posts and pictures."""
    with engine.connect() as connection:
        return [
            tuple(bytes(value) if isinstance(value, memoryview) else value for value in row)
            for table in (_post, _media)
            for row in connection.execute(select(table).order_by(*table.primary_key.columns))
        ]


class Writer:
    """Writes posts until the block ends."""

    def __init__(self, engine: Engine, first: int) -> None:
        self.written = 0
        self.error: Exception | None = None
        self.began, self._ended = Event(), Event()
        self._thread = Thread(target=self._run, args=(engine, first))

    def __enter__(self) -> Writer:
        self._thread.start()
        assert self.began.wait(20)
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join(60)

    def _run(self, engine: Engine, first: int) -> None:
        try:
            while not self._ended.is_set():
                write(engine, first + self.written)
                self.written += 1
                self.began.set()
        except Exception as error:
            self.error = error
            self.began.set()

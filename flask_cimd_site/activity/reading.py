"""Reading of the activity log: pages, notices and their end."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import Select, delete, select, tuple_

from flask_cimd.core import safe_text
from flask_cimd_site.account import zones
from flask_cimd_site.activity.kinds import TEXTS, Kind
from flask_cimd_site.activity.log import host_of
from flask_cimd_site.activity.tables import ActivityRow, NoticeRow
from flask_cimd_site.models import db

PAGE_SIZE = 20
#: Rows of an export that are read at a time.
_CHUNK = 1_000
#: Unread events that are looked at.
MOST_UNREAD = 50
_LONGEST_APP = 2048
_YEARS = range(1970, 2100)
_CURSOR = re.compile(r"(\d{1,11}(?:\.\d{1,7})?)_(\d{1,15})", re.ASCII)
_TEXTS = {str(kind): text for kind, text in TEXTS.items()}
_activity: Any = ActivityRow.__table__
_notice: Any = NoticeRow.__table__
#: Sent by every page of the owner.
_UNREAD = select(_activity).join(_notice).order_by(_notice.c.activity_id.desc()).limit(MOST_UNREAD)


class FilterError(ValueError):
    """A filter or the place in the log cannot be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event.

    Attributes:
        kind: a value of `Kind`; of another version of this site perhaps another word.
        app: identifier of the app that it is about; may be empty.
        host: the app's host.
        network: shortened address of the sender.
    """

    id: int
    at: datetime
    kind: str
    app: str
    host: str
    detail: str
    browser: str
    network: str

    @property
    def text(self) -> str:
        """The event as a sentence in the language of the request."""
        return str(_TEXTS.get(self.kind, self.kind))

    @property
    def opening(self) -> str:
        """The sentence, open for the host that follows it."""
        return self.text.rstrip(".") + ":"


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which events are wanted.

    Attributes:
        app: host, or identifier of one app; empty for all.
        since: first day, in the time zone of the site.
        until: last day.
    """

    kind: Kind | None = None
    app: str = ""
    since: date | None = None
    until: date | None = None

    @classmethod
    def parse(cls, arguments: Mapping[str, str]) -> Filter:
        """Read a query; empty values are as absent ones.

        Raises:
            FilterError: the kind is unknown, or a day is not as in 2026-11-26 or not from 1970 to 2099.
        """
        kind = arguments.get("kind", "")
        if kind and kind not in _TEXTS:
            raise FilterError(kind)
        return cls(
            kind=Kind(kind) if kind else None,
            app=safe_text(arguments.get("app"), _LONGEST_APP),
            since=_day(arguments.get("since", "")),
            until=_day(arguments.get("until", "")),
        )

    def as_query(self) -> dict[str, Any]:
        """Return the query that `parse` reads."""
        values = {"kind": self.kind, "app": self.app, "since": self.since, "until": self.until}
        return {name: str(value) for name, value in values.items() if value}

    def apply(self, query: Select[Any]) -> Select[Any]:
        """Return the query for these events only."""
        columns = _activity.c
        if self.kind is not None:
            query = query.where(columns.kind == self.kind)
        if self.app:
            query = query.where(columns.host == host_of(self.app))
        if ":" in self.app:
            query = query.where(columns.app == self.app)
        if self.since is not None:
            query = query.where(columns.at >= _begin(self.since))
        if self.until is not None:
            query = query.where(columns.at < _begin(self.until + timedelta(days=1)))
        return query


def page(wanted: Filter, before: str = "") -> tuple[list[Event], str | None]:
    """Return the newest `PAGE_SIZE` events, and the place of the next page, or ``None``.

    Args:
        wanted: the filter.
        before: the place that another page gave.

    Raises:
        FilterError: no page gave this place.
    """
    return _read(wanted, _parse_place(before) if before else None, PAGE_SIZE)


def everything(wanted: Filter) -> Iterator[Event]:
    """Return all events, newest first, read a thousand at a time."""
    place: tuple[float, int] | None = None
    while True:
        events, following = _read(wanted, place, _CHUNK)
        yield from events
        if following is None:
            return
        place = _parse_place(following)


def unread() -> list[Event]:
    """Return the newest `MOST_UNREAD` notable events that the owner has not read."""
    with db.engine.connect() as connection:
        return [_as_event(row) for row in connection.execute(_UNREAD)]


def mark_read(numbers: Sequence[int]) -> None:
    """Note that the owner has read these events."""
    with db.engine.begin() as connection:
        connection.execute(delete(_notice).where(_notice.c.activity_id.in_(numbers[:MOST_UNREAD])))


def newest(kinds: Sequence[Kind], most: int) -> list[Event]:
    """Return the newest events of some kinds."""
    query = select(_activity).where(_activity.c.kind.in_(kinds))
    with db.engine.connect() as connection:
        return [_as_event(row) for row in connection.execute(_ordered(query).limit(most))]


def _read(wanted: Filter, place: tuple[float, int] | None, size: int) -> tuple[list[Event], str | None]:
    query = wanted.apply(select(_activity))
    if place is not None:
        query = query.where(tuple_(_activity.c.at, _activity.c.id) < place)
    with db.engine.connect() as connection:
        rows = connection.execute(_ordered(query).limit(size + 1)).all()
    following = f"{rows[size - 1].at!r}_{rows[size - 1].id}" if len(rows) > size else None
    return [_as_event(row) for row in rows[:size]], following


def _ordered(query: Select[Any]) -> Select[Any]:
    return query.order_by(_activity.c.at.desc(), _activity.c.id.desc())


def _as_event(row: Any) -> Event:
    number, at, kind, app, host, detail, browser, network = row
    return Event(
        id=number,
        at=datetime.fromtimestamp(at, UTC),
        kind=kind,
        app=app or "",
        host=host,
        detail=detail,
        browser=browser,
        network=network,
    )


def _parse_place(text: str) -> tuple[float, int]:
    found = _CURSOR.fullmatch(text)
    if found is None:
        raise FilterError(text)
    return float(found[1]), int(found[2])


def _day(text: str) -> date | None:
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError as exc:
        raise FilterError(text) from exc
    if day.year not in _YEARS:
        raise FilterError(text)
    return day


def _begin(day: date) -> float:
    return datetime.combine(day, time.min, tzinfo=zones.current()).timestamp()

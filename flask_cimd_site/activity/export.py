"""The activity log as a file: CSV or JSON, written while it is read."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from io import StringIO

from flask_cimd_site.activity.reading import Event

_COLUMNS = ("at", "kind", "text", "app", "detail", "browser", "network")
#: Spreadsheets read a cell that begins so as a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def as_csv(events: Iterable[Event]) -> Iterator[str]:
    """Return lines of CSV (RFC 4180) with a header; a cell that a spreadsheet would run begins with ``'``."""
    yield _line(list(_COLUMNS))
    for event in events:
        yield _line([_harmless(cell) for cell in _cells(event)])


def as_json(events: Iterable[Event]) -> Iterator[str]:
    """Return the pieces of one JSON array."""
    opening = "["
    for event in events:
        yield opening + "\n" + json.dumps(dict(zip(_COLUMNS, _cells(event), strict=True)), ensure_ascii=False)
        opening = ","
    yield "]\n" if opening == "," else "[]\n"


def _line(cells: list[str]) -> str:
    line = StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue()


def _cells(event: Event) -> list[str]:
    instant = event.at.isoformat(timespec="seconds")
    return [instant, event.kind, event.text, event.app, event.detail, event.browser, event.network]


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA) else cell

"""Draws ``docs/images/architecture.svg`` from the imports of the package: ``python -m docs.picture``.

The arrows are the imports between parts without those that a longer path implies. A test fails when the file is not
what this writes.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from tools.house import ROOT, Arrow, Layout

PICTURE = ROOT / "docs/images/architecture.svg"

#: One line about each part that is drawn.
TASKS = {
    "cli": "flask cimd …",
    "testing": "contract suites, a client for tests",
    "extension": "CIMD: one per app",
    "provider": "endpoints, consent, storage",
    "publish": "an app as a client",
    "oauth": "server and resources",
    "clients": "from URL to client",
    "settings": "CIMD_*, read once",
    "fetch": "the security boundary",
    "stores": "memory, SQL, Redis",
    "core": "pure rules",
}
_ROWS = (
    ("cli", "testing"),
    ("extension", "provider"),
    ("publish", "oauth"),
    ("clients",),
    ("stores", "fetch", "settings"),
    ("core",),
)
_WIDTH, _HEIGHT, _GAP_X, _GAP_Y, _PAD = 210, 52, 30, 44, 10  # pixels


def arrows() -> set[Arrow]:
    """Return the imports between drawn parts that no longer path implies."""
    drawn = set(TASKS)
    direct = {
        (source, target) for source, target in Layout(ROOT / "flask_cimd").part_arrows if {source, target} <= drawn
    }
    return {arrow for arrow in direct if not _implied(arrow, direct)}


def _implied(arrow: Arrow, direct: set[Arrow]) -> bool:
    start, end = arrow
    waiting = [target for source, target in direct if source == start and target != end]
    seen: set[str] = set()
    while waiting:
        part = waiting.pop()
        if part == end:
            return True
        if part not in seen:
            seen.add(part)
            waiting += [target for source, target in direct if source == part]
    return False


def svg() -> str:
    """Return the picture."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    places = _places()
    width = max(x for x, _ in places.values()) + _WIDTH + _PAD
    height = max(y for _, y in places.values()) + _HEIGHT + _PAD
    yield f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" role="img">'
    yield "<title>Parts of the package; each arrow is an import</title>"
    yield "<style>rect{fill:#f6f8fa;stroke:#57606a}path{stroke:#57606a;fill:none}marker path{fill:#57606a}"
    yield "text{font:13px sans-serif;text-anchor:middle;fill:#1f2328}.name{font-weight:bold}</style>"
    yield '<marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
    yield '<path d="M0 0 8 4 0 8z"/></marker>'
    yield f'<rect width="{width}" height="{height}" style="fill:#fff;stroke:none"/>'
    for source, target in sorted(arrows()):
        (x1, y1), (x2, y2) = places[source], places[target]
        if y1 == y2:
            left = x1 < x2
            start, end = x1 + (_WIDTH if left else 0), x2 + (0 if left else _WIDTH)
            yield f'<path d="M{start} {y1 + _HEIGHT // 2} H{end}" marker-end="url(#tip)"/>'
        else:
            yield f'<path d="M{x1 + _WIDTH // 2} {y1 + _HEIGHT} L{x2 + _WIDTH // 2} {y2}" marker-end="url(#tip)"/>'
    for part, (x, y) in places.items():
        yield f'<rect x="{x}" y="{y}" width="{_WIDTH}" height="{_HEIGHT}" rx="6"/>'
        yield f'<text class="name" x="{x + _WIDTH // 2}" y="{y + 21}">{part}</text>'
        yield f'<text x="{x + _WIDTH // 2}" y="{y + 40}">{TASKS[part]}</text>'
    yield "</svg>"


def _places() -> dict[str, tuple[int, int]]:
    widest = max(len(row) for row in _ROWS)
    places = {}
    for line, row in enumerate(_ROWS):
        left = _PAD + (widest - len(row)) * (_WIDTH + _GAP_X) // 2
        for column, part in enumerate(row):
            places[part] = (left + column * (_WIDTH + _GAP_X), _PAD + line * (_HEIGHT + _GAP_Y))
    return places


if __name__ == "__main__":
    PICTURE.write_text(svg(), encoding="utf-8")
    sys.stdout.write(f"{Path(PICTURE).relative_to(ROOT)} written\n")

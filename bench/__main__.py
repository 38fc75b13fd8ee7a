"""Run every benchmark and say which ratio misses its limit; exit code 1 if one does.

``python -m bench sign_in components`` runs these parts alone. The rows also go into ``bench/results.json``, in place of
those with the same names.
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

from . import client, cold, components, dpop, foundation, growth, owner, peers, scale, sign_in
from .foundation import Row

_PARTS = {
    part.__name__.rpartition(".")[2]: part
    for part in (foundation, components, cold, peers, scale, growth, dpop, client, sign_in, owner)
}
_RESULTS = Path(__file__).with_name("results.json")


def main(names: list[str]) -> int:
    """Print one line a figure and return the exit code."""
    rows = [row for name in names or _PARTS for row in _PARTS[name].run()]
    width = max(len(row.name) for row in rows)
    for row in rows:
        verdict = "ok" if row.holds else "MISSED"
        print(f"{row.name:<{width}}  {row.figure:>9.3f} {row.unit:<3} limit {row.limit:g}  {verdict}  {row.note}")
    _write(rows)
    return 0 if all(row.holds for row in rows) else 1


def _write(rows: list[Row]) -> None:
    kept = {row["name"]: row for row in json.loads(_RESULTS.read_text())} if _RESULTS.exists() else {}
    for row in rows:
        kept[row.name] = {
            "name": row.name,
            "figure": round(row.figure, 4),
            "limit": None if math.isinf(row.limit) else row.limit,
            "unit": row.unit,
            "holds": row.holds,
            "note": row.note,
        }
    _RESULTS.write_text(json.dumps(list(kept.values()), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

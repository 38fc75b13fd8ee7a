"""Run every benchmark and say which ratio misses its limit; exit code 1 if one does."""

from __future__ import annotations

import sys

from . import client, cold, dpop, foundation, peers, scale


def main() -> int:
    """Print one line a figure and return the exit code."""
    rows = [row for part in (foundation, cold, peers, scale, dpop, client) for row in part.run()]
    width = max(len(row.name) for row in rows)
    for row in rows:
        verdict = "ok" if row.holds else "MISSED"
        print(f"{row.name:<{width}}  {row.figure:>9.3f} {row.unit:<3} limit {row.limit:g}  {verdict}  {row.note}")
    return 0 if all(row.holds for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())

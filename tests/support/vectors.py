"""Reads ``tests/vectors``: inputs, the row of the requirement each one proves, and what must come of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[1] / "vectors"


def load_vectors(name: str) -> list[Any]:
    """Return the vectors of one file."""
    found: list[Any] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return found


def vectors(name: str) -> list[Any]:
    """Return the vectors of one file as parameters, named by row and position."""
    return [pytest.param(entry, id=f"{entry['row']}-{number}") for number, entry in enumerate(load_vectors(name))]

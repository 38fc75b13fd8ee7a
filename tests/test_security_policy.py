"""SECURITY.md names the test that holds each threat; each of these exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_ROWS = re.compile(r"^\| (?!threat|version|-)([^|]+)\|[^|]+\|([^|]+)\|$", re.MULTILINE)
_TEST = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


def rows() -> list[tuple[str, list[tuple[str, str]]]]:
    text = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    return [(threat.strip(), _TEST.findall(tests)) for threat, tests in _ROWS.findall(text)]


def test_every_threat_names_a_test() -> None:
    assert len(rows()) >= 20
    assert [threat for threat, tests in rows() if not tests] == []


def test_every_named_test_exists() -> None:
    missing = []
    for _, tests in rows():
        for file, name in tests:
            tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
            if name not in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}:
                missing.append(f"{file}::{name}")
    assert missing == []

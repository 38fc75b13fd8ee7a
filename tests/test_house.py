"""The layout of the package: no import circles, imports in the order of the layers, sizes within their limits."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from flask_cimd.settings import SETTINGS
from tools.house import ROOT, Layout, part_of, report

LAYOUT = Layout(ROOT / "flask_cimd")


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert LAYOUT.circles() == []


def test_no_import_leads_upward() -> None:
    assert LAYOUT.upward() == []


def test_the_top_level_has_at_most_fifteen_parts() -> None:
    assert len(LAYOUT.parts) <= 15, sorted(LAYOUT.parts)


def test_a_part_has_at_most_two_and_a_half_arrows() -> None:
    assert len(LAYOUT.part_arrows) / len(LAYOUT.parts) <= 2.5, sorted(LAYOUT.part_arrows)


def test_oauth_has_at_most_35_public_names() -> None:
    assert len(LAYOUT.public_names("oauth")) <= 35


def test_there_are_at_most_34_settings() -> None:
    assert len(SETTINGS) <= 34


def test_no_file_is_longer_than_350_lines() -> None:
    assert LAYOUT.longest_file()[0] <= 350


def test_every_public_definition_has_a_docstring() -> None:
    assert [name for name, has in LAYOUT.public_definitions() if not has] == []


def test_the_server_and_the_resource_side_do_not_import_each_other() -> None:
    sides = ("oauth.server", "oauth.resource")
    crossing = [arrow for arrow in LAYOUT.arrows if {".".join(end.split(".")[:2]) for end in arrow} == set(sides)]
    assert crossing == []


def test_every_suppressed_type_error_has_a_reason() -> None:
    silent = re.compile(r"# type: ignore(\[[a-z, -]*\])?\s*$", re.MULTILINE)
    folders = ("flask_cimd", "flask_cimd_site", "demo", "bench", "tools", "docs", "examples", "tests")
    files = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    assert len(files) > 300
    typing = ROOT / "tests/typing"  # there, an error is the expectation
    assert [str(path) for path in files if silent.search(path.read_text()) and path.parent != typing] == []


def test_nothing_imports_the_command_line() -> None:
    assert {source for source, target in LAYOUT.part_arrows if target == "cli"} <= {"__main__"}


def test_the_core_imports_errors_alone() -> None:
    assert {target for source, target in LAYOUT.part_arrows if source == "core"} == {"errors"}


@pytest.fixture
def small(tmp_path: Path) -> Layout:
    """Return a package with a circle, an import upward, and imports of every kind."""
    files = {
        "__init__.py": '"""Face."""\nfrom .core.a import one\n__all__ = ["one"]\n',
        "errors.py": '"""Errors."""\n',
        "core/__init__.py": '"""C."""\n',
        "core/a.py": '"""A."""\nfrom . import b\ndef one():\n    "Do."\n    from ..oauth import t\ndef bare(): pass\n',
        "core/b.py": '"""B."""\nfrom typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .a import one\n',
        "oauth/__init__.py": '"""OAuth."""\n__all__ = ["t"]\n',
        "oauth/server/__init__.py": '"""Server."""\n__all__ = ["t", "three"]\n',
        "oauth/_hidden.py": "import small.errors\nclass Public:\n    def method(self): pass\n",
    }
    for name, text in files.items():
        path = tmp_path / "small" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return Layout(tmp_path / "small")


def test_arrows_are_found_in_functions_and_under_type_checking(small: Layout) -> None:
    assert small.arrows == {
        ("", "core.a"),
        ("core.a", "core.b"),
        ("core.a", "oauth"),
        ("core.b", "core.a"),
        ("oauth._hidden", "errors"),
    }
    assert small.part_arrows == {("__init__", "core"), ("core", "oauth"), ("oauth", "errors")}
    assert part_of("") == "__init__"


def test_circles_and_imports_upward_are_found(small: Layout) -> None:
    assert small.circles() == [["core.a", "core.b"]]
    assert small.upward() == [("core.a", "oauth")]


def test_names_docstrings_and_lengths_are_counted(small: Layout) -> None:
    assert small.public_names("oauth") == {"t", "three"}
    assert [name for name, has in small.public_definitions() if not has] == ["core.a.bare"]
    assert {function.name: function.lines for function in small.functions()} == {"one": 3, "bare": 1, "method": 1}
    assert small.longest_file() == (6, "small/core/a.py")


def test_the_report_prints_every_measure(small: Layout) -> None:
    lines = list(report(small, 7))
    assert "import circles        1" in lines
    assert "    core.a core.b" in lines
    assert "    core.a -> oauth" in lines
    assert "settings              7" in lines

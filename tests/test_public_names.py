"""What is public: eight packages, each with its list. The demo and the README use nothing else."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = (
    "flask_cimd",
    "flask_cimd.clients",
    "flask_cimd.core",
    "flask_cimd.oauth",
    "flask_cimd.provider",
    "flask_cimd.publish",
    "flask_cimd.stores",
    "flask_cimd.testing",
)


def public(package: str) -> list[str]:
    names: list[str] = importlib.import_module(package).__all__
    return names


@pytest.mark.parametrize("package", PACKAGES)
def test_a_public_package_lists_names_that_exist(package: str) -> None:
    names = public(package)
    assert len(set(names)) == len(names)
    module = importlib.import_module(package)
    assert [name for name in names if name.startswith("_") or getattr(module, name, None) is None] == []


def imports(source: str) -> Iterator[str]:
    """Yield every name that a program imports from this package, as ``module.name``."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "flask_cimd":
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("flask_cimd."))


def programs() -> Iterator[tuple[str, str]]:
    """Yield the demo, the examples, and the Python blocks of README and documentation."""
    for folder in ("demo", "flask_cimd_site", "examples"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))):
        for block in re.findall(r"^```python\n(.*?)^```", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
            yield path.relative_to(ROOT).as_posix(), block


def test_the_demo_and_the_documents_import_public_names_alone() -> None:
    allowed = {*PACKAGES, *(f"{package}.{name}" for package in PACKAGES for name in public(package))}
    found: dict[str, set[str]] = {}
    for where, source in programs():
        if private := set(imports(source)) - allowed:
            found.setdefault(where, set()).update(private)
    assert found == {}


def test_the_check_sees_private_names() -> None:
    source = (
        "from flask_cimd import CIMD\nfrom flask_cimd.core.text import clean_text\nimport flask_cimd.fetch.fetcher\n"
    )
    assert set(imports(source)) == {
        "flask_cimd.CIMD",
        "flask_cimd.core.text.clean_text",
        "flask_cimd.fetch.fetcher",
    }

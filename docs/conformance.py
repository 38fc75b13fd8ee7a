"""Writes ``docs/conformance.md``: each requirement, whose it is, where it is implemented, and which tests prove it.

``rows.txt`` beside this file lists the rows. A test function proves a row with the marker ``@proves("C-30")``, a vector
with its member ``row``. Run by ``make conformance``; a test fails when the committed table is not what this writes.
"""

from __future__ import annotations

import ast
import json
import re
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
ROWS = ROOT / "docs/rows.txt"
TABLE = ROOT / "docs/conformance.md"

#: Title of each family, and whether every row that is the server's must have a test.
FAMILIES = {
    "C": ("Client ID Metadata Documents", True),
    "L": ("Mistakes of other servers", True),
    "IA": ("IndieAuth", True),
    "AT": ("AT Protocol OAuth", True),
    "M": ("MCP authorization", True),
    "O": ("OAuth 2.0 and its extensions", True),
    "A": ("Traps of Authlib", True),
}
WHOSE = {
    "server": "",
    "open": "not built yet",
    "client": "the client's",
    "operator": "the operator's",
    "note": "a note",
}

_ROW = re.compile(r"\b(?:C|L|IA|AT|M|O|A)-[0-9]{2,3}\b")
#: ``C-64 … C-66`` names three rows.
_RANGE = re.compile(r"\b(C|L|IA|AT|M|O|A)-([0-9]{2,3}) (?:…|to|–) (?:\1-)?([0-9]{2,3})\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """One row.

    Attributes:
        row: its id, such as ``C-30``.
        whose: ``server``, ``open``, ``client``, ``operator`` or ``note``.
        where: files that do it.
        what: a short wording of our own.
    """

    row: str
    whose: str
    where: tuple[str, ...]
    what: str

    @property
    def family(self) -> str:
        """The part before the dash."""
        return self.row.partition("-")[0]


def requirements() -> list[Requirement]:
    """Return every row, in the file's order."""
    found = []
    for line in ROWS.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            row, whose, where, what = (part.strip() for part in line.split("|"))
            found.append(Requirement(row=row, whose=whose, where=tuple(where.split()), what=what))
    return found


def named_in(text: str) -> set[str]:
    """Return the rows that a text names, one by one or as a range."""
    rows = set(_ROW.findall(text))
    for family, first, last in _RANGE.findall(text):
        rows.update(f"{family}-{number:02}" for number in range(int(first), int(last) + 1))
    return rows


def tests_by_row() -> Mapping[str, dict[str, tuple[str, ...]]]:
    """Return the test files that prove each row, with the names of their test functions (none for vectors)."""
    found: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for test, rows in proved_by(path.read_text(encoding="utf-8")):
            for row in rows:
                found[row][_relative(path)].append(test)
    for path in sorted((ROOT / "tests/vectors").glob("*.json")):
        for case in json.loads(path.read_text(encoding="utf-8")):
            for row in named_in(case.get("row") or case.get("rule") or ""):
                found[row][_relative(path)] = []
    return {row: {file: tuple(tests) for file, tests in sorted(files.items())} for row, files in found.items()}


def proved_by(source: str) -> Iterator[tuple[str, set[str]]]:
    """Yield each test function of a module with the rows that its ``@proves`` markers name."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            rows = {row for decorator in node.decorator_list for row in _rows_of(decorator)}
            if rows:
                yield node.name, rows


def _rows_of(decorator: ast.expr) -> set[str]:
    match decorator:
        case ast.Call(func=ast.Name(id="proves"), args=args):
            return {row for argument in args for row in named_in(ast.literal_eval(argument))}
    return set()


def code_by_row() -> Mapping[str, list[str]]:
    """Return the source files that name each row."""
    found: dict[str, set[str]] = defaultdict(set)
    for folder in ("flask_cimd", "flask_cimd_site", "demo"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for row in named_in(path.read_text(encoding="utf-8")):
                found[row].add(_relative(path))
    return {row: sorted(files) for row, files in found.items()}


def without_test() -> list[str]:
    """Return the server's rows that must have a test and have none."""
    tested = tests_by_row()
    return [
        requirement.row
        for requirement in requirements()
        if requirement.whose == "server" and FAMILIES[requirement.family][1] and requirement.row not in tested
    ]


def without_where() -> list[str]:
    """Return the server's rows for which neither ``rows.txt`` nor a source file names the code."""
    code = code_by_row()
    return [
        requirement.row
        for requirement in requirements()
        if requirement.whose == "server" and not requirement.where and requirement.row not in code
    ]


def table() -> str:
    """Return the whole document."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    tests, code, rows = tests_by_row(), code_by_row(), requirements()
    yield "# Conformance\n"
    yield "Written by `make conformance`; do not edit. Rows and wording are those of [rows.txt](rows.txt)."
    yield "The title of a link to a test file names the test functions; vectors are inputs with their expected outcome.\n"
    for family, (title, complete) in FAMILIES.items():
        mine = [requirement for requirement in rows if requirement.family == family]
        servers = [requirement for requirement in mine if requirement.whose == "server"]
        proved = sum(requirement.row in tests for requirement in servers)
        yield f"## {title}\n"
        yield f"{len(servers)} rows are the server's, tests prove {proved} of them{'; they must prove all' if complete else ''}.\n"
        yield "| row | what | where | tests |\n|---|---|---|---|"
        for requirement in mine:
            where = sorted({*requirement.where, *code.get(requirement.row, ())})
            yield f"| {requirement.row} | {_what(requirement)} | {_links(where)} | {_proofs(tests.get(requirement.row, {}))} |"
        yield ""


def _what(requirement: Requirement) -> str:
    whose = WHOSE[requirement.whose]
    return f"{requirement.what} ({whose})" if whose else requirement.what


def _links(files: list[str]) -> str:
    return " ".join(f"[{file.partition('/')[2]}](../{file})" for file in files)


def _proofs(files: Mapping[str, tuple[str, ...]]) -> str:
    titled = ((file, f' "{", ".join(tests)}"' if tests else "") for file, tests in files.items())
    return " ".join(f"[{file.partition('/')[2]}](../{file}{title})" for file, title in titled)


def _relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


if __name__ == "__main__":
    TABLE.write_text(table(), encoding="utf-8")
    sys.stdout.write(
        f"{TABLE.relative_to(ROOT)} written; without a test: {' '.join(without_test()) or 'none'}; "
        f"without a where: {' '.join(without_where()) or 'none'}\n"
    )

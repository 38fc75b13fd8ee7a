"""The table of mutants: every one still fits its file, and the runner tells caught from surviving ones."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.mutation.mutant import ROOT, Mutant, StaleMutantError, mutants
from tests.mutation.run import run
from tests.mutation.table import EQUIVALENT, MUTANTS


def test_there_are_many_and_no_two_are_the_same() -> None:
    assert len(MUTANTS) >= 120
    assert len({(mutant.file, mutant.find, mutant.put) for mutant in MUTANTS}) == len(MUTANTS)
    assert all(EQUIVALENT.values())


@pytest.mark.parametrize("file", sorted({mutant.file for mutant in MUTANTS}))
def test_every_mutant_of_a_file_fits_it_and_is_a_program(file: str) -> None:
    for mutant in (mutant for mutant in MUTANTS if mutant.file == file):
        ast.parse(mutant.apply(ROOT))


def test_every_mutant_names_tests_that_exist() -> None:
    for test in {test for mutant in MUTANTS for test in mutant.tests}:
        file, _, name = test.partition("::")
        assert (ROOT / file).exists(), test
        text = (ROOT / file).read_text(encoding="utf-8") if name else ""
        # Tests of a contract are inherited: their class stands in the file.
        kind, plain = ("class", name.partition("::")[0]) if "::" in name else ("def", name.partition("[")[0])
        assert not name or f"{kind} {plain}(" in text, test


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """Return a project with one rule and one test."""
    project = tmp_path / "small"
    project.mkdir()
    (project / "rule.py").write_text("def is_long(text):\n    return len(text) > 3\n", encoding="utf-8")
    (project / "test_rule.py").write_text(
        "from rule import is_long\n\ndef test_rule():\n    assert is_long('four')\n    assert not is_long('a')\n",
        encoding="utf-8",
    )
    return project


def test_a_mutant_is_caught_survives_or_is_no_program(small: Path) -> None:
    table = mutants(
        "rule.py",
        "test_rule.py",
        [("> 3", "> 4"), ("> 3", "> 2"), ("def is_long", "def is_short")],
    )
    assert [result.verdict for result in run(small, table, jobs=2)] == ["caught", "survived", "broken"]
    assert "> 3" in (small / "rule.py").read_text(encoding="utf-8")


@pytest.mark.parametrize(("find", "put"), [("no such line", "x"), ("text", "x"), ("> 3", "> 3")])
def test_a_mutant_that_does_not_fit_is_refused(small: Path, find: str, put: str) -> None:
    with pytest.raises(StaleMutantError, match=r"rule\.py"):
        Mutant("rule.py", find, put, ("test_rule.py",)).apply(small)


def test_a_mutant_shows_its_line() -> None:
    (mutant,) = mutants("a.py", "tests", [("before\nif x:\n", "before\nif y:\n")])
    assert str(mutant) == "a.py: if x: -> if y:"

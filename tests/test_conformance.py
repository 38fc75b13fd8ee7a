"""The table of conformance: complete, current, and without a row that nobody proves."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from docs import conformance

ROOT = Path(__file__).parents[1]


def test_the_committed_table_is_what_the_tests_say() -> None:
    written = (ROOT / "docs/conformance.md").read_text(encoding="utf-8")
    assert written == conformance.table(), "run make conformance"


def test_every_row_of_the_server_has_a_test() -> None:
    assert conformance.without_test() == []


def test_every_row_of_the_server_names_the_code_that_does_it() -> None:
    assert conformance.without_where() == []


def test_rows_are_complete_and_in_order() -> None:
    rows = [requirement.row for requirement in conformance.requirements()]
    assert len(set(rows)) == len(rows)
    for family, count in {"C": 129, "L": 42}.items():
        assert [row for row in rows if row.startswith(f"{family}-")] == [
            f"{family}-{n:02}" for n in range(1, count + 1)
        ]
    assert {requirement.family for requirement in conformance.requirements()} == set(conformance.FAMILIES)


def test_rows_are_worded_and_point_at_files_that_exist() -> None:
    for requirement in conformance.requirements():
        assert requirement.what, requirement.row
        assert requirement.whose in conformance.WHOSE, requirement.row
        assert all((ROOT / file).is_file() for file in requirement.where), requirement.row


def test_tests_name_only_rows_that_exist() -> None:
    known = {requirement.row for requirement in conformance.requirements()}
    named = conformance.tests_by_row()
    assert {row: files for row, files in named.items() if row not in known} == {}


def test_markers_name_rows_one_by_one_or_as_a_range() -> None:
    assert conformance.named_in("C-30, L-01 and IA-103; UTF-8, M-1") == {"C-30", "L-01", "IA-103"}
    assert conformance.named_in("AT-01 … AT-03, O-98 to 100") == {"AT-01", "AT-02", "AT-03", "O-98", "O-99", "O-100"}


def test_only_the_marker_of_a_test_function_proves_a_row() -> None:
    source = """
@proves("C-30", "L-01 … L-03")
@pytest.mark.parametrize("name", ["C-31"])  # C-32
def test_one(name): pass  # C-33
@proves("C-34")
def helper(): pass
class TestMore:
    @proves("C-35")
    async def test_two(self): pass
"""
    assert dict(conformance.proved_by(source)) == {"test_one": {"C-30", "L-01", "L-02", "L-03"}, "test_two": {"C-35"}}


def test_the_table_names_every_proof_so_that_a_deleted_one_changes_it() -> None:
    text = conformance.table()
    proofs = {(file, test) for files in conformance.tests_by_row().values() for file in files for test in files[file]}
    assert len(proofs) > 400
    assert [proof for proof in proofs if not re.search(rf'\(../{proof[0]} "[^"]*\b{proof[1]}\b', text)] == []


SKIPPING = """
import pytest
from tests.support.proves import NO_CORPUS, proves

@proves("C-30")
def test_proof(): pytest.skip("something is missing")

@proves("C-31")
@pytest.mark.skip(reason="switched off")
def test_marked(): pass

@proves("C-32")
def test_corpus(): pytest.skip(NO_CORPUS)

@pytest.mark.xfail(strict=True)
@proves("C-33")
def test_expected(): raise AssertionError

def test_ordinary(): pytest.skip("something is missing")
"""


@pytest.mark.parametrize(
    ("ci", "outcomes"), [("true", "1 failed, 2 skipped, 1 xfailed, 1 error"), ("", "4 skipped, 1 xfailed")]
)
def test_a_skipped_proof_fails_the_run_in_ci(tmp_path: Path, ci: str, outcomes: str) -> None:
    (tmp_path / "test_it.py").write_text(SKIPPING, encoding="utf-8")
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.support.proves", "-p", "no:cacheprovider", str(tmp_path)],
        cwd=tmp_path,
        env={**os.environ, "CI": ci, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert outcomes in run.stdout
    assert ("this test proves C-30 and must not be skipped" in run.stdout) == bool(ci)
    assert ("this test proves C-31 and must not be skipped" in run.stdout) == bool(ci)


def test_the_document_links_to_files_that_exist() -> None:
    text = (ROOT / "docs/conformance.md").read_text(encoding="utf-8")
    for target in set(re.findall(r"\]\((?:\.\./)?([^) ]+)(?: \"[^\"]*\")?\)", text)):
        assert (ROOT / target).is_file() or (ROOT / "docs" / target).is_file(), target

"""The table of conformance: complete, current, and without a row that nobody proves."""

import re
from pathlib import Path

from docs import conformance

ROOT = Path(__file__).parents[1]


def test_the_committed_table_is_what_the_tests_say() -> None:
    written = (ROOT / "docs/conformance.md").read_text(encoding="utf-8")
    assert written == conformance.table(), "run make conformance"


def test_every_row_of_the_server_has_a_test() -> None:
    assert conformance.without_test() == []


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


def test_a_comment_names_rows_one_by_one_or_as_a_range() -> None:
    assert conformance.named_in("C-30, L-01 and IA-103; UTF-8, M-1") == {"C-30", "L-01", "IA-103"}
    assert conformance.named_in("AT-01 … AT-03, O-98 to 100") == {"AT-01", "AT-02", "AT-03", "O-98", "O-99", "O-100"}


def test_the_document_links_to_files_that_exist() -> None:
    text = (ROOT / "docs/conformance.md").read_text(encoding="utf-8")
    for target in set(re.findall(r"\]\((?:\.\./)?([^)]+)\)", text)):
        assert (ROOT / target).is_file() or (ROOT / "docs" / target).is_file(), target

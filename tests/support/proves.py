"""The marker that ties a test to the requirements it proves, and a plugin that lets no proof be skipped in CI."""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest

#: Reason of the only skips that a run with ``CI=true`` accepts: the repository does not hold the real documents.
NO_CORPUS = "the corpus of real documents is not beside the project"


def proves(row: str, *rows: str) -> pytest.MarkDecorator:
    """Mark a test function as a proof of rows of ``docs/rows.txt``: ``@proves("C-30", "IA-56 … IA-62")``.

    ``docs/conformance.py`` builds the table of conformance from these calls.
    """
    return pytest.mark.proves(row, *rows)


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line("markers", "proves(*rows): the test proves these rows of docs/rows.txt")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a proof that was skipped in a run with ``CI=true``."""
    report = yield
    rows = [row for marker in item.iter_markers("proves") for row in marker.args]
    is_skipped = report.skipped and not hasattr(report, "wasxfail")
    if is_skipped and rows and os.environ.get("CI") == "true" and NO_CORPUS not in report.longreprtext:
        report.outcome = "failed"
        report.longrepr = f"this test proves {', '.join(rows)} and must not be skipped: {report.longreprtext}"
    return report

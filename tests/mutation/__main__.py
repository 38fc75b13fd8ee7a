"""Run the mutants: ``python -m tests.mutation [-k TEXT] [-j JOBS]``; exit code 1 if one survives."""

from __future__ import annotations

import argparse
import os
import sys
import time

from .mutant import ROOT
from .run import Result, failing, run
from .table import EQUIVALENT, MUTANTS


def main(arguments: list[str]) -> int:
    """Print each mutant that no test notices, and how many there are."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("-k", default="", help="only mutants whose file or line holds this text")
    parser.add_argument("-j", type=int, default=os.cpu_count() or 1, help="mutants at a time")
    parser.add_argument("-v", action="store_true", help="print every mutant with its verdict and time")
    given = parser.parse_args(arguments)
    chosen = [mutant for mutant in MUTANTS if given.k in str(mutant)]
    tests = sorted({test for mutant in chosen for test in mutant.tests})
    if failure := failing(ROOT, tests, given.j):
        print(f"the tests fail without any mutant:\n{failure}")
        return 1
    missed, started = [], time.monotonic()
    for result in run(ROOT, chosen, given.j):
        if result.verdict != "caught":
            missed.append(result)
        if given.v or result.verdict != "caught":
            print(f"{time.monotonic() - started:6.0f} s  {_line(result)}", flush=True)
    print(f"{len(chosen)} mutants, {len(missed)} not caught; {len(EQUIVALENT)} equivalent ones are not run")
    return 1 if missed else 0


def _line(result: Result) -> str:
    end = f"\n{result.output}" if result.verdict == "broken" else ""
    return f"{result.verdict:8}  {result.mutant}{end}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

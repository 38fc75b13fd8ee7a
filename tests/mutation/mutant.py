"""One changed line, and how a table of them is written."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


class StaleMutantError(Exception):
    """The snippet does not occur exactly once in its file: the code has changed, and the mutant must follow it."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """A change of one line.

    Attributes:
        file: path below the root of the repository.
        find: text that occurs exactly once in the file; the changed line, with as much around it as makes it unique.
        put: text that replaces it.
        tests: pytest arguments, of which at least one test must fail.
    """

    file: str
    find: str
    put: str
    tests: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.file}: {_changed_line(self.find, self.put)} -> {_changed_line(self.put, self.find)}"

    def apply(self, root: Path) -> str:
        """Return the file's text with the change.

        Raises:
            StaleMutantError: the snippet does not occur exactly once, or the change is none.
        """
        path = root / self.file
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
        if text.count(self.find) != 1 or self.find == self.put:
            raise StaleMutantError(f"{self.file} holds {text.count(self.find)} times: {self.find}")
        return text.replace(self.find, self.put)


def mutants(file: str, tests: str, changes: Iterable[tuple[str, ...]]) -> list[Mutant]:
    """Return the mutants of one file.

    Args:
        file: path below the root of the repository.
        tests: pytest arguments that hold for a change without its own, separated by spaces.
        changes: what to find, what to put in its place, and optionally the tests of this change.
    """
    return [Mutant(file, find, put, tuple((own[0] if own else tests).split())) for find, put, *own in changes]


def _changed_line(text: str, other: str) -> str:
    changed = [line for line in text.split("\n") if line not in other.split("\n")]
    return " / ".join(line.strip() for line in changed) or "nothing"

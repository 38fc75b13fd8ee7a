"""All mutants, and those that change nothing that anybody could observe."""

from __future__ import annotations

from .core import CORE
from .fetch import FETCH
from .mutant import Mutant
from .plain import PLAIN

MUTANTS: list[Mutant] = [*CORE, *FETCH, *PLAIN]

#: Changes that no test can notice, each with the reason: not run, so that nobody looks for the test again.
EQUIVALENT: dict[str, str] = {}

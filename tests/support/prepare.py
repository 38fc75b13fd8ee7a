"""Install every real client of other people: ``python -m tests.support.prepare``, beside other work.

Tests install what is missing by themselves; what cannot be installed here is told there.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import pytest

from .node import COMPILED, node_project, node_projects
from .python_env import REQUIREMENTS, python_env


def main() -> None:
    """Prepare all, first those that are compiled."""
    for name in sorted(node_projects(), key=lambda name: name not in COMPILED):
        _try(node_project, name)
    for name in REQUIREMENTS:
        _try(python_env, name)


def _try(prepare: Callable[[str], object], name: str) -> None:
    with contextlib.suppress(pytest.skip.Exception, pytest.fail.Exception):
        prepare(name)


if __name__ == "__main__":
    main()

"""All mutants, and those that change nothing that anybody could observe."""

from __future__ import annotations

from .clients import CLIENTS
from .core import CORE
from .demo import DEMO
from .fetch import FETCH
from .mutant import Mutant
from .plain import PLAIN
from .provider import PROVIDER
from .stores import STORES

MUTANTS: list[Mutant] = [*CORE, *FETCH, *PLAIN, *CLIENTS, *STORES, *PROVIDER, *DEMO]

#: Changes that no test can notice, each with the reason: not run, so that nobody looks for the test again.
EQUIVALENT: dict[str, str] = {
    "flask_cimd/provider/authorization.py: if error.redirect_uri is None": "An authorization request fails with an OAuth "
    "error only after its redirect URI is established; the line answers in JSON should a later check come earlier.",
    "flask_cimd/provider/authorization.py: raise, after a second look for the answer": "The loser of two clicks finds no "
    "answer only if it expires between two statements; then the error is raised as it is.",
    "flask_cimd/provider/waiting.py: except InvalidTag": "A handle that leads to a row is the one that its answer is "
    "encrypted under; only a changed row fails.",
    "demo/owner/setup.py: except UnreadablePageError": "The parser recovers from any bytes; the library documents the "
    "error for parsers that do not.",
}

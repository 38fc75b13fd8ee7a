"""The core decides; it has no framework, no network and no database to ask."""

import subprocess
import sys
from pathlib import Path

CORE = Path(__file__).parents[2] / "flask_cimd/core"

IMPORT_WITHOUT = """
import importlib, pkgutil, sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"flask", "requests", "sqlalchemy", "flask_sqlalchemy", "authlib", "redis"}:
            raise ImportError(f"the core asks for {name}")

sys.meta_path.insert(0, Blocked())
import flask_cimd.core
for module in pkgutil.iter_modules(flask_cimd.core.__path__):
    importlib.import_module(f"flask_cimd.core.{module.name}")
from flask_cimd.core.identifier import IdentifierRules, parse_identifier
print(parse_identifier("https://app.example/c", IdentifierRules()).host, len(sys.argv))
"""


def test_the_core_imports_without_flask_requests_and_sqlalchemy() -> None:
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_WITHOUT],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=CORE.parents[1],
    )
    assert (done.stdout, done.stderr) == ("app.example 1\n", "")


def test_the_core_names_no_socket_clock_or_environment() -> None:
    # clock.py holds the default that callers replace; every rule takes ``now`` as an argument.
    for path in (path for path in CORE.glob("*.py") if path.name != "clock.py"):
        source = path.read_text(encoding="utf-8")
        for word in (
            "import socket",
            "import os",
            "import time\n",
            "datetime.now",
            "utcnow",
            "os.environ",
            "getenv",
            "open(",
        ):
            assert word not in source, f"{path.name}: {word}"

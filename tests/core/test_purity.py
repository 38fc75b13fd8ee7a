"""The core decides; it has no framework, no network, no database and no third-party parser."""

import subprocess
import sys
from pathlib import Path

CORE = Path(__file__).parents[2] / "flask_cimd/core"

#: Blocks everything but the standard library, imports every module of the core, parses an identifier and a document.
PROGRAM = """
import importlib, pkgutil, sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in {*sys.stdlib_module_names, "flask_cimd"}:
            raise ImportError(f"the core asks for {name}")

sys.meta_path.insert(0, Blocked())
import flask_cimd.core
for module in pkgutil.iter_modules(flask_cimd.core.__path__):
    importlib.import_module(f"flask_cimd.core.{module.name}")
from flask_cimd.core.document import parse_document
from flask_cimd.core.identifier import IdentifierRules, parse_identifier
from flask_cimd.core.rules import DocumentRules
identifier = parse_identifier("https://app.example/c", IdentifierRules())
body = b'{"client_id": "https://app.example/c", "redirect_uris": ["https://app.example/cb"]}'
print(parse_document(body, identifier, DocumentRules()).redirect_uris[0])
"""


def test_the_core_works_with_every_third_party_package_blocked() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=CORE.parents[1],
    )
    assert (done.stdout, done.stderr) == ("https://app.example/cb\n", "")


def test_the_core_uses_joserfc_for_signatures_and_nothing_else() -> None:
    found = {
        (path.name, line.split()[1].partition(".")[0])
        for path in CORE.glob("*.py")
        for line in path.read_text(encoding="utf-8").splitlines()
        if line.lstrip().startswith(("import ", "from ")) and not line.split()[1].startswith(".")
    }
    foreign = {(file, name) for file, name in found if name not in sys.stdlib_module_names}
    assert foreign == {("proof.py", "joserfc"), ("signatures.py", "joserfc")}


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

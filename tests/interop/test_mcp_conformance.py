"""The client scenarios of MCP's conformance suite, passed by a small client made of our session.

Left out, because they are about other ways than a client URL: ``token-endpoint-auth-basic``, ``-post`` and
``pre-registration`` (shared secrets), ``client-credentials-*`` and ``cross-app-access-complete-flow`` (no person),
``2025-03-26-*`` (dynamic registration at servers without RFC 9728), and the scenarios of transport and tools.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.demo import ROOT
from tests.support.node import node_executable, node_project

CLIENT = Path(__file__).parent / "mcp_python" / "our_client.py"


def run(scenario: str, folder: Path) -> str:
    """Return what the suite prints about one scenario."""
    project = node_project("conformance_node")
    suite = project / "node_modules" / "@modelcontextprotocol" / "conformance" / "dist" / "index.js"
    command = [node_executable(project), suite, "client", "--command", f"{sys.executable} {CLIENT}"]
    done = subprocess.run(
        [*command, "--scenario", f"auth/{scenario}", "-o", folder],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.stdout + done.stderr


@pytest.mark.parametrize(
    "scenario",
    [
        "basic-cimd",
        "scope-from-www-authenticate",
        "scope-from-scopes-supported",
        "scope-omitted-when-undefined",
        "scope-step-up",
        "scope-retry-limit",
        "token-endpoint-auth-none",
        "resource-mismatch",
        "offline-access-scope",
        "offline-access-not-supported",
    ],
)
def test_a_scenario_of_client_urls_passes(scenario: str, tmp_path: Path) -> None:
    said = run(scenario, tmp_path)
    assert "OVERALL: PASSED" in said, said[-3000:]


@pytest.mark.parametrize("scenario", ["metadata-default", "metadata-var1", "metadata-var2", "metadata-var3"])
def test_metadata_is_found_and_only_the_registration_is_missed(scenario: str, tmp_path: Path) -> None:
    # These servers want a client to register; ours has a URL, signs in all the same, and passes every other check.
    said = run(scenario, tmp_path)
    assert ", 1 failed, 0 warnings" in said, said[-3000:]
    assert "Expected Check Missing: client-registration" in said

"""``examples/minimal.py`` in tests of five lines, as the documentation shows them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from flask.testing import FlaskClient

from examples import minimal
from flask_cimd.testing import ClientOrigin, client_origin, sign_in  # noqa: F401  a fixture
from tests.support.examples import EXAMPLES
from tests.support.quickstart import code_blocks, page


def log_in(browser: FlaskClient) -> None:
    browser.post("/login?next=/authorize/", data={"password": "secret"})


def test_a_client_signs_in(client_origin: ClientOrigin, tmp_path: Path) -> None:  # noqa: F811
    app = minimal.create_app(**client_origin.config, SQLALCHEMY_DATABASE_URI=f"sqlite:///{tmp_path}/site.db")
    client = client_origin.publish(client_name="Notes")
    done = sign_in(app, client, log_in=log_in)
    assert done.tokens["scope"] == "profile"


def test_a_person_denies(client_origin: ClientOrigin, tmp_path: Path) -> None:  # noqa: F811
    app = minimal.create_app(**client_origin.config, SQLALCHEMY_DATABASE_URI=f"sqlite:///{tmp_path}/site.db")
    done = sign_in(app, client_origin.publish(), log_in=log_in, approve=False)
    assert (done.answer["error"], done.tokens) == ("access_denied", {})


def test_the_test_in_the_readme_has_five_lines_and_passes(tmp_path: Path) -> None:
    (program,) = (block for block in code_blocks(page("howto/testing")) if "def test_" in block)
    lines = [line for line in program.splitlines() if line.strip() and not line.startswith("from ")]
    assert len(lines) == 5
    shutil.copy(EXAMPLES / "minimal.py", tmp_path / "minimal.py")
    (tmp_path / "test_sign_in.py").write_text(program, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_sign_in.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "1 passed" in done.stdout, done.stdout + done.stderr

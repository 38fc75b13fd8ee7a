"""The wheel holds the extension alone, and works in an empty environment."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import venv
import zipfile
from email.parser import Parser
from pathlib import Path
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

import flask_cimd
from flask_cimd_site.cli import templates
from tests.support.browser import SignIn
from tests.support.demo import ROOT, free_ports, inherited_environment
from tests.support.origin import publish_document
from tests.support.quickstart import environment, quick_start
from tests.support.requirements import need
from tools import package


def run(*command: str, **kwargs: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, **kwargs)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the package."""
    folder = tmp_path_factory.mktemp("dist")
    built = run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT))
    assert built.returncode == 0, built.stdout + built.stderr
    (found,) = folder.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def metadata(wheel: Path) -> Any:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return Parser().parsestr(archive.read(name).decode())


def test_the_wheel_holds_the_extension_and_the_site_with_templates_and_no_demo(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert {name.split("/")[0].split("-")[0] for name in names} == {"flask_cimd", "flask_cimd_site"}
    assert "flask_cimd/py.typed" in names
    assert {f"flask_cimd_site/deploy/{name}" for name in templates.NAMES} <= names
    sources = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "flask_cimd").rglob("*")
        if path.suffix in (".py", ".html", ".typed")
    }
    assert any(name.endswith(".html") for name in sources)
    assert sources <= names


def test_the_package_says_what_it_is(metadata: Any) -> None:
    assert metadata["Name"] == "flask-cimd"
    assert metadata["Version"] == flask_cimd.__version__
    assert metadata["License-Expression"] == "MIT"
    assert metadata["Requires-Python"] == ">=3.11"
    assert "# flask-cimd" in metadata.get_payload()


#: What the wheel needs without extras.
RUNTIME = {"flask", "authlib", "joserfc", "requests", "urllib3", "certifi", "mf2py", "beautifulsoup4", "lxml"}
#: Packages that Flask and joserfc themselves are built on, and name in their own interfaces.
BROUGHT = {"werkzeug", "blinker", "click", "jinja2", "markupsafe", "itsdangerous", "cryptography"}
#: Packages that an extra brings.
EXTRAS = {"flask_sqlalchemy", "sqlalchemy", "redis", "PIL", "publicsuffixlist"}
#: Packages that are used only if the host application uses them.
OF_THE_APP = {"flask_login", "flask_babel", "pytest", "trustme"}


def _requirements(metadata: Any) -> set[tuple[str, str]]:
    """Return name and extra of every requirement."""
    found = set()
    for line in metadata.get_all("Requires-Dist"):
        need, _, marker = line.partition(";")
        found.add((re.split(r"[\[<>=~! ]", need)[0], marker.partition("==")[2].strip(" '")))
    return found


def test_the_wheel_without_extras_needs_nine_packages(metadata: Any) -> None:
    needs = _requirements(metadata)
    assert {name for name, extra in needs if not extra} == RUNTIME
    assert ("flask-sqlalchemy", "sqlalchemy") in needs
    assert {("flask-sqlalchemy", "provider"), ("flask-sqlalchemy", "site"), ("limits", "site")} <= set(needs)
    assert {name for name, extra in needs if extra == "demo"} - {"trustme"} == {
        name for name, extra in needs if extra == "site"
    }


def test_every_package_that_is_imported_is_declared() -> None:
    declared = (RUNTIME - {"beautifulsoup4"}) | {"bs4", "flask_cimd"} | BROUGHT | EXTRAS | OF_THE_APP
    assert _packages("flask_cimd") - sys.stdlib_module_names - declared == set()


#: Modules of what the extra ``site`` brings besides; Alembic comes with Flask-Migrate, Babel with Flask-Babel.
OF_THE_SITE = {
    "PIL",
    "alembic",
    "babel",
    "flask_babel",
    "flask_migrate",
    "flask_wtf",
    "limits",
    "markdown_it",
    "nh3",
    "webauthn",
}
#: Packages of other extras, which the site imports when it is configured to use them.
WHEN_USED = {"redis", "prometheus_client", "mcp", "uvicorn", "anyio", "pydantic", "starlette"}


def test_every_package_that_the_site_imports_is_declared() -> None:
    declared = RUNTIME | BROUGHT | {"flask_cimd", "flask_cimd_site", "flask_sqlalchemy", "sqlalchemy"}
    assert _packages("flask_cimd_site") - sys.stdlib_module_names - declared - OF_THE_SITE - WHEN_USED == set()


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        # Packages that other extras bring: without them everything works that does not use them.
        (("redis", "psycopg", "prometheus_client", "mcp", "trustme", "uvicorn"), ""),
        (("flask_migrate",), 'ImportError: the personal site needs more packages: pip install "flask-cimd[site]"'),
    ],
)
def test_the_commands_of_the_site_need_the_extra_site_and_no_other(missing: tuple[str, ...], said: str) -> None:
    program = f"import sys; sys.modules.update(dict.fromkeys({missing})); import flask_cimd_site.cli"
    ended = run(sys.executable, "-c", program, cwd=ROOT)
    assert (ended.stderr.splitlines() or [""])[-1] == said


def _packages(folder: str) -> set[str]:
    return {
        name.partition(".")[0]
        for path in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        for name in _imported(node)
    }


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module] if isinstance(node, ast.ImportFrom) and node.module and not node.level else []


def test_nothing_has_an_upper_bound(metadata: Any) -> None:
    needs = [line.partition(";")[0] for line in metadata.get_all("Requires-Dist")]
    assert needs
    assert [one for one in needs if "<" in one or "==" in one] == []


def test_the_version_is_in_the_change_list() -> None:
    assert flask_cimd.__version__ in (ROOT / "CHANGELOG.md").read_text()


def test_the_metadata_names_the_developers_and_every_python_that_is_tested(metadata: Any) -> None:
    assert metadata["Author"] == "flask-cimd developers"
    assert metadata["Author-email"] is None
    versions = {line.rpartition(" ")[2] for line in metadata.get_all("Classifier") if ":: Python :: 3." in line}
    assert versions == {"3.11", "3.12", "3.13", "3.14"}


_VULNERABLE = '{"dependencies": [{"name": "one", "version": "1", "vulns": [{"id": "PYSEC-1"}]}]}'


@pytest.mark.parametrize(
    ("answer", "code", "said"),
    [
        ("", None, "-- known vulnerabilities: not looked up, their database does not answer\n"),
        (None, None, "-- known vulnerabilities: not looked up, their database does not answer\n"),
        (_VULNERABLE, 1, "-- known vulnerabilities of 1 parts: one 1: PYSEC-1\n"),
        ('{"dependencies": [{"name": "one", "version": "1"}]}', None, "-- known vulnerabilities of 1 parts: none\n"),
    ],
    ids=["unreachable", "slow", "vulnerable", "clean"],
)
def test_the_search_for_vulnerabilities_fails_on_one_and_says_when_it_cannot_look(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], answer: str | None, code: int | None, said: str
) -> None:
    def answered(command: Any, **options: Any) -> subprocess.CompletedProcess[str]:
        if answer is None:
            raise subprocess.TimeoutExpired(command, options["timeout"])
        return subprocess.CompletedProcess(command, 0, stdout=answer, stderr="")

    monkeypatch.setattr(package.subprocess, "run", answered)
    if code is None:
        package.audit()
    else:
        with pytest.raises(SystemExit) as ended:
            package.audit()
        assert ended.value.code == code
    assert capsys.readouterr().out == said


#: Runs the quick start in the new environment and prints the consent page of the client in the argument.
_PROGRAM = """
import json, sys
given = json.load(sys.stdin)
namespace = {"__name__": "quickstart"}
exec(given["program"], namespace)
browser = namespace["app"].test_client()
import flask_cimd
print(flask_cimd.__file__)
print(browser.get("/authorize", query_string=given["asked"]).status_code)
with browser.session_transaction() as session:
    session["user"] = "ada"  # the log-in, which the app brings
answer = browser.get("/authorize", query_string=given["asked"])
print(answer.status_code, answer.text)
broken = namespace["app"].test_client().get("/authorize", query_string={**given["asked"], "client_id": "https://x.example/../c"})
print(broken.status_code, broken.mimetype)
"""


@pytest.mark.slow
def test_an_empty_environment_runs_the_quick_start(wheel: Path, tmp_path: Path, origin: Any, ca_bundle: Path) -> None:
    import json

    home = tmp_path / "empty"
    venv.create(home, with_pip=False)
    python = str(home / "bin" / "python")
    installed = run(sys.executable, "-m", "pip", "--python", python, "install", "--quiet", str(wheel))
    need("No matching distribution" not in installed.stderr, "the package index does not answer")
    assert installed.returncode == 0, installed.stderr
    asked = SignIn.begin(publish_document(origin, client_name="Guestbook"), origin.url("/cb"), scope=None).parameters
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "FLASK_", "CIMD_"))}
    ended = run(
        python,
        "-W",
        "error",
        "-c",
        _PROGRAM,
        cwd=tmp_path,
        env=kept | environment(ca_bundle, FLASK_SECRET_KEY="key"),
        input=json.dumps({"program": quick_start(), "asked": asked}),
    )
    assert ended.returncode == 0, ended.stderr
    where, stranger, page, broken = ended.stdout.splitlines()
    assert where.startswith(str(home))
    assert stranger == "401"
    assert page == f"200 <h1>localhost:{origin.port}</h1><p>calls itself Guestbook</p>"
    assert broken == "400 text/html"
    assert len(origin.requests) == 1  # no log-in, no fetch


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the programs of an environment that has the wheel, and the other packages of this one."""
    home = tmp_path_factory.mktemp("installed") / "environment"
    venv.create(home, with_pip=False)
    packages = next(home.glob("lib/python*/site-packages"))
    (packages / "shared.pth").write_text(str(Path(pytest.__file__).parents[1]))  # no wheel of theirs is fetched
    install = ("install", "--quiet", "--no-deps", "--no-index", "--ignore-installed")
    done = run(sys.executable, "-m", "pip", "--python", str(home / "bin/python"), *install, str(wheel))
    assert done.returncode == 0, done.stderr
    return home / "bin"


@pytest.mark.slow
def test_the_installed_site_runs_from_init_to_restore_without_a_clone(installed: Path, tmp_path: Path) -> None:
    environment = inherited_environment() | {"HOME": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    program, site, port = str(installed / "flask-cimd-site"), tmp_path / "me", free_ports()

    def said(*arguments: str, **options: Any) -> str:
        ended = run(program, *arguments, cwd=options.pop("cwd", site), env=environment, **options)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    said("init", str(site), "--port", str(port), input="me.example\n", cwd=tmp_path)
    before = {path for path in installed.parent.rglob("*") if path.is_file()}
    with (tmp_path / "log").open("w") as log:
        serving = subprocess.Popen([program, "serve"], cwd=site, env=environment, stdout=log, stderr=log)
        try:
            with requests.Session() as browser:
                retry = Retry(total=None, connect=300, backoff_factor=0.1, backoff_max=0.2)
                browser.mount("http://", HTTPAdapter(max_retries=retry))
                address = f"http://127.0.0.1:{port}"
                assert browser.get(f"{address}/healthz", timeout=60).text == "ok"
                assert browser.get(f"{address}/readyz", timeout=60).json()["ready"] is True
                said("owner", "set-password", input="a password of mine\na password of mine\n")
                assert 'name="password"' in browser.get(f"{address}/login", timeout=60).text
            backup = said("backup").strip()
        finally:
            serving.terminate()
            assert serving.wait(40) == 0, (tmp_path / "log").read_text()
    assert "are restored" in said("restore", backup, "--replace")
    after = {path for path in installed.parent.rglob("*") if path.is_file()}
    assert after == before  # all data lie in the directory
    assert "Traceback" not in (tmp_path / "log").read_text()

"""The recipes of ``docs/recipes`` for servers without Flask: their blocks run as they stand, with real clients."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from authlib.integrations.requests_client import OAuth2Session

from tests.interop.test_mcp_python import SCRIPTS
from tests.support.browser import REDIRECT, Browser, SignIn, publish_client, redirect_parameters
from tests.support.demo import ROOT, free_ports
from tests.support.examples import running
from tests.support.origin import TLSOrigin
from tests.support.python_env import python_env, running_python
from tests.support.walker import Walker

HERE = Path(__file__).parent


def write_blocks(recipe: str, folder: Path) -> None:
    """Write the blocks of a recipe to the files that their first lines name; ``settings.py`` is appended to."""
    text = (ROOT / "docs" / "recipes" / recipe).read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n# (\w+\.py)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 2
    for name, code in blocks:
        with (folder / name).open("a", encoding="utf-8") as file:
            file.write("\n" + code)


# -- the MCP SDK's own authorization server ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sdk_server(ca_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run the recipe's server, and yield its issuer."""
    folder, port = tmp_path_factory.mktemp("sdk"), free_ports()
    shutil.copy(HERE / "mcp_sdk" / "yours.py", folder)
    write_blocks("mcp_sdk.md", folder)
    settings = {"PORT": str(port), "CIMD_ALLOW_LOOPBACK": "true", "CIMD_CA_BUNDLE": str(ca_bundle)}
    issuer = f"http://127.0.0.1:{port}"
    with running([sys.executable, folder / "server.py"], f"{issuer}/mcp", folder, **settings):
        yield issuer


def test_the_official_client_signs_in_at_the_sdks_own_server(
    sdk_server: str, origin: TLSOrigin, ca_bundle: Path
) -> None:
    client_id = publish_client(origin, redirect_uris=["http://localhost/callback"])
    redirect_uri = f"http://localhost:{free_ports()}/callback"
    arguments, trust = (f"{sdk_server}/mcp", client_id, redirect_uri), {"SSL_CERT_FILE": str(ca_bundle)}
    with running_python(python_env("mcp-2"), SCRIPTS / "sdk_client.py", *arguments, environment=trust) as program:
        message = program.receive()
        assert f"client_id={requests.compat.quote(client_id, safe='')}" in message["authorize"]
        answer = Browser(sdk_server).get(message["authorize"])
        assert program.ask(**redirect_parameters(answer)) == {"connected": True}
        assert program.ask(call="greet", arguments={"name": "you"}) == {"text": ["Hello you"]}
        first = program.ask(tokens=True)
        program.ask(expire=True)
        assert program.ask(call="greet", arguments={"name": "you"}) == {"text": ["Hello you"]}
        assert program.ask(tokens=True)["access_token"] != first["access_token"]
    assert origin.count("/client.json") == 1


@pytest.mark.parametrize(
    ("members", "changes"),
    [
        ({"client_id": "https://localhost/other.json"}, {}),
        ({}, {"redirect_uri": "http://localhost/elsewhere"}),
        ({"token_endpoint_auth_method": "client_secret_basic"}, {}),
    ],
    ids=["another client_id", "another redirect", "a secret"],
)
def test_the_sdks_server_refuses_what_the_rules_refuse(
    sdk_server: str, origin: TLSOrigin, members: dict[str, Any], changes: dict[str, str]
) -> None:
    publish_client(origin, **members)
    asked = SignIn.begin(**{"client_id": origin.url("/client.json"), "redirect_uri": REDIRECT, **changes})
    answer = requests.get(f"{sdk_server}/authorize", params=asked.parameters, timeout=10, allow_redirects=False)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


# -- Django with django-oauth-toolkit ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def project(ca_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run the project with the recipe's two blocks, and yield its address."""
    folder, port = tmp_path_factory.mktemp("project"), free_ports()
    for name in ("settings.py", "urls.py"):
        shutil.copy(HERE / "django_toolkit" / name, folder)
    write_blocks("django.md", folder)
    with (folder / "settings.py").open("a", encoding="utf-8") as file:
        file.write("\nCIMD |= TRUST\n")
    (folder / "registration").mkdir()
    login = '<form method="post">{% csrf_token %}{{ form }}<button>Go</button></form>'
    (folder / "registration" / "login.html").write_text(login, encoding="utf-8")
    python = python_env("django-oauth-toolkit")
    given = {
        "DJANGO_SETTINGS_MODULE": "settings",
        "PYTHONPATH": str(folder),
        "CIMD_CA_BUNDLE": str(ca_bundle),
        "DJANGO_SUPERUSER_USERNAME": "ada",
        "DJANGO_SUPERUSER_PASSWORD": "secret",
        "DJANGO_SUPERUSER_EMAIL": "ada@example.com",
    }
    for command in (["migrate", "--verbosity=0"], ["createsuperuser", "--noinput", "--verbosity=0"]):
        subprocess.run([python, "-m", "django", *command], cwd=folder, env={**os.environ, **given}, check=True)
    address = f"http://127.0.0.1:{port}"
    serve = [python, "-m", "django", "runserver", "--noreload", f"127.0.0.1:{port}"]
    with running(serve, f"{address}/me", folder, **given):
        yield address


def person(ca_bundle: Path) -> Walker:
    return Walker(str(ca_bundle), {"username": "ada", "password": "secret"}, ("Go", "Authorize"))


def client(client_id: str) -> OAuth2Session:
    return OAuth2Session(
        client_id,
        redirect_uri=REDIRECT,
        scope="profile",
        code_challenge_method="S256",
        token_endpoint_auth_method="none",
    )


def test_authlibs_client_signs_in_at_a_django_project(project: str, origin: TLSOrigin, ca_bundle: Path) -> None:
    metadata = requests.get(f"{project}/.well-known/oauth-authorization-server", timeout=10).json()
    assert metadata["client_id_metadata_document_supported"] is True
    with client(publish_client(origin)) as app:
        url, _ = app.create_authorization_url(metadata["authorization_endpoint"], code_verifier="v" * 43)
        answer = person(ca_bundle).walk(url, REDIRECT)
        app.fetch_token(metadata["token_endpoint"], authorization_response=answer, code_verifier="v" * 43)
        assert app.get(f"{project}/me").json() == {"name": "ada"}
        first = app.token["access_token"]
        assert app.refresh_token(metadata["token_endpoint"])["access_token"] != first
        assert app.get(f"{project}/me").status_code == 200
    assert origin.count("/client.json") == 1


def test_the_project_asks_to_log_in_before_anything_is_fetched(project: str, origin: TLSOrigin) -> None:
    asked = SignIn.begin(publish_client(origin)).parameters
    answer = requests.get(f"{project}/o/authorize/", params=asked, timeout=10, allow_redirects=False)
    assert answer.headers["Location"].startswith("/accounts/login/")
    assert origin.requests == []


def test_the_project_refuses_what_the_rules_refuse(project: str, origin: TLSOrigin, ca_bundle: Path) -> None:
    client_id = publish_client(origin, token_endpoint_auth_method="client_secret_basic")
    asked = SignIn.begin(client_id, scope="profile").parameters
    with pytest.raises(AssertionError, match="400"):
        person(ca_bundle).walk(f"{project}/o/authorize/?{requests.compat.urlencode(asked)}", REDIRECT)
    assert origin.count("/client.json") == 1

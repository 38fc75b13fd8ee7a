"""``examples/existing_authlib``: a server on Authlib's own classes gains clients with URLs by five changed lines."""

from __future__ import annotations

import difflib
import runpy
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests
import sqlalchemy
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session

from tests.support.browser import SignIn
from tests.support.databases import private_schema
from tests.support.demo import free_ports
from tests.support.examples import EXAMPLES, running_flask
from tests.support.origin import TLSOrigin, publish_document
from tests.support.walker import Walker

FOLDER = EXAMPLES / "existing_authlib"
REDIRECT = "http://127.0.0.1:7777/callback"
#: A client that the server registered before it took URLs.
REGISTERED = {"client_id": "registered", "client_secret": "secret"}


def code_of(name: str) -> list[str]:
    """Return the lines of a program without its docstring and blank ones."""
    code = (FOLDER / name).read_text(encoding="utf-8").split('"""', 2)[2]
    return [line for line in code.splitlines() if line.strip()]


def test_five_lines_are_changed() -> None:
    changes = [line[0] for line in difflib.ndiff(code_of("before.py"), code_of("after.py"))]
    assert (changes.count("+"), changes.count("-")) == (5, 3)


# -- the database of a server that people have -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def database(postgres_url: str) -> str:
    """Create the tables of ``before.py`` with a person and a registered client, and return the database's URL."""
    url = private_schema(postgres_url)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SQLALCHEMY_DATABASE_URI", url)
        before = SimpleNamespace(**runpy.run_path(str(FOLDER / "before.py")))
    metadata = {
        "redirect_uris": [REDIRECT],
        "scope": "profile",
        "response_types": ["code"],
        "grant_types": ["authorization_code"],
        "token_endpoint_auth_method": "client_secret_basic",
    }
    with before.app.app_context():
        before.db.create_all()
        client = before.Client(**REGISTERED)
        client.set_client_metadata(metadata)
        before.db.session.add_all([before.User(name="ada"), client])
        before.db.session.commit()
        before.db.session.remove()
        before.db.engine.dispose()
    return url


def upgrade(database: str) -> None:
    engine = sqlalchemy.create_engine(database)
    with engine.begin() as connection:
        connection.exec_driver_sql((FOLDER / "upgrade.sql").read_text(encoding="utf-8"))
    engine.dispose()


@pytest.fixture(scope="module")
def server(database: str, ca_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run ``after.py`` on the upgraded database."""
    upgrade(database)
    folder = tmp_path_factory.mktemp("after")
    settings = {"CIMD_ALLOW_LOOPBACK": "true", "CIMD_CA_BUNDLE": str(ca_bundle)}
    with running_flask(
        "existing_authlib/after.py", free_ports(), folder, SQLALCHEMY_DATABASE_URI=database, **settings
    ) as address:
        yield address


def sign_in(server: str, **client: Any) -> dict[str, Any]:
    """Sign in with Authlib's client, and return what the server says about the person."""
    person = Walker("", {"name": "ada"})
    with OAuth2Session(redirect_uri=REDIRECT, scope="profile", code_challenge_method="S256", **client) as app:
        verifier = "v" * 43
        url, _ = app.create_authorization_url(f"{server}/authorize", code_verifier=verifier)
        answer = person.walk(url, REDIRECT)
        app.fetch_token(f"{server}/token", authorization_response=answer, code_verifier=verifier)
        found: dict[str, Any] = app.get(f"{server}/me").json()
    return found


def test_without_the_change_the_server_knows_no_client_with_a_url(
    database: str, origin: TLSOrigin, tmp_path: Path
) -> None:
    client_id = publish_document(origin, redirect_uris=[REDIRECT])
    with running_flask(
        "existing_authlib/before.py", free_ports(), tmp_path, SQLALCHEMY_DATABASE_URI=database
    ) as before:
        assert sign_in(before, **REGISTERED) == {"name": "ada"}
        with pytest.raises(AssertionError, match=r"500 .*"):  # Authlib's documentation leaves this error uncaught
            sign_in(before, client_id=client_id, token_endpoint_auth_method="none")
    assert origin.requests == []


def test_a_client_with_a_long_url_signs_in(server: str, origin: TLSOrigin) -> None:
    client_id = publish_document(origin, f"/{'x' * 1900}/client.json", redirect_uris=[REDIRECT])
    assert sign_in(server, client_id=client_id, token_endpoint_auth_method="none") == {"name": "ada"}


def test_the_old_consent_page_names_the_host_of_a_client_with_a_url(server: str, origin: TLSOrigin) -> None:
    client_id = publish_document(origin, redirect_uris=[REDIRECT], client_name="Your bank")
    asked = SignIn.begin(client_id, REDIRECT, scope="profile").parameters
    person = Walker("", {"name": "ada"})
    person.session.post(f"{server}/login", {"name": "ada"}, allow_redirects=False, timeout=10)
    page = person.session.get(f"{server}/authorize", params=asked, timeout=10).text
    assert f"localhost:{origin.port} wants: profile" in page
    assert "Your bank" not in page


def test_a_registered_client_signs_in_as_before(server: str) -> None:
    assert sign_in(server, **REGISTERED) == {"name": "ada"}


@pytest.mark.parametrize(
    ("changes", "slug"),
    [
        ({"code_challenge": None}, "outdated-request"),
        ({"code_challenge_method": "plain"}, "outdated-request"),
        ({"response_type": "'\""}, "malformed-parameter"),
        ({"client_id": None}, "missing-client-id"),
        ({"client_id": "http://app.example/client.json"}, "bad-scheme"),
    ],
)
def test_a_strangers_bad_request_ends_on_a_page(
    server: str, origin: TLSOrigin, changes: dict[str, str | None], slug: str
) -> None:
    asked = {"client_id": publish_document(origin), "redirect_uri": origin.url("/cb"), **changes}
    for method in ("GET", "POST"):
        answer = requests.request(
            method,
            f"{server}/authorize",
            params=SignIn.begin(**asked).parameters,
            timeout=10,
            allow_redirects=False,  # type: ignore[arg-type]  # requests' own keyword
        )
        assert (answer.status_code, answer.headers["Content-Type"]) == (400, "text/html; charset=utf-8")
        assert f"<code>{slug}</code>" in answer.text
    assert origin.requests == []


def test_a_strangers_good_request_waits_for_the_log_in(server: str, origin: TLSOrigin) -> None:
    assert requests.get(f"{server}/authorize", timeout=10).status_code == 400
    asked = SignIn.begin(publish_document(origin), origin.url("/cb")).parameters
    answer = requests.get(f"{server}/authorize", params=asked, timeout=10, allow_redirects=False)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/login")
    assert origin.requests == []


def test_a_document_that_does_not_list_the_redirect_ends_on_a_page(server: str, origin: TLSOrigin) -> None:
    with pytest.raises(AssertionError, match=r"400 (.|\n)*<code>request-refused</code>"):
        sign_in(server, client_id=publish_document(origin), token_endpoint_auth_method="none")


def test_a_code_is_redeemed_with_its_verifier_alone(server: str, origin: TLSOrigin) -> None:
    client_id = publish_document(origin, redirect_uris=[REDIRECT])
    asked = SignIn.begin(client_id, REDIRECT, scope="profile")
    url = f"{server}/authorize?{requests.compat.urlencode(asked.parameters)}"
    answer = Walker("", {"name": "ada"}).walk(url, REDIRECT)
    app = OAuth2Session(client_id, redirect_uri=REDIRECT, token_endpoint_auth_method="none")
    with app, pytest.raises(OAuthError) as refused:
        app.fetch_token(f"{server}/token", authorization_response=answer, code_verifier="w" * 43)
    assert refused.value.error == "invalid_grant"

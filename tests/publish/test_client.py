"""A Flask app that is a client: its document, its keys."""

from __future__ import annotations

import stat
import threading
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from flask_cimd import CIMD, ConfigurationError
from flask_cimd.cli import commands
from flask_cimd.publish import PublishedClient
from flask_cimd.publish.document import LIFETIME
from flask_cimd.publish.key_file import KeyFile
from tests.support.clock import Clock
from tests.support.proves import proves

REDIRECT = "https://app.example/callback"


def published(app: Flask, path: str = "/client.json", **options: Any) -> PublishedClient:
    options = {"redirect_uris": [REDIRECT], "client_name": "App", **options}
    return CIMD().publish_client(app, path, **options)


def signing(keys: KeyFile) -> str:
    entry = keys.signing_key(LIFETIME)
    assert entry is not None
    return entry.kid


@pytest.fixture
def app(tmp_path: Path) -> Flask:
    return Flask("app", instance_path=str(tmp_path / "instance"))


@proves("C-29", "C-33", "C-41")
def test_the_document_names_itself_and_may_be_cached(app: Flask) -> None:
    client = published(app)
    assert client.client_id == "https://app.example/client.json"
    answer = app.test_client().get("/client.json", base_url="https://evil.example")
    assert answer.status_code == 200
    assert answer.mimetype == "application/json"
    assert answer.json == {
        "client_id": "https://app.example/client.json",
        "client_name": "App",
        "redirect_uris": [REDIRECT],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
        "token_endpoint_auth_methods_supported": ["none"],
    }
    assert answer.headers["Cache-Control"] == "public, max-age=3600"
    again = app.test_client().get("/client.json", headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


def test_the_origin_is_given_or_configured_and_never_taken_from_a_request(app: Flask) -> None:
    assert published(app, "/a.json", origin="https://other.example/").client_id == "https://other.example/a.json"
    app.config["SERVER_NAME"] = "configured.example"
    assert published(app, "/b.json").client_id == "https://configured.example/b.json"
    with pytest.raises(ConfigurationError, match="public origin"):
        published(Flask("other"), redirect_uris=["http://127.0.0.1/cb"])


@proves("C-37", "C-45", "C-51", "C-54", "C-83")
@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"redirect_uris": [], "origin": "https://app.example"}, "/redirect_uris none-usable"),
        ({"redirect_uris": [REDIRECT, "javascript:alert(1)"]}, "servers would ignore javascript:alert(1)"),
        ({"redirect_uris": [REDIRECT + "#fragment"]}, "/redirect_uris"),
        ({"client_secret": "s"}, "/client_secret secret-published"),
        ({"token_endpoint_auth_methods_supported": ["private_key_jwt"]}, "not-in-list"),
        ({"logo_uri": "http://app.example/logo.png"}, "/logo_uri not-https"),
        ({"scope": 'pro"file'}, "/scope forbidden-character"),
        ({"software_id": "x" * 5200}, "/ too-large"),
        ({"origin": "http://app.example"}, "client_id bad-scheme"),
        ({"origin": "https://127.0.0.1"}, "client_id ip-address"),
        ({"jwks": {"keys": []}, "jwks_uri": "https://app.example/k"}, "jwks-and-jwks-uri"),
    ],
)
def test_a_document_that_servers_would_refuse_fails_at_start(app: Flask, options: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        published(app, **options)
    assert told in str(caught.value)


def test_every_problem_is_told_at_once(app: Flask) -> None:
    with pytest.raises(ConfigurationError) as caught:
        published(app, client_secret="s", scope='"')
    assert "/client_secret" in str(caught.value)
    assert "/scope" in str(caught.value)
    with pytest.raises(ConfigurationError, match="/scope forbidden-character"):  # servers would ignore it
        published(app, path="/other.json", scope='"')


@proves("C-04", "C-10")
def test_a_path_with_a_query_or_the_bare_root_is_refused(app: Flask) -> None:
    # Some servers refuse them
    for path in ("/", "/c?id=1"):
        with pytest.raises(ConfigurationError):
            published(app, path)


# -- keys -------------------------------------------------------------------------------------------------------


@proves("C-46")
def test_keys_are_published_without_their_private_part(app: Flask) -> None:
    client = published(app, keys=True)
    document = app.test_client().get("/client.json").json
    assert document["token_endpoint_auth_method"] == "private_key_jwt"
    assert document["jwks_uri"] == "https://app.example/jwks.json"
    answer = app.test_client().get("/jwks.json")
    assert answer.headers["Cache-Control"] == "public, max-age=3600"
    (key,) = answer.json["keys"]
    assert key.keys() == {"kty", "crv", "x", "y", "kid", "alg", "use"}
    assert client.keys is not None
    assert client.keys.path == Path(app.instance_path) / "client-keys.json"


def test_keys_may_stand_in_the_document(app: Flask, tmp_path: Path) -> None:
    published(app, keys=tmp_path / "keys.json", jwks_path=None)
    document = app.test_client().get("/client.json").json
    assert "jwks_uri" not in document
    assert len(document["jwks"]["keys"]) == 1
    assert app.test_client().get("/jwks.json").status_code == 404


def test_the_key_file_is_its_owners_alone(tmp_path: Path) -> None:
    keys = KeyFile(tmp_path / "deep" / "keys.json")
    keys.create()
    keys.create("EdDSA")
    assert stat.S_IMODE(keys.path.stat().st_mode) == 0o600
    assert [entry.alg for entry in keys.entries()] == ["ES256", "EdDSA"]
    assert sorted(path.name for path in keys.path.parent.iterdir()) == ["keys.json", "keys.json.lock"]


def test_many_processes_that_start_at_once_make_one_key(tmp_path: Path) -> None:
    start = threading.Barrier(8)

    def begin() -> None:
        start.wait()
        KeyFile(tmp_path / "keys.json").ensure()

    threads = [threading.Thread(target=begin) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(KeyFile(tmp_path / "keys.json").entries()) == 1


def test_a_damaged_key_file_is_told_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    path.write_text("{")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        KeyFile(path).ensure()
    assert path.read_text() == "{"


@proves("C-106")
def test_a_new_key_signs_once_servers_have_had_time_to_see_it(tmp_path: Path, clock: Clock) -> None:
    keys = KeyFile(tmp_path / "keys.json", clock=clock)
    first = keys.create()
    assert signing(keys) == first.kid  # there is no other
    clock.forward(days=1)
    second = keys.create()
    assert signing(keys) == first.kid
    clock.forward(hours=1)
    assert signing(keys) == second.kid


def test_keys_rotate_by_command_without_a_restart(app: Flask) -> None:
    published(app, keys=True)
    run = partial(app.test_cli_runner().invoke, commands)
    old = run(args=["keys", "list"]).output.split()[0]
    new = run(args=["keys", "new", "--alg", "RS256"]).output.strip()
    assert [key["kid"] for key in app.test_client().get("/jwks.json").json["keys"]] == [old, new]
    assert run(args=["keys", "retire", old]).exit_code == 0
    assert [key["kid"] for key in app.test_client().get("/jwks.json").json["keys"]] == [new]
    last = run(args=["keys", "retire", new])
    assert last.exit_code == 1
    assert "last key" in last.output
    unknown = run(args=["keys", "retire", "unknown"])
    assert (unknown.exit_code, "no key is called unknown" in unknown.output) == (1, True)


def test_the_commands_work_on_a_file_of_ones_own(app: Flask, tmp_path: Path) -> None:
    published(app)
    run = partial(app.test_cli_runner().invoke, commands)
    assert run(args=["keys", "list"]).exit_code == 2
    made = run(args=["keys", "new", "--file", str(tmp_path / "k.json")]).output.strip()
    assert run(args=["keys", "list", "--file", str(tmp_path / "k.json")]).output.startswith(made)


def test_no_key_is_named_like_an_option_and_old_names_still_work(app: Flask, tmp_path: Path) -> None:
    keys = KeyFile(tmp_path / "k.json")
    assert not any(keys.create("EdDSA").kid.startswith("-") for _ in range(200))
    text = keys.path.read_text().replace(keys.entries()[0].kid, "-old-name")
    keys.path.write_text(text)
    published(app)
    run = partial(app.test_cli_runner().invoke, commands)
    retired = run(args=["keys", "retire", "-old-name", "--file", str(keys.path)])
    assert (retired.exit_code, retired.output) == (0, "")
    assert "-old-name" not in [entry.kid for entry in keys.entries()]

"""A Flask app that is a client: its document, its keys, and its sign-in at a real server over real TLS."""

from __future__ import annotations

import json
import stat
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trustme
from authlib.integrations.base_client import OAuthError
from flask import Flask
from werkzeug.serving import make_server

from demo import create_app
from demo.models import db
from flask_cimd import CIMD, ConfigurationError, DocumentError
from flask_cimd.cli import commands
from flask_cimd.publish.client import LIFETIME, PublishedClient
from flask_cimd.publish.key_file import KeyFile
from tests.support.clock import Clock
from tests.support.demo import Browser, free_ports
from tests.support.origin import server_context
from tests.support.proves import proves

REDIRECT = "https://app.example/callback"


def published(app: Flask, path: str = "/client.json", **options: Any) -> PublishedClient:
    options = {"redirect_uris": [REDIRECT], "client_name": "App", **options}
    return CIMD().publish_client(app, path, **options)


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
    assert keys.signing_key(LIFETIME).kid == first.kid  # there is no other
    clock.forward(days=1)
    second = keys.create()
    assert keys.signing_key(LIFETIME).kid == first.kid
    clock.forward(hours=1)
    assert keys.signing_key(LIFETIME).kid == second.kid


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
    assert run(args=["keys", "list"]).exit_code == 1
    made = run(args=["keys", "new", "--file", str(tmp_path / "k.json")]).output.strip()
    assert run(args=["keys", "list", "--file", str(tmp_path / "k.json")]).output.startswith(made)


# -- both sides against each other ------------------------------------------------------------------------------


@contextmanager
def serving(app: Flask, ca: trustme.CA, port: int) -> Iterator[None]:
    """Serve an app by TLS at localhost."""
    server = make_server("127.0.0.1", port, app, threaded=True, ssl_context=server_context(ca, "localhost"))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Pair:
    """A client app and a server, each at an https origin of its own.

    Attributes:
        owner: the server's owner in a browser.
    """

    def __init__(self, stack: ExitStack, ca: trustme.CA, ca_bundle: Path, folder: Path, clock: Clock) -> None:
        port = free_ports((0, 1))
        self.issuer, origin = f"https://localhost:{port}", f"https://localhost:{port + 1}"
        server = create_app(
            {
                "DEMO_DEVELOPMENT": "1",
                "DEMO_BASE_URL": self.issuer,
                "DEMO_DATABASE_URL": f"sqlite:///{folder}/demo.db",
                "CIMD_CA_BUNDLE": str(ca_bundle),
            },
            clock=clock,
        )
        self.app = Flask("client", instance_path=str(folder / "instance"))
        self.app.config.update(CIMD_ALLOW_LOOPBACK=True, CIMD_CA_BUNDLE=str(ca_bundle))
        self.keys = KeyFile(folder / "keys.json", clock=clock)
        self.publish = lambda path, **options: CIMD().publish_client(
            self.app,
            path,
            origin=origin,
            redirect_uris=[f"{origin}/callback"],
            client_name="App",
            allow_loopback=True,
            **options,
        )
        stack.enter_context(serving(server, ca, port))
        stack.enter_context(serving(self.app, ca, port + 1))
        self.owner = Browser(self.issuer)
        self.owner.session.verify = str(ca_bundle)
        self.owner.log_in()
        self.ca_bundle, self.clock = ca_bundle, clock
        stack.callback(_close, server)

    def session(self, client: PublishedClient, **more: Any) -> Any:
        return client.session(client.discover(self.issuer), scope="profile", clock=self.clock, **more)

    def approve(self, url: str) -> str:
        """Open an authorization URL as the owner, approve, and return where the browser is sent."""
        page = self.owner.get(url.removeprefix(self.issuer))
        return str(self.owner.press(page, "Approve").headers["Location"])


def _close(app: Flask) -> None:
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def pair(ca: trustme.CA, ca_bundle: Path, tmp_path: Path, clock: Clock) -> Iterator[Pair]:
    with ExitStack() as stack:
        yield Pair(stack, ca, ca_bundle, tmp_path, clock)


@proves("C-76", "C-78")
@pytest.mark.parametrize("alg", [None, "ES256", "RS256", "PS256", "EdDSA"])
def test_an_app_signs_in_refreshes_and_revokes(pair: Pair, alg: Any) -> None:
    if alg:
        pair.keys.create(alg)
    session = pair.session(pair.publish("/client.json", keys=pair.keys if alg else False))
    url, remembered = session.begin()
    tokens = session.finish(remembered, pair.approve(url))
    assert tokens["scope"] == "profile"
    assert session.get(f"{pair.issuer}/userinfo").json()["name"] == "The owner"
    renewed = session.refresh_token(f"{pair.issuer}/token")
    assert renewed["access_token"] != tokens["access_token"]
    assert session.revoke_token(f"{pair.issuer}/revoke", renewed["refresh_token"]).status_code == 200
    with pytest.raises(OAuthError) as caught:
        session.refresh_token(f"{pair.issuer}/token")
    assert caught.value.error == "invalid_grant"


@proves("C-106")
def test_sessions_outlive_a_rotation(pair: Pair) -> None:
    session = pair.session(pair.publish("/client.json", keys=pair.keys))
    url, remembered = session.begin()
    session.finish(remembered, pair.approve(url))
    (old,) = pair.keys.entries()
    pair.keys.create()
    pair.clock.forward(seconds=LIFETIME.total_seconds())
    session.refresh_token(f"{pair.issuer}/token")
    pair.keys.retire(old.kid)
    pair.clock.forward(seconds=LIFETIME.total_seconds())
    assert session.refresh_token(f"{pair.issuer}/token")["access_token"]


def test_an_answer_of_another_server_is_refused(pair: Pair) -> None:
    # RFC 9207 §2.4
    session = pair.session(pair.publish("/client.json"))
    url, remembered = session.begin()
    answer = pair.approve(url)
    forged = answer.replace("iss=https%3A%2F%2Flocalhost", "iss=https%3A%2F%2Fevil.example")
    assert forged != answer
    for wrong, error in (
        (forged, "invalid_issuer"),
        (answer.partition("&iss=")[0], "invalid_issuer"),
        (answer.replace("state=", "state=x"), "invalid_state"),
        (answer + "&code=other", "invalid_response"),
    ):
        with pytest.raises(OAuthError) as caught:
            session.finish(remembered, wrong)
        assert caught.value.error == error
    assert session.finish(remembered, answer)["access_token"]


def test_a_no_is_told_as_the_server_says_it(pair: Pair) -> None:
    session = pair.session(pair.publish("/client.json"))
    url, remembered = session.begin()
    page = pair.owner.get(url.removeprefix(pair.issuer))
    with pytest.raises(OAuthError) as caught:
        session.finish(remembered, str(pair.owner.press(page, "Deny").headers["Location"]))
    assert caught.value.error == "access_denied"


@proves("C-121")
def test_a_server_without_the_clients_method_is_told_before_anybody_is_sent_there(pair: Pair) -> None:
    client = pair.publish("/client.json", keys=pair.keys)
    server = {**client.discover(pair.issuer), "token_endpoint_auth_methods_supported": ["none"]}
    with pytest.raises(ValueError, match="does not support private_key_jwt"):
        client.session(server)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"issuer": "https://evil.example"}, "mismatch"),
        ({"token_endpoint": "http://localhost/token"}, "not-https"),
        ({"authorization_endpoint": None}, "not-https"),
        ({"code_challenge_methods_supported": ["plain"]}, "no-s256"),
        ({"code_challenge_methods_supported": 5}, "wrong-type"),
        ({"token_endpoint_auth_methods_supported": None}, "wrong-type"),
        ({"token_endpoint": "https://"}, "not-https"),
        ({"token_endpoint": "https://169.254.169.254/token"}, "not-https"),
        ({"revocation_endpoint": "https://user:word@localhost/revoke"}, "not-https"),
    ],
)
def test_metadata_of_another_server_is_refused(
    origin: Any, ca_bundle: Path, tmp_path: Path, changes: dict[str, Any], rule: str
) -> None:
    # RFC 8414 §3.3
    app = Flask("client")
    app.config.update(CIMD_ALLOW_LOOPBACK=True, CIMD_CA_BUNDLE=str(ca_bundle))
    issuer = origin.url("")
    metadata = {
        "issuer": issuer,
        "authorization_endpoint": issuer + "/authorize",
        "token_endpoint": issuer + "/token",
        **changes,
    }
    path = "/.well-known/oauth-authorization-server"
    origin.serve(path, json.dumps(metadata).encode(), headers={"Content-Type": "application/json"})
    with pytest.raises(DocumentError) as caught:
        published(app).discover(issuer)
    assert [problem.rule for problem in caught.value.problems] == [rule]


@pytest.mark.parametrize(
    "typed", ["", "https://[", "https://u:p@as.example", "https://10.0.0.1", "as.example", "https://a b"]
)
def test_what_a_person_typed_may_be_no_issuer_at_all(typed: str) -> None:
    with pytest.raises(DocumentError):
        published(Flask("client")).discover(typed)

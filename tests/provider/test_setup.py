"""What is checked when a `Provider` is set up, and providers side by side."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, session
from flask_sqlalchemy import SQLAlchemy
from flask_wtf.csrf import CSRFProtect

from flask_cimd import CIMD, ConfigurationError
from flask_cimd.oauth import MemoryStorage, Resource
from flask_cimd.provider import Provider
from flask_cimd.testing import ClientOrigin, sign_in

SCOPES = {"profile": "See your name"}


@pytest.fixture
def client_origin(tmp_path: Path) -> Iterator[ClientOrigin]:
    with ClientOrigin(tmp_path) as running:
        yield running


def app_with_cimd(**config: Any) -> tuple[Flask, CIMD]:
    app, cimd = Flask("app"), CIMD()
    app.config.update(SECRET_KEY="key", **config)
    cimd.init_app(app)
    return app, cimd


def set_up(app: Flask, cimd: CIMD, issuer: Any = "https://me.example", **more: Any) -> Provider:
    provider = Provider(scopes=SCOPES, login_view="/login")
    provider.subject(lambda: session.get("user"))
    provider.init_app(app, cimd=cimd, issuer=issuer, **{"storage": MemoryStorage(), **more})
    return provider


@pytest.mark.parametrize(
    "issuer",
    [
        "",
        None,
        "me.example",
        "http://me.example",
        "http://127.0.0.1:5000",
        "https://me.example/",
        "https://me.example?x",
        "https://me.example#x",
        "https://me@me.example",
    ],
)
def test_an_issuer_that_cannot_be_one_stops_the_start(issuer: Any) -> None:
    app, cimd = app_with_cimd()
    with pytest.raises(ConfigurationError, match="issuer"):
        set_up(app, cimd, issuer)


def test_an_issuer_in_upper_case_stops_the_start_with_the_right_spelling() -> None:
    app, cimd = app_with_cimd()
    with pytest.raises(ConfigurationError, match=r"lower case: https://me\.example/Path$"):
        set_up(app, cimd, "https://ME.example/Path")


def test_an_http_issuer_is_for_this_computer_in_development() -> None:
    app, cimd = app_with_cimd(CIMD_ALLOW_LOOPBACK=True)
    set_up(app, cimd, "http://127.0.0.1:5000")
    other, other_cimd = app_with_cimd(CIMD_ALLOW_LOOPBACK=True)
    with pytest.raises(ConfigurationError, match="https URL"):
        set_up(other, other_cimd, "http://me.example")


def test_the_extension_comes_first() -> None:
    app = Flask("app")
    app.secret_key = "key"
    with pytest.raises(ConfigurationError, match=r"cimd\.init_app"):
        set_up(app, CIMD())


def test_a_secret_key_is_needed() -> None:
    app, cimd = app_with_cimd()
    app.secret_key = None
    with pytest.raises(ConfigurationError, match="SECRET_KEY"):
        set_up(app, cimd)


def test_a_storage_is_needed() -> None:
    app, cimd = app_with_cimd()
    with pytest.raises(ConfigurationError, match=r"storage=MemoryStorage"):
        set_up(app, cimd, storage=None)


@pytest.mark.parametrize("issuer", ["", None, 7])
def test_an_issuer_that_is_missing_is_asked_for(issuer: Any) -> None:
    app, cimd = app_with_cimd()
    with pytest.raises(ConfigurationError, match="the provider needs its issuer"):
        set_up(app, cimd, issuer)


@pytest.mark.parametrize(
    "scopes",
    [
        {"two words": "x"},
        {'q"': "x"},
        {"": "x"},
        {"profile\n": "x"},
        {7: "x"},
        {"profile": " "},
        {"profile": ""},
        {"profile": 7},
    ],
)
def test_a_scope_is_one_token_with_a_sentence(scopes: dict[Any, Any]) -> None:
    with pytest.raises(ConfigurationError, match="scope"):
        Provider(scopes=scopes)


def test_a_resource_needs_an_absolute_url_and_sentences() -> None:
    with pytest.raises(ConfigurationError, match="absolute URL"):
        Provider(scopes=SCOPES, resources=[Resource(identifier="/notes", name="Notes", scopes=())])
    twice = [Resource(identifier="https://n.example/", name=name, scopes=("profile",)) for name in "NM"]
    with pytest.raises(ConfigurationError, match="listed twice"):
        Provider(scopes=SCOPES, resources=twice)
    with pytest.raises(ConfigurationError, match="needs a sentence"):
        Provider(scopes=SCOPES, resources=[Resource(identifier="https://n.example/", name="N", scopes=("read",))])


@pytest.mark.parametrize("prefix", ["oauth", "/oauth/", "/a b", "/<x>", "/..", "/a/./b", None])
def test_a_prefix_is_a_plain_path(prefix: Any) -> None:
    app, cimd = app_with_cimd()
    with pytest.raises(ConfigurationError, match="url_prefix"):
        set_up(app, cimd, url_prefix=prefix)


def test_a_path_that_the_app_serves_already_stops_the_start() -> None:
    app, cimd = app_with_cimd()
    app.add_url_rule("/authorize", "mine", lambda: "mine")
    with pytest.raises(ConfigurationError, match="/authorize already"):
        set_up(app, cimd)
    set_up(app, cimd, "https://other.example", url_prefix="/oauth")


def test_two_providers_of_one_app_differ_in_issuer_and_prefix() -> None:
    app, cimd = app_with_cimd()
    set_up(app, cimd, "https://me.example/a", url_prefix="/a")
    with pytest.raises(ConfigurationError, match=r"a provider for https://me\.example/a already"):
        set_up(app, cimd, "https://me.example/a", url_prefix="/b")
    with pytest.raises(ConfigurationError, match="has the url_prefix '/a'"):
        set_up(app, cimd, "https://me.example/b", url_prefix="/a")


def test_two_providers_in_one_app_sign_in_side_by_side(client_origin: ClientOrigin) -> None:
    app, cimd = app_with_cimd(**client_origin.config)
    for name in ("a", "b"):
        provider = set_up(app, cimd, f"http://127.0.0.1:5000/{name}", url_prefix=f"/{name}")
        provider.subject(lambda: "ada")
    client, browser = client_origin.publish(), app.test_client()
    tokens = {name: sign_in(app, client, prefix=f"/{name}").tokens["access_token"] for name in ("a", "b")}
    for name, other in (("a", "b"), ("b", "a")):
        metadata = browser.get(f"/.well-known/oauth-authorization-server/{name}").json
        assert metadata["token_endpoint"] == f"http://127.0.0.1:5000/{name}/token"
        bearer = {"Authorization": f"Bearer {tokens[name]}"}
        assert browser.get(f"/{name}/userinfo", headers=bearer).status_code == 200
        assert browser.get(f"/{other}/userinfo", headers=bearer).status_code == 401


def test_one_provider_in_two_apps_keeps_their_state_apart(client_origin: ClientOrigin) -> None:
    provider = Provider(scopes=SCOPES, login_view="/login")
    provider.subject(lambda: "ada")
    apps = []
    for _ in range(2):
        app, cimd = app_with_cimd(**client_origin.config)
        provider.init_app(app, cimd=cimd, issuer="http://127.0.0.1:5000", storage=MemoryStorage())
        apps.append(app)
    client = client_origin.publish()
    token = sign_in(apps[0], client).tokens["access_token"]
    statuses = [
        app.test_client().get("/userinfo", headers={"Authorization": f"Bearer {token}"}).status_code for app in apps
    ]
    assert statuses == [200, 401]


def test_an_app_with_flask_wtf_protects_its_own_forms_alone(client_origin: ClientOrigin) -> None:
    app, cimd = app_with_cimd(**client_origin.config)
    provider = set_up(app, cimd, "http://127.0.0.1:5000")
    provider.subject(lambda: "ada")
    CSRFProtect(app)  # set up after the provider
    app.post("/mine")(lambda: "mine")
    assert sign_in(app, client_origin.publish()).tokens["scope"] == "profile"
    assert app.test_client().post("/mine").status_code == 400


def test_the_example_is_thirty_lines_and_signs_a_client_in(client_origin: ClientOrigin, tmp_path: Path) -> None:
    from examples import minimal

    source = Path(minimal.__file__).read_text(encoding="utf-8")
    assert len([line for line in source.splitlines() if line.strip()]) <= 30
    app = minimal.create_app(**client_origin.config, SQLALCHEMY_DATABASE_URI=f"sqlite:///{tmp_path}/minimal.db")
    client = client_origin.publish()

    def log_in(browser: Any) -> None:
        asked = browser.get("/authorize", query_string={"client_id": client.client_id, "redirect_uri": "x"})
        assert asked.headers["Location"].startswith("/login?next=%2Fauthorize%2F")
        assert browser.post(asked.headers["Location"], data={"password": "wrong"}).status_code == 200
        assert browser.post(asked.headers["Location"], data={"password": "secret"}).status_code == 302

    signed_in = sign_in(app, client, log_in=log_in, scope="profile notes")
    assert signed_in.tokens["scope"] == "profile notes"
    assert signed_in.tokens["me"] == "http://127.0.0.1:5000/"


def test_the_tables_may_be_made_after_the_start(
    client_origin: ClientOrigin, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    app, db, cimd = Flask("app"), SQLAlchemy(), CIMD()
    app.config.update(SECRET_KEY="key", SQLALCHEMY_DATABASE_URI=f"sqlite:///{tmp_path}/late.db", **client_origin.config)
    db.init_app(app)
    cimd.init_app(app, db=db)
    provider = Provider(scopes=SCOPES, login_view="/login")
    provider.subject(lambda: "ada")
    provider.init_app(app, cimd=cimd, db=db, issuer="http://127.0.0.1:5000")
    client = client_origin.publish()
    asked = {
        "response_type": "code",
        "client_id": client.client_id,
        "redirect_uri": client.redirect_uri,
        "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        "code_challenge_method": "S256",
    }
    refused = app.test_client().get("/authorize", query_string=asked, headers={"Accept": "text/html"})
    assert (refused.status_code, "tables-missing" in refused.text) == (503, True)
    assert "no such table" not in refused.text
    assert "run: flask cimd create-tables" in caplog.text
    with pytest.raises(ConfigurationError, match=r"lacks cimd_code, cimd_grant, .* and 6 more; run flask cimd create"):
        provider.require_tables(app)
    with app.app_context():
        db.create_all()
    provider.require_tables(app)
    assert sign_in(app, client).tokens["scope"] == "profile"


@pytest.mark.parametrize(
    ("uri", "is_told"),
    [
        ("sqlite://", True),
        ("sqlite:///:memory:", True),
        ("sqlite:///site.db", False),
        ("postgresql+psycopg://nobody@127.0.0.1:1/none", False),
    ],
)
@pytest.mark.parametrize("where", ["store", "provider", "both"])
def test_a_database_in_memory_is_warned_of_once(
    caplog: pytest.LogCaptureFixture, uri: str, where: str, *, is_told: bool
) -> None:
    app, db, cimd = Flask("app"), SQLAlchemy(), CIMD()
    app.config.update(SECRET_KEY="key", SQLALCHEMY_DATABASE_URI=uri)
    if where != "provider":
        app.config["CIMD_STORE"] = "sqlalchemy"
    db.init_app(app)
    cimd.init_app(app, db=db)
    if where != "store":
        set_up(app, cimd, storage=None, db=db)
    told = [record for record in caplog.records if "in memory" in record.getMessage()]
    assert len(told) == is_told


def test_a_storage_in_memory_needs_no_warning(caplog: pytest.LogCaptureFixture) -> None:
    app, cimd = app_with_cimd(SQLALCHEMY_DATABASE_URI="sqlite://")
    set_up(app, cimd)
    assert caplog.records == []

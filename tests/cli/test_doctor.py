"""``flask cimd doctor`` against real servers behind a TLS proxy, set up well and set up badly."""

from __future__ import annotations

import json
import socket
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
import trustme
from authlib.integrations.sqla_oauth2 import OAuth2TokenMixin
from click.testing import Result
from flask import Flask
from flask.cli import ScriptInfo
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.orm import Mapped, mapped_column
from werkzeug.middleware.proxy_fix import ProxyFix

from examples import minimal
from flask_cimd import CIMD, ConfigurationError
from flask_cimd.cli import commands
from flask_cimd.clients import utc_now
from flask_cimd.oauth import MemoryStorage, Resource
from flask_cimd.provider import Provider
from flask_cimd.provider.checks import require_schema
from flask_cimd.provider.probe import new_probe
from tests.support.databases import private_schema
from tests.support.examples import minimal_under_gunicorn
from tests.support.origin import server_context
from tests.support.served_provider import TLSProxy, served, usual_headers

KEY = "0123456789abcdef0123456789abcdef"


@dataclass
class Shop:
    """Makes apps at one public address; the first one is served.

    Attributes:
        proxy: the TLS front.
        urls: address of each kind of database.
    """

    proxy: TLSProxy
    config: dict[str, Any]
    url: str
    made: list[Flask] = field(default_factory=list)

    def app(
        self, issuer: str = "", *, proxy_fix: dict[str, int] | None = None, tables: bool = True, **more: Any
    ) -> Flask:
        """Build an app."""
        app, db = Flask("app"), SQLAlchemy()
        clock = more.pop("clock", utc_now)
        storage, resources = more.pop("storage", None), more.pop("resources", ())
        app.config.update(SECRET_KEY=KEY, SQLALCHEMY_DATABASE_URI=self.url, **self.config)
        app.config.update(more)
        db.init_app(app)
        cimd = CIMD(clock=clock)
        cimd.init_app(app, db=db)
        provider = Provider(scopes={"profile": "See your name"}, login_view="/login", resources=resources)
        issuer = issuer or self.proxy.origin
        provider.init_app(app, cimd=cimd, issuer=issuer, **({"storage": storage} if storage else {"db": db}))
        if tables:
            with app.app_context():
                db.create_all()
        trust = {"x_for": 1, "x_proto": 1, "x_host": 1} if proxy_fix is None else proxy_fix
        app.wsgi_app = ProxyFix(app.wsgi_app, **{"x_for": 0, "x_proto": 0, **trust})  # type: ignore[method-assign]  # as documented
        self.made.append(app)
        return app


@pytest.fixture
def proxy(ca: trustme.CA) -> Iterator[TLSProxy]:
    with TLSProxy(server_context(ca, "localhost", "127.0.0.1")) as running:
        running.headers = usual_headers(running.origin)
        yield running


@pytest.fixture
def shop(proxy: TLSProxy, ca_bundle: Path, tmp_path: Path) -> Iterator[Shop]:
    shop = Shop(proxy, {"CIMD_CA_BUNDLE": str(ca_bundle)}, f"sqlite:///{tmp_path}/shop.db")
    yield shop
    for app in shop.made:
        with app.app_context():
            app.extensions["sqlalchemy"].engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def any_shop(request: pytest.FixtureRequest, shop: Shop) -> Shop:
    if request.param == "postgresql":
        shop.url = private_schema(request.getfixturevalue("postgres_url"))
    return shop


def doctor(app: Flask, *arguments: str) -> Result:
    return app.test_cli_runner().invoke(commands, ["doctor", *arguments])


def checks(result: Result) -> dict[str, dict[str, str]]:
    """Return the findings by check, of those with one name the worst."""
    order = ("ok", "warning", "unknown", "failed")
    found = json.loads(result.stdout)["checks"]
    return {one["check"]: one for one in sorted(found, key=lambda one: order.index(one["outcome"]))}


def outcomes(result: Result) -> dict[str, str]:
    return {name: one["outcome"] for name, one in checks(result).items()}


def seen(app: Flask, proxy: TLSProxy, *arguments: str, by: Flask | None = None) -> Result:
    """Serve an app behind the proxy, and run the command of the same app or of another one."""
    with served(app) as port:
        proxy.backend = port
        return doctor(by or app, "--json", *arguments)


def test_all_is_well_behind_a_proxy_that_is_set_up_well(any_shop: Shop) -> None:
    notes = Resource(identifier=f"{any_shop.proxy.origin}/notes?v=1", name="Notes", scopes=("profile",))
    app = any_shop.app(resources=[notes])
    with served(app) as port:
        any_shop.proxy.backend = port
        result = doctor(app)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert {line.split()[0] for line in lines} == {"ok"}
    names = [line.split()[1].rstrip(":") for line in lines]
    assert names == [
        *("issuer", "secret-key", "settings", "tables", "storage", "client-store", "columns"),
        *["metadata"] * 4,
        *("clock", "forwarded-proto", "forwarded-host", "forwarded-for", "forged-headers"),
    ]
    places = [line.split()[2].removeprefix(any_shop.proxy.origin) for line in lines if " metadata:" in line]
    assert places == [
        "/.well-known/oauth-authorization-server",
        "/.well-known/openid-configuration",
        "/.well-known/oauth-protected-resource",
        "/.well-known/oauth-protected-resource/notes?v=1",
    ]


def test_an_issuer_with_a_path_is_looked_at_at_each_address_of_its_document(shop: Shop) -> None:
    result = seen(shop.app(f"{shop.proxy.origin}/users"), shop.proxy)
    found = [one["text"].split()[0] for one in json.loads(result.stdout)["checks"] if one["check"] == "metadata"]
    assert [url.removeprefix(shop.proxy.origin) for url in found] == [
        "/.well-known/oauth-authorization-server/users",
        "/.well-known/openid-configuration/users",
        "/users/.well-known/openid-configuration",
        "/.well-known/oauth-protected-resource/users",
    ]
    assert result.exit_code == 0


# -- the database -------------------------------------------------------------------------------------------------


def test_missing_tables_are_named_with_their_cure(any_shop: Shop) -> None:
    result = seen(any_shop.app(tables=False), any_shop.proxy)
    assert result.exit_code == 1
    assert checks(result)["tables"]["outcome"] == "failed"
    assert "run flask cimd create-tables" in checks(result)["tables"]["cure"]
    assert outcomes(result)["storage"] == "failed"


def test_a_database_that_does_not_answer_leaves_the_rest_to_be_seen(shop: Shop) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    app = shop.app(tables=False, SQLALCHEMY_DATABASE_URI=f"postgresql+psycopg://nobody@127.0.0.1:{port}/none")
    result = seen(app, shop.proxy)
    assert outcomes(result)["storage"] == "unknown"
    assert outcomes(result)["metadata"] == "ok"
    assert result.exit_code == 3


def test_a_read_only_database_fails(shop: Shop, tmp_path: Path) -> None:
    shop.app()

    def read_only() -> sqlite3.Connection:
        return sqlite3.connect(f"file:{tmp_path}/shop.db?mode=ro", uri=True, check_same_thread=False)

    app = shop.app(tables=False, SQLALCHEMY_ENGINE_OPTIONS={"creator": read_only})
    result = seen(app, shop.proxy)
    assert result.exit_code == 1
    assert checks(result)["storage"]["text"] == "storage-read-only"


def test_a_storage_in_memory_is_a_warning(shop: Shop) -> None:
    result = seen(shop.app(storage=MemoryStorage()), shop.proxy)
    assert outcomes(result)["storage"] == "warning"
    assert result.exit_code == 0


@pytest.mark.parametrize(("kind", "outcome"), [("sqlite", "warning"), ("postgresql", "failed")])
def test_short_columns_matter_where_the_database_enforces_them(
    shop: Shop, kind: str, outcome: str, request: pytest.FixtureRequest
) -> None:
    if kind == "postgresql":
        shop.url = private_schema(request.getfixturevalue("postgres_url"))
    app = shop.app()
    db = app.extensions["sqlalchemy"]

    class Token(db.Model, OAuth2TokenMixin):  # type: ignore[misc]  # Authlib is untyped
        id: Mapped[int] = mapped_column(primary_key=True)

    found = checks(seen(app, shop.proxy))["columns"]
    assert (found["outcome"], found["text"].split()[0]) == (outcome, "token.client_id")


# -- configuration ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("config", "check"),
    [
        ({"SECRET_KEY": "change me"}, "secret-key"),
        ({"CIMD_ALLOW_LOOPBACK": True}, "settings"),
    ],
)
def test_what_is_for_development_fails_at_a_public_address(shop: Shop, config: dict[str, Any], check: str) -> None:
    result = seen(shop.app(**config), shop.proxy)
    assert (result.exit_code, outcomes(result)[check]) == (1, "failed")


def test_debug_mode_fails_at_a_public_address(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLASK_DEBUG", "1")
    result = seen(shop.app(), shop.proxy)
    assert (result.exit_code, "debug mode" in checks(result)["settings"]["text"]) == (1, True)


def test_a_factory_that_refuses_its_configuration_is_the_one_finding(shop: Shop) -> None:
    def refuse() -> Flask:
        raise ConfigurationError("the issuer must be an https URL")

    app = shop.app()
    runner = app.test_cli_runner()
    result = runner.invoke(commands, ["doctor"], obj=ScriptInfo(create_app=refuse))
    assert result.exit_code == 1
    assert result.stdout == "failed configuration: the app does not start; the issuer must be an https URL\n"


def started(create: Callable[[], Flask], *arguments: str) -> Result:
    """Run the command of an app whose factory it calls."""
    runner = Flask("unused").test_cli_runner()
    return runner.invoke(commands, list(arguments) or ["doctor"], obj=ScriptInfo(create_app=create))


def away(shop: Shop) -> Flask:
    """Build an app whose factory makes tables, while its database server is away."""
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    return shop.app(SQLALCHEMY_DATABASE_URI=f"postgresql+psycopg://nobody:secret@127.0.0.1:{port}/none")


def test_a_factory_that_meets_no_database_cannot_be_judged_now(shop: Shop) -> None:
    result = started(lambda: away(shop))
    assert result.exit_code == 3
    assert result.output == (
        "unknown storage: the app does not start: the database does not answer (OperationalError); "
        "start it, and check SQLALCHEMY_DATABASE_URI\n"
    )


def test_a_factory_that_requires_tables_of_a_database_that_is_away_cannot_be_judged_now(shop: Shop) -> None:
    def create() -> Flask:
        with socket.create_server(("127.0.0.1", 0)) as unused:
            port = unused.getsockname()[1]
        url = f"postgresql+psycopg://nobody@127.0.0.1:{port}/none"
        app = shop.app(tables=False, SQLALCHEMY_DATABASE_URI=url)
        require_schema(app, app.extensions["cimd_providers"][0].storage)
        return app

    result = started(create)
    assert (result.exit_code, "the database does not answer" in result.output) == (3, True)


def test_a_factory_that_cannot_make_its_tables_has_to_be_mended(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "empty.db").touch()

    def read_only() -> sqlite3.Connection:
        return sqlite3.connect(f"file:{tmp_path}/empty.db?mode=ro", uri=True, check_same_thread=False)

    result = started(lambda: shop.app(SQLALCHEMY_ENGINE_OPTIONS={"creator": read_only}))
    assert result.exit_code == 1
    assert result.output.startswith("failed storage: the app does not start: storage-read-only; ")


def test_any_other_error_of_the_factory_is_named_without_its_words(shop: Shop) -> None:
    def fail() -> Flask:
        raise KeyError("postgresql://ada:secret@db.example/")

    result = started(fail)
    assert result.exit_code == 1
    assert result.output == (
        "failed configuration: the app does not start: its factory raises KeyError; "
        "run flask routes, which shows the traceback\n"
    )


@pytest.mark.parametrize("command", [["sweep"], ["create-tables"], ["grants", "list"], ["list"]])
def test_every_other_command_of_such_an_app_ends_in_a_sentence(shop: Shop, command: list[str]) -> None:
    result = started(lambda: away(shop), *command)
    assert result.exit_code == 3
    assert result.output == "Error: the database cannot be used: storage-unavailable: OperationalError\n"


def test_an_app_without_a_provider_is_looked_at_from_inside(ca_bundle: Path) -> None:
    app = Flask("app")
    app.config.update(SECRET_KEY=KEY)
    CIMD(app)
    result = doctor(app, "--json")
    assert (result.exit_code, outcomes(result)["provider"]) == (0, "warning")
    assert doctor(app, "https://me.example").exit_code == 2
    assert doctor(Flask("bare")).exit_code == 2


@pytest.mark.parametrize(
    "url", ["me.example", "ftp://me.example", "https://me.example/x", "https://me.example?x", "https://u@me.example"]
)
def test_a_url_that_is_no_origin_is_a_wrong_call(shop: Shop, url: str) -> None:
    assert doctor(shop.app(), url).exit_code == 2


# -- key files ----------------------------------------------------------------------------------------------------


def break_keys(path: Path, how: str) -> None:
    if how == "mode":
        path.chmod(0o644)
    elif how == "gone":
        path.unlink()
    elif how == "empty":
        path.write_text('{"keys": []}')
    else:
        path.write_text('{"keys": [{"jwk": {"kty": "EC"}, "created_at": 1}]}')


@pytest.mark.parametrize(
    ("how", "cure"),
    [("mode", "chmod 600"), ("gone", "restore it"), ("empty", "flask cimd keys new"), ("content", "restore it")],
)
def test_a_key_file_is_private_and_readable(shop: Shop, tmp_path: Path, how: str, cure: str) -> None:
    app, path = shop.app(), tmp_path / "keys.json"
    app.extensions["cimd"].publish_client(
        app, "/client.json", origin="https://me.example", redirect_uris=["https://me.example/cb"], keys=path
    )
    assert outcomes(seen(app, shop.proxy))["key-file"] == "ok"
    break_keys(path, how)
    result = seen(app, shop.proxy)
    assert (result.exit_code, outcomes(result)["key-file"]) == (1, "failed")
    assert cure in checks(result)["key-file"]["cure"]


# -- from outside -------------------------------------------------------------------------------------------------


def test_another_issuer_at_the_address_fails(shop: Shop) -> None:
    other = shop.app("https://other.example")
    result = seen(other, shop.proxy, by=shop.app())
    assert result.exit_code == 1
    assert "another issuer" in checks(result)["metadata"]["text"]
    assert outcomes(result)["proxy"] == "failed"  # it is signed for the issuer


def test_another_configuration_at_the_address_fails(shop: Shop) -> None:
    stale = shop.app(CIMD_AUTH_METHODS=["none", "private_key_jwt"])
    found = checks(seen(stale, shop.proxy, by=shop.app()))["metadata"]
    assert found["outcome"] == "failed"
    assert "token_endpoint_auth_methods_supported" in found["text"]


def test_an_address_that_redirects_or_answers_something_else_fails(shop: Shop) -> None:
    app = shop.app()
    moved, page = Flask("moved"), Flask("page")
    moved.add_url_rule("/<path:path>", "all", lambda path: ("", 301, {"Location": "/x"}), methods=["GET", "POST"])
    page.add_url_rule("/<path:path>", "all", lambda path: "<html>", methods=["GET", "POST"])
    for other, text in (
        (moved, "redirects (status 301)"),
        (page, "is not a JSON object"),
        (Flask("none"), "status 404"),
    ):
        result = seen(other, shop.proxy, by=app)
        assert (result.exit_code, text in checks(result)["metadata"]["text"]) == (1, True)


def test_an_address_that_nothing_answers_cannot_be_known_now(shop: Shop) -> None:
    app = shop.app()
    with socket.create_server(("127.0.0.1", 0)) as unused:
        origin = f"https://localhost:{unused.getsockname()[1]}"
    result = doctor(app, "--json", origin)
    assert (result.exit_code, outcomes(result)["reachable"]) == (3, "unknown")
    away = Flask("away")
    away.add_url_rule("/<path:path>", "all", lambda path: ("", 502), methods=["GET", "POST"])
    result = seen(away, shop.proxy, by=app)
    assert (result.exit_code, json.loads(result.stdout)["verdict"]) == (3, "unknown")


def test_a_certificate_that_nobody_trusts_fails(shop: Shop) -> None:
    app = shop.app(CIMD_CA_BUNDLE=None)
    result = seen(app, shop.proxy)
    assert (result.exit_code, "CIMD_CA_BUNDLE" in checks(result)["reachable"]["cure"]) == (1, True)


@pytest.mark.parametrize(("seconds", "outcome"), [(20, "ok"), (-20, "ok"), (40, "failed"), (-40, "failed")])
def test_the_clock_may_differ_by_thirty_seconds(shop: Shop, seconds: int, outcome: str) -> None:
    app = shop.app(clock=lambda: utc_now() + timedelta(seconds=seconds))
    assert outcomes(seen(app, shop.proxy))["clock"] == outcome


# -- forwarded headers --------------------------------------------------------------------------------------------

WELL = {"forwarded-proto": "ok", "forwarded-host": "ok", "forwarded-for": "ok", "forged-headers": "ok"}


def of_proxy(result: Result) -> dict[str, str]:
    return {name: outcome for name, outcome in outcomes(result).items() if name.startswith(("forwarded", "forged"))}


@pytest.mark.parametrize(
    ("header", "trust", "failing", "cure"),
    [
        ("X-Forwarded-Proto", None, "forwarded-proto", "let the proxy send X-Forwarded-Proto"),
        ("X-Forwarded-For", None, "forwarded-for", "let the proxy send it"),
        (None, {"x_host": 1, "x_for": 1}, "forwarded-proto", "use it: app.wsgi_app = ProxyFix"),
        (None, {"x_host": 1, "x_proto": 1}, "forwarded-for", "use it: ProxyFix(x_for=1)"),
    ],
)
def test_a_forwarded_header_is_sent_and_used(
    shop: Shop, header: str | None, trust: dict[str, int] | None, failing: str, cure: str
) -> None:
    shop.proxy.headers.pop(header or "", None)
    # The proxy is on this computer as the visitor is: it says that the visitor comes from elsewhere.
    if header != "X-Forwarded-For":
        shop.proxy.headers["X-Forwarded-For"] = "198.51.100.7"
    result = seen(shop.app(proxy_fix=trust), shop.proxy)
    assert of_proxy(result) == {**WELL, failing: "failed"}
    assert checks(result)[failing]["cure"].startswith(cure)


def test_the_host_of_the_visitor_arrives(shop: Shop) -> None:
    shop.proxy.host = "backend.internal"
    assert of_proxy(seen(shop.app(), shop.proxy)) == WELL
    result = seen(shop.app(proxy_fix={"x_for": 1, "x_proto": 1}), shop.proxy)
    assert of_proxy(result) == {**WELL, "forwarded-host": "failed"}
    assert checks(result)["forwarded-host"]["cure"].startswith("use it: ProxyFix(x_host=1)")
    del shop.proxy.headers["X-Forwarded-Host"]
    assert checks(seen(shop.app(), shop.proxy))["forwarded-host"]["cure"].startswith("let the proxy pass Host on")


def test_headers_that_visitors_can_forge_are_found(shop: Shop) -> None:
    shop.proxy.strips = False
    assert of_proxy(seen(shop.app(), shop.proxy)) == WELL
    far = checks(seen(shop.app(proxy_fix={"x_for": 2, "x_proto": 1, "x_host": 1}), shop.proxy))["forged-headers"]
    assert (far["outcome"], far["text"]) == ("failed", "visitors can forge X-Forwarded-For")
    for name in ("X-Forwarded-Host", "X-Forwarded-Proto"):
        del shop.proxy.headers[name]
    found = checks(seen(shop.app(), shop.proxy))["forged-headers"]
    assert found["text"] == "visitors can forge X-Forwarded-Host, X-Forwarded-Proto"


def test_a_server_without_a_proxy_needs_no_forwarded_headers(shop: Shop) -> None:
    with served_app(shop) as (app, origin):
        result = doctor(app, "--json", origin)
    assert outcomes(result)["forwarded-for"] == "ok"
    assert "no proxy" in checks(result)["forwarded-for"]["text"]


# -- the probe ----------------------------------------------------------------------------------------------------


def served_app(shop: Shop) -> Any:
    @contextmanager
    def run() -> Iterator[tuple[Flask, str]]:
        app = shop.app(proxy_fix={})
        with served(app) as port:
            yield app, f"http://127.0.0.1:{port}"

    return run()


@pytest.fixture
def post(shop: Shop) -> Iterator[Callable[..., requests.Response]]:
    with served_app(shop) as (app, origin):

        def send(change: Callable[[str], str] = str, times: int = 1, app: Flask = app) -> requests.Response:
            with app.app_context():
                probe = change(new_probe(app, app.extensions["cimd_providers"][0]))
            for _ in range(times):
                answer = requests.post(f"{origin}/authorize/probe", data={"probe": probe}, timeout=20)
            return answer

        yield send


def test_the_probe_answers_its_signer_once(post: Callable[..., requests.Response]) -> None:
    first = post()
    assert (first.status_code, first.json()["address"], first.headers["Cache-Control"]) == (
        200,
        "127.0.0.1",
        "no-store",
    )
    assert post(times=2).status_code == 404


@pytest.mark.parametrize(
    "change", [lambda probe: "", lambda probe: probe + "x", lambda probe: "x" * 5000, lambda probe: "a.b"]
)
def test_the_probe_answers_no_stranger(post: Callable[..., requests.Response], change: Callable[[str], str]) -> None:
    answer = post(change)
    assert (answer.status_code, "127.0.0.1" in answer.text) == (404, False)


def test_the_probe_of_another_key_or_issuer_is_not_answered(post: Callable[..., requests.Response], shop: Shop) -> None:
    assert post(app=shop.app()).status_code == 200
    assert post(app=shop.app(SECRET_KEY=KEY[::-1])).status_code == 404
    assert post(app=shop.app("https://other.example")).status_code == 404


@pytest.mark.parametrize(("minutes", "status"), [(4, 200), (6, 404), (-4, 200), (-6, 404)])
def test_a_probe_is_answered_for_five_minutes(
    post: Callable[..., requests.Response], shop: Shop, minutes: int, status: int
) -> None:
    app = shop.app()
    site = app.extensions["cimd_providers"][0]
    object.__setattr__(site, "clock", lambda: utc_now() - timedelta(minutes=minutes))
    assert post(app=app).status_code == status


# -- the example under gunicorn -----------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_example_under_gunicorn_behind_the_proxy(proxy: TLSProxy, ca_bundle: Path, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/minimal.db"
    config = {"ISSUER": proxy.origin, "SQLALCHEMY_DATABASE_URI": url, "CIMD_CA_BUNDLE": str(ca_bundle)}
    safe = {"SECRET_KEY": KEY, "CIMD_ALLOW_LOOPBACK": False}
    found = []
    for more in ({}, safe):
        app = minimal.create_app(**config, **more)
        with minimal_under_gunicorn(tmp_path, **config, **more) as proxy.backend:
            found.append(doctor(app, "--json"))
        with app.app_context():
            app.extensions["sqlalchemy"].engine.dispose()
    shipped, made_safe = found
    bad = {name for name, outcome in outcomes(shipped).items() if outcome != "ok"}
    assert (shipped.exit_code, bad) == (1, {"secret-key", "settings"})
    assert (made_safe.exit_code, set(outcomes(made_safe).values())) == (0, {"ok"})

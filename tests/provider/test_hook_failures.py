"""Functions of the app that fail or return nonsense: status 503, our slug, a traceback in the log alone, no grant."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import psycopg
import pytest
import sqlalchemy.exc
from flask import Flask, abort, redirect
from flask.testing import FlaskClient

from flask_cimd.core.app_hooks import call_hook
from flask_cimd.errors import HookError
from flask_cimd.oauth import Resource
from flask_cimd.provider import Identity
from flask_cimd.testing import ClientOrigin, DocumentClient, sign_in

from .steps import Made, answer, ask, become, decide, logged_in, parameters, redeem, transaction

SECRET = "a secret of the app"
BROWSER = {"Accept": "text/html"}
PLACE = Resource(identifier="http://127.0.0.1:5000/notes", name="Notes", scopes=("notes",))


@pytest.fixture
def client(client_origin: ClientOrigin) -> DocumentClient:
    return client_origin.publish(grant_types=["authorization_code", "refresh_token"])


def fail(*_: Any) -> Any:
    raise LookupError(SECRET)


def grants(app: Flask) -> int:
    site = app.extensions["cimd_providers"][0]
    with app.app_context():
        return len(site.storage.grants(site.clock()))


def is_page(page: Any) -> None:
    """Assert that a person reads one of our pages."""
    assert (page.status_code, page.headers["Retry-After"], page.mimetype) == (503, "5", "text/html"), page.text
    assert "hook-failed" in page.text
    assert (SECRET in page.text, "LookupError" in page.text) == (False, False)


def is_json(response: Any) -> None:
    """Assert that a program reads an OAuth error."""
    assert (response.status_code, response.headers["Retry-After"]) == (503, "5"), response.text
    assert response.get_json()["error"] == "temporarily_unavailable"
    assert SECRET not in response.text


def is_logged(caplog: pytest.LogCaptureFixture, hook: str) -> None:
    (record,) = [one for one in caplog.records if one.getMessage() == f"the hook {hook} failed"]
    assert record.exc_info is not None
    assert SECRET in str(record.exc_info[1])


def open_page(browser: FlaskClient, client: DocumentClient, **changes: str) -> Any:
    return browser.get("/authorize", query_string=parameters(client, **changes), headers=BROWSER)


class FullDiskError(Exception):
    sqlite_errorname = "SQLITE_FULL"


class MissingTableError(Exception):
    sqlite_errorname = "SQLITE_ERROR"


@pytest.mark.parametrize(
    ("error", "has_traceback"),
    [
        (sqlalchemy.exc.OperationalError("SELECT 1", {}, psycopg.OperationalError(SECRET)), False),
        (sqlalchemy.exc.OperationalError("SELECT 1", {}, FullDiskError(SECRET)), False),
        (sqlalchemy.exc.InternalError("SELECT 1", {}, psycopg.errors.ReadOnlySqlTransaction(SECRET)), False),
        (sqlalchemy.exc.TimeoutError(SECRET), False),
        (sqlalchemy.exc.OperationalError("SELECT 1", {}, MissingTableError(SECRET)), True),
        (sqlalchemy.exc.ProgrammingError("SELECT 1", {}, psycopg.errors.UndefinedTable(SECRET)), True),
        (ConnectionError(SECRET), True),
    ],
    ids=["server", "disk", "replica", "pool", "missing-on-sqlite", "missing-on-postgresql", "other"],
)
def test_a_database_in_trouble_is_one_line_of_the_log_a_request(
    caplog: pytest.LogCaptureFixture, error: Exception, has_traceback: bool
) -> None:
    def look_up() -> None:
        raise error

    with pytest.raises(HookError):
        call_hook("subject", look_up)
    (record,) = caplog.records
    assert (record.exc_info is not None) is has_traceback
    assert SECRET not in record.getMessage()


# -- before the consent page --------------------------------------------------------------------------------------


@pytest.mark.parametrize("hook", ["subject", "login", "auth_time", "identity", "before_consent", "redirect_errors"])
def test_a_hook_that_fails_before_the_consent_page_ends_on_a_page(
    make: Callable[..., Made], client: DocumentClient, caplog: pytest.LogCaptureFixture, hook: str
) -> None:
    app, provider = make()
    getattr(provider, hook)(fail)
    browser = app.test_client() if hook == "login" else logged_in(app)
    more = {"auth_time": {"max_age": "60"}, "redirect_errors": {"prompt": "none"}}.get(hook, {})
    page = open_page(browser, client, **more)
    is_page(page)
    assert page.headers["X-Frame-Options"] == "DENY"
    is_logged(caplog, hook)
    assert grants(app) == 0


@pytest.mark.parametrize("rule", ["allow_client", "allow_fetch"])
def test_a_rule_of_the_app_that_fails_lets_nobody_in(
    make: Callable[..., Made], client: DocumentClient, caplog: pytest.LogCaptureFixture, rule: str
) -> None:
    app, _ = make()
    getattr(app.extensions["cimd"], rule)(fail)
    is_page(open_page(logged_in(app), client))
    is_logged(caplog, rule)
    is_json(app.test_client().post("/par", data=parameters(client)))


@pytest.mark.parametrize(
    ("hook", "value"),
    [
        ("subject", 7),
        ("login", None),
        ("auth_time", datetime(2026, 1, 1)),  # noqa: DTZ001  the mistake that is meant
        ("auth_time", 1_700_000_000),
        ("identity", {"me": "https://ada.example/"}),
        ("identity", Identity(did=7)),  # type: ignore[arg-type]  # the mistake that is meant
        ("before_consent", "denied"),
        ("before_consent", True),
        ("before_consent", ("<p>text</p>", 403)),
    ],
)
def test_a_value_that_cannot_be_used_is_the_developers_to_read(
    make: Callable[..., Made], client: DocumentClient, caplog: pytest.LogCaptureFixture, hook: str, value: Any
) -> None:
    app, provider = make()
    getattr(provider, hook)(lambda *_: value)
    browser = app.test_client() if hook == "login" else logged_in(app)
    page = open_page(browser, client, **({"max_age": "60"} if hook == "auth_time" else {}))
    is_page(page)
    assert ("denied" in page.text, "<p>text" in page.text) == (False, False)
    assert hook in caplog.text
    if hook != "login":  # Flask itself names the view
        assert f"the hook {hook} returned a value of type " in caplog.text
        assert "it must return " in caplog.text


def test_the_pages_hooks_may_answer_themselves(make: Callable[..., Made], client: DocumentClient) -> None:
    app, provider = make()
    answers: list[Callable[[], Any]] = [lambda: redirect("/second-factor"), lambda: abort(403)]
    provider.before_consent(lambda _: answers[0]())
    browser = logged_in(app)
    assert open_page(browser, client).headers["Location"] == "/second-factor"
    answers.pop(0)
    assert open_page(browser, client).status_code == 403
    answers[0] = lambda: {}["x"]  # no decision
    is_page(open_page(browser, client))


# -- after it -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("hook", ["subject", "auth_time"])
def test_an_approval_that_a_hook_ends_can_be_repeated(
    make: Callable[..., Made], client: DocumentClient, hook: str
) -> None:
    app, provider = make()
    browser = logged_in(app)
    handle = transaction(ask(browser, client))
    kept = getattr(provider._hooks, hook)
    getattr(provider, hook)(fail)
    data = {"transaction": handle, "decision": "approve", "scope": "profile"}
    is_page(browser.post("/consent", data=data, headers=BROWSER))
    assert grants(app) == 0
    setattr(provider._hooks, hook, kept)
    assert "code" in answer(decide(browser, handle))


def test_an_approval_does_not_depend_on_its_listener(
    make: Callable[..., Made], client: DocumentClient, caplog: pytest.LogCaptureFixture
) -> None:
    app, provider = make()
    provider.on_decision(fail)
    browser = logged_in(app)
    assert "code" in answer(decide(browser, transaction(ask(browser, client))))
    is_logged(caplog, "on_decision")


@pytest.mark.parametrize("hook", ["claims", "identity"])
def test_no_code_is_spent_by_a_token_request_that_a_hook_ends(
    make: Callable[..., Made], client: DocumentClient, caplog: pytest.LogCaptureFixture, hook: str
) -> None:
    app, provider = make()
    browser = logged_in(app)
    code = answer(decide(browser, transaction(ask(browser, client))))["code"]
    getattr(provider, hook)(fail)
    for path in ("/token", "/authorize"):  # IndieAuth §5.3.3 redeems a code at the authorization endpoint, too
        is_json(redeem(app, client, code, path))
    assert f"the hook {hook} failed" in caplog.text
    setattr(provider._hooks, hook, None)
    tokens = redeem(app, client, code).get_json()
    getattr(provider, hook)(fail)
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"], "client_id": client.client_id}
    is_json(app.test_client().post("/token", data=form))
    setattr(provider._hooks, hook, None)
    assert app.test_client().post("/token", data=form).status_code == 200


@pytest.mark.parametrize("claims", [None, ["name"], {1: "name"}, {"name": object()}])
def test_claims_that_are_no_json_spend_no_code(
    make: Callable[..., Made], client: DocumentClient, claims: Any, caplog: pytest.LogCaptureFixture
) -> None:
    app, provider = make()
    browser = logged_in(app)
    code = answer(decide(browser, transaction(ask(browser, client))))["code"]
    provider.claims(lambda *_: claims)
    is_json(redeem(app, client, code))
    assert "the hook claims " in caplog.text
    provider.claims(lambda *_: {"birthday": datetime(2000, 1, 1)})  # noqa: DTZ001  the app's encoder knows dates
    profile = redeem(app, client, code).get_json()["profile"]
    assert profile == {"birthday": "Sat, 01 Jan 2000 00:00:00 GMT"}


def test_a_living_token_is_not_called_dead_by_a_rule_that_fails(
    make: Callable[..., Made], client: DocumentClient
) -> None:
    app, _ = make()
    tokens, is_broken = sign_in(app, client, log_in=become("ada")).tokens, [True]
    app.extensions["cimd"].allow_client(lambda _: fail() if is_broken[0] else True)
    browser, bearer = app.test_client(), {"Authorization": f"Bearer {tokens['access_token']}"}
    about = {"token": tokens["access_token"]}
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"], "client_id": client.client_id}
    assert browser.get("/userinfo", headers=bearer).status_code == 503
    is_json(browser.post("/introspect", data=about, headers=bearer))
    is_json(browser.post("/token", data=form))
    is_json(browser.post("/revoke", data={**about, "client_id": client.client_id}))
    is_broken[0] = False
    assert browser.get("/userinfo", headers=bearer).status_code == 200
    assert browser.post("/token", data=form).status_code == 200


def test_claims_that_fail_at_userinfo_and_names_at_introspection_are_errors(
    make: Callable[..., Made], client: DocumentClient
) -> None:
    app, provider = make()
    tokens = sign_in(app, client, log_in=become("ada")).tokens
    browser, bearer = app.test_client(), {"Authorization": f"Bearer {tokens['access_token']}"}
    provider.claims(fail)
    is_json(browser.get("/userinfo", headers=bearer))
    provider.identity(fail)
    is_json(browser.post("/introspect", data={"token": tokens["access_token"]}, headers=bearer))


# -- look-ups of the app ------------------------------------------------------------------------------------------


class BrokenResources:
    """A look-up in a database that is away."""

    def get(self, identifier: str, /) -> Resource | None:
        return fail(identifier)  # type: ignore[no-any-return]  # it never returns


def test_look_ups_of_the_app_that_fail_are_errors(
    make: Callable[..., Made], client: DocumentClient, caplog: pytest.LogCaptureFixture
) -> None:
    app, _ = make(resources=BrokenResources(), find_resource_server=fail)
    is_page(open_page(logged_in(app), client, resource=PLACE.identifier))
    is_logged(caplog, "resources")
    is_json(app.test_client().post("/introspect", data={"token": "t"}, headers={"Authorization": "Basic YTpi"}))
    is_logged(caplog, "find_resource_server")
    is_json(app.test_client().get("/.well-known/oauth-protected-resource/notes"))


def test_metadata_of_a_resource_that_fails_is_an_error(
    make: Callable[..., Made], caplog: pytest.LogCaptureFixture
) -> None:
    app, provider = make(resources=[PLACE])
    provider.resource_metadata(fail)
    is_json(app.test_client().get("/.well-known/oauth-protected-resource/notes"))
    is_logged(caplog, "resource_metadata")
    provider.resource_metadata(lambda _: {"dpop_bound_access_tokens_required": {1}})
    is_json(app.test_client().get("/.well-known/oauth-protected-resource/notes"))


def test_a_look_up_of_registered_clients_that_fails_is_an_error(
    make: Callable[..., Made], client: DocumentClient, caplog: pytest.LogCaptureFixture
) -> None:
    app, _ = make(registered=fail)
    is_page(open_page(logged_in(app), client))
    is_logged(caplog, "registered")
    is_json(app.test_client().post("/par", data=parameters(client)))

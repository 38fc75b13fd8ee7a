"""Remembered consent: who is offered it, which request it answers, and what still asks the person."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from flask_cimd.core.policy import HostPattern
from flask_cimd.oauth import AuthorizationRequest, MemoryStorage
from flask_cimd.provider.lifetimes import Lifetimes
from flask_cimd.provider.remembering import Remembering
from flask_cimd.provider.shared_hosts import is_shared
from flask_cimd.testing import ClientOrigin, DocumentClient
from flask_cimd.testing._steps import ALICE, NOW, make_client, make_request
from tests.support.clock import Clock

from .steps import Made, answer, ask, become, decide, logged_in, transaction

CLIENT = make_client()
KEY_HOLDER = replace(CLIENT, auth_methods=("private_key_jwt",), auth_method="private_key_jwt")
CHOICE = Lifetimes(keys=("month", "year"), preset="year")


def asked(**changes: Any) -> AuthorizationRequest:
    return make_request(**{"client": CLIENT, "fingerprint": CLIENT.fingerprint, **changes})


@pytest.fixture
def memory() -> Remembering:
    return Remembering(storage=MemoryStorage(), clock=lambda: NOW, is_for_many=lambda host: host == "many.example")


# -- who is offered it ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("client", "redirect_uri", "is_possible"),
    [
        (CLIENT, "https://app.example/cb", True),
        (CLIENT, "https://app.example:8443/cb", False),
        (CLIENT, "https://other.example/cb", False),
        (CLIENT, "http://127.0.0.1/cb", False),
        (CLIENT, "com.example.app:/cb", False),
        (None, "https://app.example/cb", False),
        (replace(CLIENT, source="page"), "https://app.example/cb", True),
        (replace(CLIENT, source="unread"), "https://app.example/cb", False),
        (replace(CLIENT, source="registered"), "https://app.example/cb", False),
        (make_client("https://many.example/client.json"), "https://many.example/cb", False),
        (KEY_HOLDER, "https://other.example/cb", True),
        (KEY_HOLDER, "http://127.0.0.1/cb", False),
        (KEY_HOLDER, "com.example.app:/cb", False),
        (replace(KEY_HOLDER, source="registered"), "https://other.example/cb", True),
        (replace(CLIENT, auth_methods=("none", "private_key_jwt")), "https://other.example/cb", False),
    ],
)
def test_only_a_client_that_no_other_can_pose_as_is_remembered(
    memory: Remembering, client: Any, redirect_uri: str, is_possible: bool
) -> None:
    assert memory.is_possible(asked(client=client, redirect_uri=redirect_uri), client) is is_possible


def test_a_request_that_was_pushed_with_a_key_is_a_key_holders(memory: Remembering) -> None:
    request = asked(redirect_uri="https://other.example/cb", auth_method="private_key_jwt")
    assert memory.is_possible(request, replace(CLIENT, auth_methods=("none", "private_key_jwt")))


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("ada.github.io", True),
        ("app.example", False),
        ("ada.pages.example", True),
        ("pages.example", True),
        ("otherpages.example", False),
    ],
)
def test_hosts_under_shared_domains_are_known(host: str, expected: bool) -> None:
    assert is_shared(host, (HostPattern.parse("pages.example"),)) is expected


# -- which request it answers -----------------------------------------------------------------------------------------


def test_the_same_request_is_answered_as_before(memory: Remembering) -> None:
    memory.keep(asked(scope="profile email"), ALICE, "profile", "month")
    found = memory.find(asked(scope="email profile"), CLIENT, ALICE, CHOICE)
    assert found is not None
    assert (found.granted, found.lifetime) == ("profile", "month")


RENAMED = replace(CLIENT, client_name="Other")


@pytest.mark.parametrize(
    ("changes", "subject", "lifetimes"),
    [
        ({"scope": "profile email"}, ALICE, CHOICE),
        ({"resource": ()}, ALICE, CHOICE),
        ({"redirect_uri": "https://app.example/other"}, ALICE, CHOICE),
        ({"fingerprint": RENAMED.fingerprint}, ALICE, CHOICE),
        ({}, "https://bob.example/", CHOICE),
        ({}, ALICE, Lifetimes(keys=("year",), preset="year")),
        ({}, ALICE, Lifetimes()),
    ],
    ids=["scope", "resource", "redirect", "fingerprint", "person", "lifetime", "no choice"],
)
def test_another_request_asks(memory: Remembering, changes: dict[str, Any], subject: str, lifetimes: Lifetimes) -> None:
    memory.keep(asked(), ALICE, "profile", "month")
    assert memory.find(asked(), CLIENT, ALICE, CHOICE) is not None
    assert memory.find(asked(**changes), CLIENT, subject, lifetimes) is None


def test_after_a_year_the_person_is_asked_again(memory: Remembering) -> None:
    memory.keep(asked(), ALICE, "profile", "month")
    later = replace(memory, clock=lambda: NOW + timedelta(days=365))
    assert later.find(asked(), CLIENT, ALICE, CHOICE) is None


# -- in a browser -----------------------------------------------------------------------------------------------------

Make = Callable[..., Made]


def at_home(origin: ClientOrigin) -> DocumentClient:
    """Publish an app that is sent back to the origin of its document."""
    somewhere = origin.publish().client_id
    return origin.publish(redirect_uris=[somewhere.rpartition("/")[0] + "/cb"])


def remember(browser: Any, client: DocumentClient, **changes: str) -> None:
    page = ask(browser, client, **changes)
    assert 'name="remember" value="1">' in page.text  # never ticked at first
    data = {"transaction": transaction(page), "decision": "approve", "scope": "profile", "remember": "1"}
    assert "code" in answer(browser.post("/consent", data=data))


def test_a_person_who_does_not_tick_the_box_is_asked_every_time(make: Make, client_origin: ClientOrigin) -> None:
    app, _ = make()
    browser, client = logged_in(app), at_home(client_origin)
    for _ in range(2):
        assert "code" in answer(decide(browser, transaction(ask(browser, client))))
    assert answer(ask(browser, client, prompt="none"))["error"] == "consent_required"


def test_who_ticks_the_box_is_not_asked_again(make: Make, client_origin: ClientOrigin) -> None:
    decisions: list[Any] = []
    app, provider = make()
    provider.on_decision(decisions.append)
    browser, client = logged_in(app), at_home(client_origin)
    remember(browser, client)
    assert "code" in answer(ask(browser, client))
    assert "code" in answer(ask(browser, client, prompt="none"))
    assert [decision.outcome for decision in decisions] == ["approved", "remembered", "remembered"]


@pytest.mark.parametrize("demand", [{"prompt": "consent"}, {"prompt": "select_account"}, {"login_hint": "bob"}])
def test_a_request_that_demands_the_page_gets_it(
    make: Make, client_origin: ClientOrigin, demand: dict[str, str]
) -> None:
    app, _ = make()
    browser, client = logged_in(app), at_home(client_origin)
    remember(browser, client)
    assert ask(browser, client, **demand).status_code == 200


@pytest.mark.parametrize("demand", [{"prompt": "login"}, {"max_age": "10"}])
def test_after_a_log_in_for_the_request_the_person_is_asked(
    make: Make, client_origin: ClientOrigin, clock: Clock, demand: dict[str, str]
) -> None:
    app, provider = make()
    times = [clock()]
    provider.auth_time(lambda: times[-1])
    browser, client = logged_in(app), at_home(client_origin)
    remember(browser, client)
    clock.forward(seconds=60)
    assert ask(browser, client, **demand).status_code == 401  # the log-in of this app's hook
    if "max_age" in demand:
        assert answer(ask(browser, client, **demand, prompt="none"))["error"] == "login_required"
        assert ask(browser, client, **demand).status_code == 401
    times.append(clock())
    assert ask(browser, client, **demand).status_code == 200


def test_a_foreign_login_hint_is_told_without_a_page(make: Make, client_origin: ClientOrigin) -> None:
    app, _ = make()
    browser, client = logged_in(app), at_home(client_origin)
    remember(browser, client)
    assert answer(ask(browser, client, prompt="none", login_hint="bob"))["error"] == "login_required"
    assert "code" in answer(ask(browser, client, prompt="none", login_hint="ada"))


def test_it_is_the_persons_own(make: Make, client_origin: ClientOrigin) -> None:
    app, _ = make()
    browser, client = logged_in(app), at_home(client_origin)
    remember(browser, client)
    become("bob")(browser)
    assert ask(browser, client).status_code == 200


def test_a_denial_is_not_remembered(make: Make, client_origin: ClientOrigin) -> None:
    app, _ = make()
    browser, client = logged_in(app), at_home(client_origin)
    data = {"transaction": transaction(ask(browser, client)), "decision": "approve", "remember": "1"}
    assert answer(browser.post("/consent", data=data))["error"] == "access_denied"
    assert ask(browser, client).status_code == 200


def test_a_provider_that_does_not_remember_offers_nothing(make: Make, client_origin: ClientOrigin) -> None:
    app, _ = make(remembers_consent=False)
    browser, client = logged_in(app), at_home(client_origin)
    page = ask(browser, client)
    assert 'name="remember"' not in page.text
    data = {"transaction": transaction(page), "decision": "approve", "scope": "profile", "remember": "1"}
    browser.post("/consent", data=data)
    assert ask(browser, client).status_code == 200

"""The ready login of an app: one text field, the way to any server, and back."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from flask import Flask, session

from flask_cimd import ConfigurationError
from flask_cimd.publish import PublishedClient, SignedIn
from flask_cimd.publish.sealed import seal, unseal
from tests.support.browser import Browser
from tests.support.client_app import Pair


class App:
    """The pair's client app with a login, as a person with a browser sees it."""

    def __init__(self, pair: Pair, **options: Any) -> None:
        self.pair, self.people = pair, list[SignedIn]()
        document = {"dpop_bound_access_tokens": True} if options.pop("bound", False) else {}
        self.client = pair.publish("/client.json", redirect_uris=[f"{pair.origin}/sign-in/callback"], **document)
        login = self.client.login_blueprint(
            "/sign-in", on_signed_in=self.keep, **{"scope": "profile", "clock": pair.clock, **options}
        )
        pair.app.register_blueprint(login)
        pair.app.add_url_rule("/", "home", lambda: "home")
        self.browser = Browser(pair.origin)
        self.browser.session.verify = str(pair.ca_bundle)

    def keep(self, person: SignedIn) -> None:
        assert not [name for name in session if name.startswith("_cimd")], "nothing of the sign-in is left"
        self.people.append(person)

    def begin(self, address: str, **headers: str) -> requests.Response:
        return self.browser.post("/sign-in", {"address": address}, headers=headers)

    def come_back(self, url: str) -> requests.Response:
        return self.browser.get(url.removeprefix(self.pair.origin))


@pytest.mark.parametrize("bound", [False, True])
def test_a_person_enters_an_address_and_is_signed_in(pair: Pair, bound: bool) -> None:
    app = App(pair, bound=bound)
    form = app.browser.get("/sign-in")
    assert "Your site, handle or server" in form.text
    sent = app.browser.press(form, "Sign in", address=pair.issuer)
    assert sent.status_code == 303
    back = app.come_back(pair.approve(sent.headers["Location"]))
    assert (back.status_code, back.headers["Location"]) == (303, "/")
    (person,) = app.people
    assert (person.identity, person.me) == (f"{pair.issuer}/", f"{pair.issuer}/")
    assert person.profile["name"] == "The owner"
    later = app.client.session(person.server, token=person.token, clock=pair.clock)
    assert later.get(f"{pair.issuer}/userinfo").status_code == 200


def test_what_the_browser_keeps_tells_it_nothing(pair: Pair) -> None:
    app = App(pair, bound=True)
    app.begin(pair.issuer)
    (cookie,) = app.browser.session.cookies
    with pair.app.test_request_context(headers={"Cookie": f"{cookie.name}={cookie.value}"}):
        sealed = session["_cimd_login"]
    assert len(cookie.value) < 3500
    kept = unseal(pair.app, sealed)
    assert kept is not None
    assert kept["remembered"]["dpop_key"]["d"]
    assert kept["remembered"]["code_verifier"] not in sealed
    other = Flask("other")
    other.secret_key = "other"
    assert unseal(other, sealed) is None
    assert unseal(pair.app, sealed[:-2] + "AA") is None
    assert unseal(pair.app, seal(pair.app, {"x": 1})) == {"x": 1}


@pytest.mark.parametrize(
    ("address", "status", "told"),
    [
        ("", 400, "does not lead to a server"),
        ("https://10.0.0.1/", 400, "does not lead to a server"),
        ("https://localhost:1/", 400, "cannot be read at the moment"),
    ],
)
def test_an_address_that_leads_nowhere_is_told_and_kept(pair: Pair, address: str, status: int, told: str) -> None:
    answer = App(pair).begin(address)
    assert (answer.status_code, told in answer.text, f'value="{address}"' in answer.text) == (status, True, True)


def test_a_no_an_old_answer_and_a_forged_one_sign_nobody_in(pair: Pair) -> None:
    app = App(pair)
    denied = app.come_back(pair.decide(app.begin(pair.issuer).headers["Location"], "Deny"))
    assert (denied.status_code, "You said no" in denied.text) == (400, True)
    answer = pair.approve(app.begin(pair.issuer).headers["Location"])
    forged = app.come_back(answer.replace("state=", "state=x"))
    assert (forged.status_code, "does not belong to the sign-in" in forged.text) == (400, True)
    again = app.come_back(answer)
    assert (again.status_code, "No sign-in was started here" in again.text) == (400, True)
    assert app.people == []


@pytest.mark.parametrize(
    "headers",
    [{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "https://evil.example"}],
)
def test_no_other_site_begins_a_sign_in(pair: Pair, headers: dict[str, str]) -> None:
    app = App(pair)
    assert app.begin(pair.issuer, **headers).status_code == 403
    assert app.begin(pair.issuer, Origin=pair.origin).status_code == 303


def test_the_redirect_uri_is_in_the_document(pair: Pair) -> None:
    client = pair.publish("/client.json")
    with pytest.raises(ConfigurationError, match="does not list the redirect URI"):
        client.login_blueprint("/x", on_signed_in=print, redirect_uri=f"{pair.origin}/other")


def test_without_a_secret_key_nobody_is_sent_away(pair: Pair) -> None:
    app = Flask("bare")
    client = PublishedClient(client_id="https://a.example/c", members={"redirect_uris": ["https://a.example/cb"]})
    app.register_blueprint(client.login_blueprint("/x", on_signed_in=print))
    with app.app_context(), pytest.raises(ConfigurationError, match="SECRET_KEY"):
        seal(app, {})

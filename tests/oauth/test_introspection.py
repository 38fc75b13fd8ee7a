"""Introspection: by resource servers for tokens of their own URL, and by whoever holds the token."""

from __future__ import annotations

import base64
from typing import Any

import pytest
import requests

from flask_cimd.core import digest_of
from flask_cimd.oauth import IntrospectionEndpoint, ResourceServer
from tests.support.atproto import App
from tests.support.browser import REDIRECT, Browser, publish_client
from tests.support.keys import KeyHolder
from tests.support.proves import proves
from tests.support.provider_app import ProviderSite

NOTES = "https://notes.example/api"


def ask(browser: Browser, token: str, *, auth: Any = None, bearer: str | None = None, **more: Any) -> requests.Response:
    headers = {"Authorization": f"Bearer {bearer}"} if bearer is not None else {}
    return browser.post("/introspect", {"token": token, **more}, headers=headers, auth=auth)


@proves("C-102", "IA-103", "IA-104", "IA-105", "O-114", "O-115")
def test_a_resource_server_learns_what_a_token_for_its_url_is_worth(origin: Any, site: ProviderSite) -> None:
    credentials = site.add_resource_server(NOTES)
    client_id = publish_client(origin)
    token = site.owner().tokens(client_id, REDIRECT, scope="profile", resource=NOTES)["access_token"]
    answer = ask(site.browser(), token, auth=credentials)
    now = int(site.clock().timestamp())
    assert answer.status_code == 200
    assert answer.json() == {
        "active": True,
        "me": site.base_url + "/",
        "client_id": client_id,
        "scope": "profile",
        "token_type": "Bearer",
        "exp": now + 900,
        "iat": now,
        "sub": site.base_url + "/",
        "aud": NOTES,
        "iss": site.base_url,
        "auth_time": now,
    }
    assert answer.headers["Cache-Control"] == "no-store"


@proves("O-113", "O-114")
def test_a_token_for_somebody_else_looks_like_no_token(origin: Any, site: ProviderSite) -> None:
    credentials = site.add_resource_server(NOTES)
    site.add_resource_server("https://photos.example/")
    owner, client_id = site.owner(), publish_client(origin)
    for resource in (None, "https://photos.example/", site.base_url):
        token = owner.tokens(client_id, REDIRECT, scope="profile", resource=resource)["access_token"]
        assert ask(site.browser(), token, auth=credentials).json() == {"active": False}


@pytest.mark.parametrize("ending", ["", "/"])
def test_the_site_itself_stands_for_tokens_without_a_resource(origin: Any, site: ProviderSite, ending: str) -> None:
    credentials = site.add_resource_server(site.base_url + ending)
    token = site.owner().tokens(publish_client(origin))["access_token"]
    assert ask(site.browser(), token, auth=credentials).json()["aud"] == site.base_url


@proves("IA-106", "O-114")
def test_unknown_expired_revoked_and_malformed_tokens_have_one_answer(origin: Any, site: ProviderSite) -> None:
    credentials = site.add_resource_server(NOTES)
    owner, client_id = site.owner(), publish_client(origin)
    tokens = owner.tokens(client_id, REDIRECT, scope="profile", resource=NOTES)
    revoked = owner.tokens(client_id, REDIRECT, scope="profile", resource=NOTES)["access_token"]
    owner.post("/revoke", {"token": revoked, "client_id": client_id})
    expired = tokens["access_token"]
    assert ask(owner, expired, auth=credentials).json()["active"] is True
    site.clock.forward(minutes=16)
    bodies = {
        ask(owner, token, auth=credentials).text
        for token in ("unknown", "\u00e9\0", expired, revoked, tokens["refresh_token"])
    }
    assert {body.replace(" ", "").strip() for body in bodies} == {'{"active":false}'}


@proves("IA-103")
def test_the_holder_of_a_token_may_ask_about_it(origin: Any, site: ProviderSite) -> None:
    # Variant b, on here
    token = site.owner().tokens(publish_client(origin))["access_token"]
    assert ask(site.browser(), token, bearer=token).json()["active"] is True
    site.clock.forward(days=31)
    assert ask(site.browser(), token, bearer=token).json() == {"active": False}


@proves("O-114")
def test_a_token_that_is_bound_to_a_key_says_so_to_resource_servers_alone(site: ProviderSite) -> None:
    # RFC 9449 §6.2, §7.2
    credentials = site.add_resource_server(site.base_url)
    token = App(site).sign_in(site.owner())["access_token"]
    found = ask(site.browser(), token, auth=credentials).json()
    assert (found["active"], found["token_type"]) == (True, "DPoP")
    assert set(found["cnf"]) == {"jkt"}
    assert ask(site.browser(), token, bearer=token).status_code == 401


@proves("O-113")
def test_any_other_bearer_is_refused(origin: Any, site: ProviderSite) -> None:
    owner, client_id = site.owner(), publish_client(origin)
    mine, other = (owner.tokens(client_id)["access_token"] for _ in range(2))
    for bearer in (other, "unknown", ""):
        answer = ask(site.browser(), mine, bearer=bearer)
        assert answer.status_code == 401
        assert answer.json() == {"error": "invalid_token"}
        assert answer.headers["WWW-Authenticate"].startswith('Bearer error="invalid_token"')


@proves("IA-103", "O-113")
def test_whoever_shows_nothing_learns_nothing(origin: Any, site: ProviderSite) -> None:
    # "insufficient -> 401"
    server_id, secret = site.add_resource_server(NOTES)
    token = site.owner().tokens(publish_client(origin))["access_token"]
    for auth in (None, (server_id, "wrong"), ("wrong", secret), (server_id, ""), ("", "")):
        answer = ask(site.browser(), token, auth=auth)
        assert answer.status_code == 401
        assert answer.json() == {"error": "invalid_client"}
        assert answer.headers["WWW-Authenticate"].startswith("Basic ")


@proves("O-113")
def test_to_be_a_client_is_not_enough_to_ask(origin: Any, site: ProviderSite) -> None:
    # Neither a public client's name nor a key holder's proof, not even about its own token
    client_id = publish_client(origin)
    token = site.owner().tokens(client_id)["access_token"]
    assert ask(site.browser(), token, client_id=client_id).status_code == 401
    assert ask(site.browser(), token, auth=(client_id, "")).status_code == 401
    holder = KeyHolder(origin.url("/keys.json"), site.clock)
    publish_client(origin, "/keys.json", token_endpoint_auth_method="private_key_jwt", jwks=holder.jwks)
    assert ask(site.browser(), token, **holder.proof()).status_code == 401


@proves("O-115")
def test_no_answer_is_stored(origin: Any, site: ProviderSite) -> None:
    # Codes, tokens and secrets have 256 bits, which no rate of guessing finds
    credentials = site.add_resource_server(NOTES)
    token = site.owner().tokens(publish_client(origin))["access_token"]
    answers = [
        ask(site.browser(), token, bearer=token),
        ask(site.browser(), "unknown", auth=credentials),
        ask(site.browser(), token),
        ask(site.browser(), "", auth=credentials),
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 401, 400]
    assert {answer.headers["Cache-Control"] for answer in answers} == {"no-store"}
    assert len(credentials[1]) >= 43
    assert len(token) >= 43


@pytest.mark.parametrize(
    "credentials",
    [
        "Basic",
        "Basic !",
        "Basic " + base64.b64encode(b"\xff:\xff").decode(),
        "Basic " + base64.b64encode(b"\x00:x").decode(),  # PostgreSQL knows no NUL
        "Basic " + base64.b64encode(b"%00:x").decode(),
        "Digest x",
    ],
)
def test_damaged_credentials_are_refused(site: ProviderSite, credentials: str) -> None:
    answer = site.browser().post("/introspect", {"token": "t"}, headers={"Authorization": credentials})
    assert answer.status_code == 401


@pytest.mark.parametrize("path", ["%00", "a%00b", "%ff", "a%20b", "%5B"])
def test_odd_names_of_resources_are_unknown(site: ProviderSite, path: str) -> None:
    assert site.browser().get(f"/.well-known/oauth-protected-resource/{path}").status_code == 404


def test_what_is_not_one_form_is_refused(site: ProviderSite) -> None:
    credentials = site.add_resource_server(NOTES)
    browser = site.browser()
    answers = [
        browser.request("POST", "/introspect", json={"token": "t"}, auth=credentials),
        browser.request("POST", "/introspect?token=t", data={"x": "y"}, auth=credentials),
        browser.request("POST", "/introspect", data=[("token", "a"), ("token", "b")], auth=credentials),
        browser.request("POST", "/introspect", data={"x": "y"}, auth=credentials),
    ]
    assert [(answer.status_code, answer.json()["error"]) for answer in answers] == [(400, "invalid_request")] * 4


def test_the_name_of_a_resource_server_is_no_option_to_a_command() -> None:
    assert all(ResourceServer.create(NOTES)[0].id.isalnum() for _ in range(200))


@proves("IA-25", "IA-26")
def test_the_metadata_names_the_endpoint_and_its_method(site: ProviderSite) -> None:
    metadata = site.browser().get("/.well-known/oauth-authorization-server").json()
    assert metadata["introspection_endpoint"] == site.base_url + "/introspect"
    assert metadata["introspection_endpoint_auth_methods_supported"] == ["client_secret_basic"]


# -- who may ask, one guard at a time ----------------------------------------------------------------------------


class Endpoint:
    """An introspection endpoint of its own at a site.

    Attributes:
        asked: the names of resource servers that were looked up.
    """

    def __init__(self, site: ProviderSite, *servers: ResourceServer, allow_holder: bool = False) -> None:
        self.asked: list[str] = []
        self._servers = {server.id: server for server in servers}
        self._browser = site.browser()
        endpoint = IntrospectionEndpoint(site.server.context, self._find, allow_holder=allow_holder)
        site.app.add_url_rule("/own", "own", endpoint.respond, methods=["POST"])

    def _find(self, name: str) -> ResourceServer | None:
        self.asked.append(name)
        return self._servers.get(name)

    def ask(self, token: str, authorization: str) -> requests.Response:
        return self._browser.post("/own", {"token": token}, headers={"Authorization": authorization})


def basic(name: str, secret: str, scheme: str = "Basic") -> str:
    return f"{scheme} {base64.b64encode(f'{name}:{secret}'.encode()).decode()}"


def server_named(name: str, resource: str = NOTES) -> ResourceServer:
    return ResourceServer(id=name, secret_digest=digest_of("secret"), resource=resource)


def test_the_holder_is_answered_only_where_the_app_says_so(origin: Any, site: ProviderSite) -> None:
    endpoint = Endpoint(site)
    token = site.owner().tokens(publish_client(origin))["access_token"]
    answer = endpoint.ask(token, f"Bearer {token}")
    assert (answer.status_code, answer.json()) == (401, {"error": "invalid_token"})


def test_two_empty_tokens_are_not_the_same_one(site: ProviderSite) -> None:
    answer = Endpoint(site, allow_holder=True).ask("", "Bearer ")
    assert (answer.status_code, answer.json()) == (401, {"error": "invalid_token"})


def test_a_refusal_names_both_schemes_and_the_fault_of_a_bearer_token_alone(site: ProviderSite) -> None:
    endpoint = Endpoint(site)
    assert endpoint.ask("t", basic("x", "y")).headers["WWW-Authenticate"] == 'Basic realm="introspection", Bearer'
    assert (
        endpoint.ask("t", "Bearer x").headers["WWW-Authenticate"]
        == 'Bearer error="invalid_token", Basic realm="introspection"'
    )


def test_good_credentials_count_with_the_scheme_basic_alone(site: ProviderSite) -> None:
    endpoint = Endpoint(site, server_named("notes"))
    assert endpoint.ask("t", basic("notes", "secret")).json() == {"active": False}
    assert endpoint.ask("t", basic("notes", "secret", "bAsIc")).json() == {"active": False}
    endpoint.asked.clear()
    for scheme in ("Digest", "Basically"):
        assert endpoint.ask("t", basic("notes", "secret", scheme)).status_code == 401
    assert endpoint.asked == []


def test_credentials_are_exactly_base64(site: ProviderSite) -> None:
    endpoint = Endpoint(site, server_named("notes"))
    good = basic("notes", "secret")
    for damaged in (good[:10] + "!" + good[10:], good[:10] + "-" + good[10:]):
        assert endpoint.ask("t", damaged).json() == {"error": "invalid_client"}
    assert endpoint.asked == []


def test_names_and_secrets_are_form_encoded(site: ProviderSite) -> None:
    # RFC 6749 §2.3.1
    endpoint = Endpoint(site, ResourceServer(id="a:b", secret_digest=digest_of("c d%"), resource=NOTES))
    assert endpoint.ask("t", basic("a%3Ab", "c+d%25")).json() == {"active": False}
    assert endpoint.ask("t", basic("a%3Ab", "c d%")).json() == {"active": False}
    assert endpoint.ask("t", basic("a%3Ab", "c%2Bd%25")).status_code == 401
    assert endpoint.asked == ["a:b"] * 3


@pytest.mark.parametrize("name", ["", "\x00", "%00", "a%0Ab"])
def test_a_name_that_cannot_be_one_is_not_looked_up(site: ProviderSite, name: str) -> None:
    endpoint = Endpoint(site)
    assert endpoint.ask("t", basic(name, "secret")).json() == {"error": "invalid_client"}
    assert endpoint.asked == []


def test_the_site_itself_does_not_see_tokens_for_elsewhere(origin: Any, site: ProviderSite) -> None:
    endpoint = Endpoint(site, server_named("site", site.base_url), server_named("notes"))
    site.add_resource_server(NOTES)
    token = site.owner().tokens(publish_client(origin), REDIRECT, scope="profile", resource=NOTES)["access_token"]
    assert endpoint.ask(token, basic("site", "secret")).json() == {"active": False}
    assert endpoint.ask(token, basic("notes", "secret")).json()["active"] is True

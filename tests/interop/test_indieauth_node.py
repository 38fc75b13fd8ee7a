"""IndieAuth clients from npm, unmodified, sign in to a running demo: their loopback clients are never fetched."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from tests.support.browser import Browser, redirect_parameters
from tests.support.demo import RunningDemo
from tests.support.node import running_node
from tests.support.proves import proves

CLIENT = {"clientId": "http://127.0.0.1:7777/", "redirectUri": "http://127.0.0.1:7777/callback"}


def client(name: str) -> Any:
    return running_node("indieauth_node", "clients.mjs", name)


def open_page(owner: Browser, url: str) -> requests.Response:
    assert url.startswith(owner.base_url), url
    return owner.get(url)


@proves("IA-15", "IA-64", "IA-75", "IA-79", "IA-103", "IA-105")
def test_squeep_indieauth_helper_signs_in_and_gets_a_token(running_site: RunningDemo) -> None:
    # @squeep/indieauth-helper 1.4.2
    owner, me = running_site.owner(), running_site.base_url + "/"
    with client("squeep") as program:
        begun = program.ask(step="begin", me=me, **CLIENT, scope="profile create")
        assert (begun["name"], begun["issuer"]) == ("The owner", running_site.base_url)
        answer = owner.approve(open_page(owner, begun["url"]))
        assert (answer["state"], answer["iss"]) == ("state-of-the-app", running_site.base_url)
        tokens = program.ask(step="redeem", code=answer["code"], token=True, **CLIENT)
        assert (tokens["me"], tokens["scope"]) == (me, "profile create")
        found = program.ask(step="introspect", token=tokens["access_token"])
        assert (found["active"], found["me"], found["scope"]) == (True, me, ["profile", "create"])
        begun = program.ask(step="begin", me=me, **CLIENT)
        code = owner.approve(open_page(owner, begun["url"]))["code"]
        assert program.ask(step="redeem", code=code, token=False, **CLIENT) == {"me": me}


@proves("IA-66", "IA-71", "IA-82", "IA-83", "IA-107")
def test_indieauth_helper_signs_in_and_gets_a_token_where_old_clients_are_let_in(legacy_site: RunningDemo) -> None:
    # indieauth-helper 1.0.2
    owner, me = legacy_site.owner(), legacy_site.base_url + "/"
    with client("helper") as program:
        begun = program.ask(step="begin", me=me, **CLIENT, responseType="id")
        assert begun["state"] is True
        code = owner.approve(open_page(owner, begun["url"]))["code"]
        assert program.ask(step="redeem", code=code, token=False) == {"me": me}
        begun = program.ask(step="begin", me=me, **CLIENT, responseType="code", scope="create")
        code = owner.approve(open_page(owner, begun["url"]))["code"]
        token = program.ask(step="redeem", code=code, token=True)["access_token"]
        assert program.ask(step="verify", token=token) == {"verified": True}
        assert "failed" in program.ask(step="verify", token="unknown")


@proves("IA-71", "IA-82")
def test_indieauth_authentication_signs_in_where_old_clients_are_let_in(legacy_site: RunningDemo) -> None:
    # indieauth-authentication 0.0.4
    owner, me = legacy_site.owner(), legacy_site.base_url + "/"
    with client("authentication") as program:
        begun = program.ask(step="begin", me=me, **CLIENT)
        page = open_page(owner, begun["url"])
        assert "data-sign-in-only" in page.text
        answer = owner.approve(page)
        assert (answer["me"], answer["state"]) == (me, "state-of-the-app")
        assert program.ask(step="redeem", code=answer["code"]) == {"me": me}
        assert "failed" in program.ask(step="redeem", code=answer["code"])


@pytest.mark.parametrize("name", ["helper", "authentication"])
def test_where_old_clients_are_not_let_in_a_page_says_why(running_site: RunningDemo, name: str) -> None:
    with client(name) as program:
        begun = program.ask(step="begin", me=running_site.base_url + "/", **CLIENT, responseType="id")
    page = open_page(running_site.owner(), begun["url"])
    assert page.status_code == 400
    assert "not protected by a code challenge (PKCE)" in page.text


@proves("IA-78")
def test_a_denied_client_is_told_so(running_site: RunningDemo) -> None:
    owner = running_site.owner()
    with client("squeep") as program:
        begun = program.ask(step="begin", me=running_site.base_url + "/", **CLIENT)
    answer = redirect_parameters(owner.press(open_page(owner, begun["url"]), "Deny"))
    assert (answer["error"], answer["iss"]) == ("access_denied", running_site.base_url)

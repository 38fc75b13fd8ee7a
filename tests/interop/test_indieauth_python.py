"""IndieAuth clients from PyPI, unmodified, sign in to a running demo."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.support.browser import Browser, SignIn, soup
from tests.support.demo import RunningDemo, running_demo
from tests.support.programs import Program
from tests.support.proves import proves
from tests.support.python_env import python_env, running_python

SCRIPTS = Path(__file__).parent / "indieauth_python"
REDIRECT = "http://127.0.0.1:7777/callback"


@pytest.fixture(scope="session")
def python() -> Path:
    return python_env("indieauth")


@contextmanager
def signing_in(python: Path, name: str) -> Iterator[Program]:
    with running_python(python, SCRIPTS / "sign_in.py", name) as program:
        yield program


@proves("IA-17", "IA-79", "IA-82")
def test_authl_signs_in_without_naming_the_grant(python: Path, running_site: RunningDemo) -> None:
    owner, me = running_site.owner(), running_site.base_url + "/"
    with signing_in(python, "authl") as program:
        url = program.ask(step="begin", me=me, redirect_uri=REDIRECT)["url"]
        answer = owner.approve(owner.get(url))
        found = program.ask(step="finish", answer=answer)
    assert (found["kind"], found["identity"]) == ("Verified", me)
    assert found["profile"]["name"] == "The owner"
    assert found["profile"]["endpoints"]["token_endpoint"] == running_site.base_url + "/token"


@proves("IA-15", "IA-86", "IA-107")
def test_indieweb_utils_gets_a_token_and_checks_it_at_the_token_endpoint(
    python: Path, running_site: RunningDemo
) -> None:
    owner, me = running_site.owner(), running_site.base_url + "/"
    pair = SignIn.begin("http://127.0.0.1:7777/")
    with signing_in(python, "indieweb-utils") as program:
        begun = program.ask(step="begin", me=me, redirect_uri=REDIRECT, challenge=pair.parameters["code_challenge"])
        assert begun["issuer"] == running_site.base_url
        answer = owner.approve(owner.get(begun["url"]))
        found = program.ask(step="finish", answer=answer, verifier=pair.verifier)
    assert found["message"] == "Authentication was successful."
    assert (found["response"]["me"], found["response"]["scope"]) == (me, "profile create")
    assert (found["authenticated"], found["stranger"]) == (True, False)


# -- datasette with its plugin: only addresses without a port are people to it ----------------------------------------


@contextmanager
def static_site(endpoints: str) -> Iterator[str]:
    """Serve one page for whatever name is asked for, as a proxy does; the page names the demo's endpoints."""
    relations = {"authorization_endpoint": "/authorize", "token_endpoint": "/token"}
    page = "".join(f'<link rel="{name}" href="{endpoints}{path}">' for name, path in relations.items()).encode()

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, *_: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@proves("IA-85", "IA-95")
def test_datasette_signs_in_with_an_address_that_is_a_static_site(python: Path, tmp_path: Path) -> None:
    # Datasette 0.65 with datasette-indieauth
    me = "http://owner.example/"
    with running_demo(tmp_path, DEMO_ME=me) as demo, static_site(demo.base_url) as proxy:
        environment = {"HTTP_PROXY": proxy, "http_proxy": proxy, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
        with running_python(python, SCRIPTS / "web_app.py", "datasette", environment=environment) as program:
            app = requests.Session()
            app.trust_env = False
            url = program.receive()["url"]
            form = soup(app.get(f"{url}/-/indieauth", timeout=30)).find("form")
            assert form is not None
            fields = {str(tag["name"]): str(tag.get("value", "")) for tag in form.select("input[name]")}
            begun = app.post(f"{url}/-/indieauth", data={**fields, "me": me}, allow_redirects=False, timeout=30)
            owner = demo.owner()
            page = owner.get(begun.headers["Location"])
            assert "data-sign-in-only" in page.text
            back = owner.press(page, "Approve").headers["Location"]
            done = app.get(back, allow_redirects=False, timeout=30)
            assert done.status_code == 302, done.text
            assert app.get(f"{url}/-/actor.json", timeout=30).json()["actor"]["me"] == me


# -- Flask-Micropub as client, Flask-IndieAuth as resource server -----------------------------------------------------


@contextmanager
def micropub_client(python: Path, site: RunningDemo) -> Iterator[str]:
    arguments = (site.base_url + "/token", site.base_url + "/")
    with running_python(python, SCRIPTS / "web_app.py", "micropub", *arguments) as program:
        yield program.receive()["url"]


def sent_to_the_site(app: requests.Session, url: str, owner: Browser) -> requests.Response:
    begun = app.get(url, params={"me": owner.base_url + "/"}, allow_redirects=False, timeout=30)
    assert begun.headers["Location"].startswith(owner.base_url + "/authorize?")
    return owner.get(begun.headers["Location"])


@proves("IA-66", "IA-83", "IA-107")
def test_flask_micropub_gets_a_token_that_flask_indieauth_takes(python: Path, legacy_site: RunningDemo) -> None:
    owner, me, app = legacy_site.owner(), legacy_site.base_url + "/", requests.Session()
    app.trust_env = False
    with micropub_client(python, legacy_site) as url:
        back = owner.press(sent_to_the_site(app, f"{url}/sign-in", owner), "Approve").headers["Location"]
        found = app.get(back, timeout=30).json()
        assert (found["me"], found["error"], found["state"]) == (me, None, "/after")
        back = owner.press(sent_to_the_site(app, f"{url}/get-access", owner), "Approve").headers["Location"]
        found = app.get(back, timeout=30).json()
        assert (found["me"], found["scope"], found["error"]) == (me, "create", None)
        assert found["micropub_endpoint"].startswith(legacy_site.base_url)
        bearer = {"Authorization": f"Bearer {found['access_token']}"}
        user = requests.post(f"{url}/protected", headers=bearer, timeout=30).json()
        assert (user["me"], user["client_id"], user["scope"]) == (me, url + "/", "create")
        assert requests.post(f"{url}/protected", headers={"Authorization": "Bearer x"}, timeout=30).status_code >= 400
        post = requests.post(found["micropub_endpoint"], {"h": "entry", "content": "Hello"}, headers=bearer, timeout=30)
        assert post.status_code == 201
        assert "Hello" in legacy_site.browser().get("/").text


def test_flask_micropub_is_refused_with_a_page_where_old_clients_are_not_let_in(
    python: Path, running_site: RunningDemo
) -> None:
    with micropub_client(python, running_site) as url:
        app = requests.Session()
        app.trust_env = False
        page = sent_to_the_site(app, f"{url}/sign-in", running_site.owner())
    assert page.status_code == 400
    assert "not protected by a code challenge (PKCE)" in page.text

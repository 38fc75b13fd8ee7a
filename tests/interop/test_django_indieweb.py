"""Our client at an IndieAuth server of other people: django-indieweb from PyPI, on https with a private authority."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin

import pytest
import trustme
from authlib.integrations.base_client import OAuthError

from flask_cimd import UnexpectedResponseError
from tests.interop.client_half import certificate, client_app
from tests.support.browser import soup
from tests.support.demo import free_ports
from tests.support.python_env import python_env, running_python
from tests.support.walker import Walker

SERVER = Path(__file__).parent / "indieauth_python" / "django_site.py"


@pytest.fixture(scope="module")
def me(ca: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run the site, and return the address of its owner."""
    folder = tmp_path_factory.mktemp("django")
    python = python_env("django-indieweb")
    arguments = (str(free_ports()), str(certificate(ca, folder)), str(folder))
    with running_python(python, SERVER, *arguments) as program:
        yield program.receive()["me"]


def test_our_client_signs_in_with_the_address_of_a_person_and_calls(
    me: str, ca: trustme.CA, ca_bundle: Path, tmp_path: Path
) -> None:
    person = Walker(str(ca_bundle), {"username": "ada", "password": "secret"}, ("Go", "Approve"))
    person.walk(f"{me}accounts/login/", until=me)
    with client_app(ca, ca_bundle, tmp_path) as client:
        server = client.discover(me)
        assert server.found_by == "page"
        session = client.session(server, scope="create")
        url, remembered = session.begin()
        answer = person.walk(url, client.members["redirect_uris"][0])
        token = session.finish(remembered, answer)
        assert (token["me"], token["scope"], token["token_type"]) == (me, "create", "Bearer")
        micropub = session.get(f"{me}indieweb/micropub/?q=config")
        assert micropub.status_code == 200
        assert micropub.json()["media-endpoint"] == f"{me}indieweb/media/"
        assert "refresh_token" not in token, "this server gives none, and has no revocation endpoint"
        assert server.get("revocation_endpoint") is None
        introspected = session.post(server["introspection_endpoint"], data={"token": token["access_token"]}).json()
        assert (introspected["active"], introspected["me"]) == (True, me)
        revoke(person, f"{me}indieweb/tokens/")
        assert session.get(f"{me}indieweb/micropub/?q=config").status_code == 401


def revoke(person: Walker, url: str) -> None:
    """Revoke the first token on the person's own page."""
    page = person.session.get(url, timeout=10)
    (form,) = soup(page).select("form[action*=revoke]")
    fields = {str(field["name"]): str(field.get("value", "")) for field in form.select("input[name]")}
    target = urljoin(url, str(form["action"]))
    assert person.session.post(target, fields, headers={"Referer": url}, timeout=10).status_code == 200


def test_a_code_is_redeemed_once_and_with_its_verifier(
    me: str, ca: trustme.CA, ca_bundle: Path, tmp_path: Path
) -> None:
    person = Walker(str(ca_bundle), {"username": "ada", "password": "secret"}, ("Go", "Approve"))
    person.walk(f"{me}accounts/login/", until=me)
    with client_app(ca, ca_bundle, tmp_path) as client:
        session = client.session(client.discover(me), scope="create")
        url, remembered = session.begin()
        answer = person.walk(url, client.members["redirect_uris"][0])
        # The server says so in plain text, which is no token error of RFC 6749 §5.2.
        with pytest.raises(UnexpectedResponseError) as refused:
            session.finish({**remembered, "code_verifier": "v" * 64}, answer)
        assert (refused.value.slug, "status 400" in refused.value.hint) == ("not-json", True)


def test_a_person_denies(me: str, ca: trustme.CA, ca_bundle: Path, tmp_path: Path) -> None:
    person = Walker(str(ca_bundle), {"username": "ada", "password": "secret"}, ("Go", "Deny"))
    person.walk(f"{me}accounts/login/", until=me)
    with client_app(ca, ca_bundle, tmp_path) as client:
        session = client.session(client.discover(me), scope="create")
        url, remembered = session.begin()
        answer = person.walk(url, client.members["redirect_uris"][0])
        with pytest.raises(OAuthError) as refused:
            session.finish(remembered, answer)
        assert refused.value.error == "access_denied"

"""One client of each family signs in at the site behind real nginx and real Caddy: gunicorn, TLS, the shipped files."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests
import trustme

from tests.support.atproto import App
from tests.support.browser import REDIRECT, Browser, Site, publish_client
from tests.support.clock import Clock
from tests.support.demo import free_ports
from tests.support.origin import TLSOrigin
from tests.support.proxies import Proxy, caddy, certify, need_program, nginx, running

HOST = "localhost"
_PAGE = f'<link rel="redirect_uri" href="{REDIRECT}"><div class="h-app"><b class="p-name">Old app</b></div>'


class _Now(Clock):
    """The time of this computer."""

    @property
    def now(self) -> datetime:  # type: ignore[override]  # an attribute there
        return datetime.now(UTC)

    @now.setter
    def now(self, _: datetime) -> None:
        pass


@dataclass(frozen=True, kw_only=True)
class Served(Site):
    """A site at its public address."""

    ca_bundle: Path

    def browser(self, *, peer: str = "127.0.0.1") -> Browser:
        browser = Browser(self.base_url)
        browser.session.verify = str(self.ca_bundle)
        return browser


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, ca: trustme.CA, ca_bundle: Path) -> Iterator[tuple[Served, int]]:
    """Run gunicorn as behind a TLS proxy, and yield the site with the port of gunicorn."""
    folder = tmp_path_factory.mktemp("served")
    port, backend = free_ports(), free_ports()
    environment = {
        "DEMO_DEVELOPMENT": "1",  # lets documents on this computer be fetched
        "DEMO_BASE_URL": f"https://{HOST}:{port}",
        "DEMO_PORT": str(backend),
        "DEMO_DATABASE_URL": f"sqlite:///{folder}/site.db",
        "DEMO_TRUSTED_PROXIES": "1",
        "CIMD_CA_BUNDLE": str(ca_bundle),
        "WEB_CONCURRENCY": "1",
    }
    with running([sys.executable, "-m", "gunicorn", "demo:create_app()"], folder, **environment):
        yield Served(app=None, base_url=f"https://{HOST}:{port}", clock=_Now(), ca_bundle=ca_bundle), backend  # type: ignore[arg-type]  # another process has the app


@pytest.fixture(params=[nginx, caddy], ids=["nginx", "caddy"])
def site(
    request: pytest.FixtureRequest, served: tuple[Served, int], ca: trustme.CA, tmp_path: Path
) -> Iterator[Served]:
    """Put a proxy in front of the site."""
    proxy: Proxy = request.param
    need_program(proxy.__name__)
    certify(tmp_path, ca, HOST)
    site, backend = served
    with running(proxy(tmp_path, HOST, int(site.base_url.rpartition(":")[2]), backend), tmp_path):
        _wait_until_ready(site)
        yield site


def _wait_until_ready(site: Served) -> None:
    ends = time.monotonic() + 60
    while True:
        try:
            if site.browser().get("/readyz").status_code == 200:
                return
        except requests.ConnectionError:
            pass
        assert time.monotonic() < ends, "the site does not start"
        time.sleep(0.1)  # a server that starts says nothing


def test_a_client_of_each_family_signs_in(site: Served, origin: TLSOrigin) -> None:
    owner, me = site.owner(), f"{site.base_url}/"

    resource = f"{site.base_url}/api/profile"
    tokens = owner.tokens(publish_client(origin, client_name="Tool"), scope="profile", resource=resource)
    called = site.browser().get("/api/profile", headers={"Authorization": f"Bearer {tokens['access_token']}"})
    assert (called.status_code, tokens["me"]) == (200, me)

    page_client = origin.serve("/app/", _PAGE.encode(), headers={"Content-Type": "text/html; charset=utf-8"})
    assert owner.tokens(page_client, scope="profile")["me"] == me

    app = App(site)
    session = app.sign_in(owner)
    called = app.call(session["access_token"], "/xrpc/com.atproto.server.getSession")
    assert (called.status_code, session["token_type"]) == (200, "DPoP")  # the proof's htu is the public address


def test_what_a_visitor_says_of_the_connection_is_dropped(site: Served) -> None:
    forged = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Host": "evil.example", "Forwarded": "for=203.0.113.9"}
    answer = site.browser().get("/.well-known/oauth-authorization-server", headers=forged)
    assert answer.json()["issuer"] == site.base_url
    assert "evil.example" not in answer.text
    assert answer.headers["Strict-Transport-Security"]

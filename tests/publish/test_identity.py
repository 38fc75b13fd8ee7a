"""After a sign-in: the server must speak for the person that it answered with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import trustme

from flask_cimd.publish import IdentityError, PublishedClient, Server
from tests.support.hosts import Hosts
from tests.support.proves import proves

AS = "https://as.example.com"
SITE = "https://site.example.com/"
HANDLE = "alice.example.com"
DID = "did:plc:" + "a" * 24
OTHER = "did:plc:" + "b" * 24


@pytest.fixture
def hosts(ca: trustme.CA) -> Iterator[Hosts]:
    """Run a server that speaks for one site and one account."""
    names = ("as", "site", "www", "other", "alice", "plc", "pds")
    with Hosts(ca, *(f"{name}.example.com" for name in names)) as found:
        found.server(AS)
        found.page(SITE, f'<link rel="indieauth-metadata" href="{AS}/.well-known/oauth-authorization-server">')
        found.redirect("https://www.example.com/", SITE)
        serve_account(found, DID, AS)
        found.serve(f"https://{HANDLE}/.well-known/atproto-did", DID.encode(), headers={"Content-Type": "text/plain"})
        yield found


def serve_account(hosts: Hosts, did: str, issuer: str) -> None:
    pds = "https://pds.example.com"
    service = {"id": "#atproto_pds", "type": "AtprotoPersonalDataServer", "serviceEndpoint": pds}
    hosts.json(f"https://plc.example.com/{did}", id=did, alsoKnownAs=[f"at://{HANDLE}"], service=[service])
    hosts.json(f"{pds}/.well-known/oauth-protected-resource", resource=pds, authorization_servers=[issuer])


@pytest.fixture
def client(hosts: Hosts, ca_bundle: Path) -> PublishedClient:
    """Return a client of the AT Protocol and of IndieAuth."""
    return PublishedClient(
        client_id="https://app.example/client.json",
        members={"redirect_uris": ["https://app.example/callback"]},
        fetch=hosts.fetch_settings(str(ca_bundle)),
        plc_directory="https://plc.example.com",
    )


def sign_in(hosts: Hosts, client: PublishedClient, entered: str | Server, **answer: Any) -> dict[str, Any]:
    """Sign in at a server that gives this token response."""
    hosts.json(f"{AS}/token", access_token="t", token_type="Bearer", **answer)
    session = client.session(client.discover(entered) if isinstance(entered, str) else entered, dpop=False)
    url, remembered = session.begin()
    state = parse_qs(urlsplit(url).query)["state"][0]
    return session.finish(remembered, f"https://app.example/callback?code=c&iss={AS}&state={state}")


def refused(hosts: Hosts, client: PublishedClient, entered: str | Server, **answer: Any) -> str:
    with pytest.raises(IdentityError) as caught:
        sign_in(hosts, client, entered, **answer)
    return caught.value.slug


@proves("IA-95")
def test_me_is_the_address_entered_or_one_on_the_way(hosts: Hosts, client: PublishedClient) -> None:
    assert sign_in(hosts, client, SITE, me="https://SITE.example.com")["me"] == SITE
    hosts.asked.clear()
    assert sign_in(hosts, client, "https://www.example.com/", me=SITE)["me"] == SITE
    assert hosts.asked[-1] == f"{AS}/token", "no second discovery"


@proves("IA-95")
def test_another_me_must_name_the_same_server(hosts: Hosts, client: PublishedClient) -> None:
    me = "https://other.example.com/me"
    assert refused(hosts, client, SITE, me=me) == "me-not-verified"
    hosts.page(me, f'<link rel="authorization_endpoint" href="{AS}/authorize">')
    assert sign_in(hosts, client, SITE, me=me)["me"] == me
    hosts.server("https://other.example.com", authorization_endpoint=f"{AS}/authorize")
    hosts.page(me, '<link rel="indieauth-metadata" href="/.well-known/oauth-authorization-server">')
    assert refused(hosts, client, SITE, me=me) == "me-not-verified"
    hosts.page(me, '<link rel="authorization_endpoint" href="/authorize">')
    assert refused(hosts, client, SITE, me=me) == "me-not-verified"


@pytest.mark.parametrize(
    ("me", "slug"),
    [
        (None, "no-me"),
        (5, "no-me"),
        ("https://" + "x" * 2048, "no-me"),
        ("", "me-not-verified"),
        ("https://10.0.0.1/", "me-not-verified"),
        ("https://u:p@site.example.com/", "me-not-verified"),
    ],
)
def test_a_profile_page_needs_a_me(hosts: Hosts, client: PublishedClient, me: Any, slug: str) -> None:
    assert refused(hosts, client, SITE, **({} if me is None else {"me": me})) == slug


def test_a_server_that_says_nobody_signs_nobody_in(hosts: Hosts, client: PublishedClient) -> None:
    assert "me" not in sign_in(hosts, client, AS)
    assert refused(hosts, client, AS, me="https://other.example.com/") == "me-not-verified"


def test_the_account_is_the_one_that_was_entered(hosts: Hosts, client: PublishedClient) -> None:
    found = sign_in(hosts, client, HANDLE, sub=DID, scope="atproto")
    assert (found["sub"], found["handle"]) == (DID, HANDLE)
    serve_account(hosts, OTHER, AS)
    assert refused(hosts, client, HANDLE, sub=OTHER, scope="atproto") == "sub-mismatch"
    assert refused(hosts, client, HANDLE, sub=None, scope="atproto") == "no-sub"
    assert refused(hosts, client, HANDLE, sub=DID, scope="other") == "no-sub"


def test_the_account_belongs_to_the_server_that_answered(hosts: Hosts, client: PublishedClient) -> None:
    assert sign_in(hosts, client, AS, sub=DID, scope="atproto")["sub"] == DID
    assert refused(hosts, client, AS, sub=OTHER, scope="atproto") == "sub-not-verified"
    before = client.discover(HANDLE)
    hosts.server("https://other.example.com")
    serve_account(hosts, DID, "https://other.example.com")  # it moved while the person was away
    assert refused(hosts, client, before, sub=DID, scope="atproto") == "sub-not-verified"


def test_a_refresh_never_changes_whose_account_it_is(hosts: Hosts, client: PublishedClient) -> None:
    token = sign_in(hosts, client, AS, sub=DID, scope="atproto", refresh_token="r")
    hosts.json(f"{AS}/token", access_token="t2", token_type="Bearer", sub=OTHER)
    session = client.session(client.discover(AS), token=token)
    with pytest.raises(IdentityError) as caught:
        session.refresh_token()
    assert (caught.value.slug, session.token["access_token"]) == ("subject-changed", "t")
    hosts.json(f"{AS}/token", access_token="t2", token_type="Bearer")
    assert session.refresh_token()["sub"] == DID

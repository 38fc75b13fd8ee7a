"""From whatever a person enters to one server: every kind, its order, and what ends it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from flask_cimd.errors import AddressBlockedError, FetchError, ResponseTooLargeError
from flask_cimd.fetch.fetcher import FetchSettings
from flask_cimd.publish import DiscoveryError, PublishedClient
from tests.support.hosts import Hosts
from tests.support.proves import proves

AS = "https://as.example.com"
SITE = "https://site.example.com/"
PDS = "https://pds.example.com"
HANDLE = "alice.example.com"
DID = "did:plc:" + "a" * 24
PLC = "https://plc.example.com"
RESOURCE = "https://api.example.com/mcp"
_NAMES = ("as", "site", "pds", "alice", "plc", "api", "other", "www")

Discover = Callable[..., Any]


@pytest.fixture
def hosts(ca: trustme.CA) -> Iterator[Hosts]:
    """Run the public internet."""
    with Hosts(ca, *(f"{name}.example.com" for name in _NAMES)) as found:
        yield found


@pytest.fixture
def discover(hosts: Hosts, ca_bundle: Path) -> Discover:
    """Return a client's ``discover``; keywords are attributes of the client or arguments."""

    def run(entered: str, **more: Any) -> Any:
        options = {name: more.pop(name) for name in ("resolve_handle",) if name in more}
        fetch = hosts.fetch_settings(str(ca_bundle))
        client = PublishedClient(client_id="https://app.example/c.json", fetch=fetch, plc_directory=PLC, **options)
        return client.discover(entered, **more)

    return run


def slug_of(run: Callable[[], Any]) -> str:
    with pytest.raises(DiscoveryError) as caught:
        run()
    return caught.value.slug


def rules_of(run: Callable[[], Any]) -> list[str]:
    with pytest.raises(DiscoveryError) as caught:
        run()
    assert caught.value.slug == "invalid-server-metadata"
    return [f"{problem.pointer} {problem.rule}" for problem in caught.value.problems]


# -- an issuer -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("announced", [AS, AS + "/"])
@pytest.mark.parametrize("entered", [AS, AS + "/", "https://AS.example.com", " as.example.com/ "])
def test_an_empty_path_has_two_spellings_and_the_announced_one_counts(
    hosts: Hosts, discover: Discover, announced: str, entered: str
) -> None:
    hosts.server(announced)
    found = discover(entered)
    assert (found.issuer, found.found_by, found.entered) == (announced, "issuer", AS + "/")


@proves("M-21")
def test_metadata_is_looked_for_at_three_addresses_in_order(hosts: Hosts, discover: Discover) -> None:
    places = [
        f"{AS}/.well-known/oauth-authorization-server/t1",
        f"{AS}/.well-known/openid-configuration/t1",
        f"{AS}/t1/.well-known/openid-configuration",
    ]
    for number in (2, 1, 0):
        hosts.asked.clear()
        hosts.server(f"{AS}/t1", at=places[number])
        assert discover(f"{AS}/t1").metadata_url == places[number]
        assert hosts.asked == places[: number + 1]


def test_the_path_of_an_issuer_is_compared_exactly(hosts: Hosts, discover: Discover) -> None:
    hosts.server(f"{AS}/t1/", at=f"{AS}/.well-known/oauth-authorization-server/t1")
    assert slug_of(lambda: discover(f"{AS}/t1")) == "issuer-mismatch"
    assert discover(f"{AS}/t1/").issuer == f"{AS}/t1/"


@proves("M-22")
def test_a_second_issuer_is_an_error_and_no_fallback(hosts: Hosts, discover: Discover) -> None:
    hosts.server("https://other.example.com", at=f"{AS}/.well-known/oauth-authorization-server")
    hosts.server(AS, at=f"{AS}/.well-known/openid-configuration")
    assert slug_of(lambda: discover(AS)) == "issuer-mismatch"
    assert hosts.asked == [f"{AS}/.well-known/oauth-authorization-server"]


@pytest.mark.parametrize(
    ("changes", "rules"),
    [
        ({"token_endpoint": "http://as.example.com/token"}, ["/token_endpoint not-https"]),
        ({"token_endpoint": "https://169.254.169.254/token"}, ["/token_endpoint not-https"]),
        ({"token_endpoint": "https://localhost/token"}, ["/token_endpoint not-https"]),
        ({"token_endpoint": "https://"}, ["/token_endpoint not-https"]),
        ({"revocation_endpoint": "https://u:p@as.example.com/revoke"}, ["/revocation_endpoint not-https"]),
        ({"authorization_endpoint": "javascript:alert(1)"}, ["/authorization_endpoint not-https"]),
        ({"token_endpoint": None}, ["/token_endpoint not-https"]),
        ({"issuer": None}, ["/issuer wrong-type"]),
        ({"code_challenge_methods_supported": ["plain"]}, ["/code_challenge_methods_supported no-s256"]),
        ({"dpop_signing_alg_values_supported": "ES256"}, ["/dpop_signing_alg_values_supported wrong-type"]),
        ({"require_pushed_authorization_requests": "yes"}, ["/require_pushed_authorization_requests wrong-type"]),
    ],
)
def test_metadata_that_no_secret_may_follow_is_refused(
    hosts: Hosts, discover: Discover, changes: dict[str, Any], rules: list[str]
) -> None:
    hosts.server(AS, **changes)
    assert rules_of(lambda: discover(AS)) == rules


@pytest.mark.parametrize(
    "member",
    [
        "pushed_authorization_request_endpoint",
        "revocation_endpoint",
        "userinfo_endpoint",
        "code_challenge_methods_supported",
        "dpop_signing_alg_values_supported",
        "scopes_supported",
        "require_pushed_authorization_requests",
    ],
)
def test_null_in_metadata_is_as_good_as_absent(hosts: Hosts, discover: Discover, member: str) -> None:
    hosts.server(AS, **{member: None})
    assert member not in discover(AS)


def test_ten_megabytes_are_not_read(hosts: Hosts, discover: Discover) -> None:
    hosts.server(AS, padding="x" * 10_000_000)
    with pytest.raises(ResponseTooLargeError) as caught:
        discover(AS)
    assert caught.value.slug == "too-large"


def test_repeated_members_are_refused(hosts: Hosts, discover: Discover) -> None:
    body = b'{"issuer": "https://as.example.com", "issuer": "https://other.example.com"}'
    url = f"{AS}/.well-known/oauth-authorization-server"
    hosts.serve(url, body, headers={"Content-Type": "application/json"})
    assert slug_of(lambda: discover(AS)) == "not-json"


def test_an_address_inside_is_never_asked(ca_bundle: Path) -> None:
    fetch = FetchSettings(ca_bundle=str(ca_bundle), resolve=lambda *_: ["10.0.0.1"])
    client = PublishedClient(client_id="https://app.example/c.json", fetch=fetch)
    with pytest.raises(AddressBlockedError):
        client.discover("https://rebind.example.com/x")


@pytest.mark.parametrize(
    ("entered", "slug"),
    [
        ("", "not-an-address"),
        ("hello", "not-an-address"),
        ("a b", "not-an-address"),
        ("https://[", "not-an-address"),
        ("https://10.0.0.1/", "not-an-address"),
        ("http://as.example.com", "not-an-address"),
        ("https://localhost:5000/", "not-an-address"),
        ("javascript:alert(1)", "not-an-address"),
        ("https://x" + "x" * 2048, "not-an-address"),
        (f"{AS}/" + "x" * (2049 - len(f"{AS}/")), "not-an-address"),
        (f"{AS}/a\x7fb", "not-an-address"),
        (f"{AS}/a b", "not-an-address"),
        ("https://u:p@as.example.com", "userinfo"),
        ("me@as.example.com", "userinfo"),
        ("did:key:z6Mk", "unsupported-did"),
        ("did:web:localhost%3A5000", "unsupported-did"),
        ("did:web:as.example.com:path", "unsupported-did"),
    ],
)
def test_what_is_no_address_costs_no_request(hosts: Hosts, discover: Discover, entered: str, slug: str) -> None:
    assert (slug_of(lambda: discover(entered)), hosts.asked) == (slug, [])


def test_nothing_at_all_is_told(hosts: Hosts, discover: Discover) -> None:
    hosts.page(SITE, "<p>Hello</p>")
    assert slug_of(lambda: discover(SITE)) == "no-server"


# -- a protected resource ------------------------------------------------------------------------------------------


@proves("M-02", "M-03")
def test_a_resource_names_its_server(hosts: Hosts, discover: Discover) -> None:
    hosts.server(f"{AS}/t1")
    place = "https://api.example.com/.well-known/oauth-protected-resource/mcp"
    hosts.json(place, resource=RESOURCE, authorization_servers=[f"{AS}/t1"], scopes_supported=["a", "b"])
    found = discover(RESOURCE)
    assert (found.found_by, found.issuer, found.resource, found.scope) == ("resource", f"{AS}/t1", RESOURCE, "a b")


@proves("M-06")
def test_a_challenge_leads_there_too(hosts: Hosts, discover: Discover) -> None:
    hosts.server(AS)
    place = "https://api.example.com/meta"
    hosts.json(place, resource=RESOURCE, authorization_servers=[AS])
    challenge = f'Bearer error="invalid_token", resource_metadata="{place}", scope="a b"'
    hosts.page(RESOURCE, status=401, WWW_Authenticate=challenge)
    found = discover(RESOURCE)
    assert (found.found_by, found.issuer, found.resource, found.scope) == ("resource", AS, RESOURCE, "a b")
    hosts.asked.clear()
    assert discover(RESOURCE, challenge=challenge) == found
    assert hosts.asked == [place, f"{AS}/.well-known/oauth-authorization-server"]


def test_a_challenge_is_followed_before_anything_else(hosts: Hosts, discover: Discover) -> None:
    origin = "https://api.example.com"
    hosts.server(AS)
    hosts.server("https://other.example.com")
    hosts.json(f"{origin}/meta", resource=origin, authorization_servers=[AS])
    hosts.json(f"{origin}/.well-known/oauth-protected-resource", resource=origin,
               authorization_servers=["https://other.example.com"])  # fmt: skip
    assert discover(origin).issuer == "https://other.example.com"
    hosts.asked.clear()
    told = f'Bearer resource_metadata="{origin}/meta"'
    assert discover("api.example.com", challenge=told).issuer == AS
    assert hosts.asked == [f"{origin}/meta", f"{AS}/.well-known/oauth-authorization-server"]


def test_a_challenge_counts_with_status_401_alone(hosts: Hosts, discover: Discover) -> None:
    hosts.server(AS)
    hosts.json("https://api.example.com/meta", resource=RESOURCE, authorization_servers=[AS])
    challenge = 'Bearer resource_metadata="https://api.example.com/meta"'
    hosts.page(RESOURCE, status=401, WWW_Authenticate=challenge)
    assert discover(RESOURCE, kind="resource").issuer == AS
    hosts.page(RESOURCE, status=404, WWW_Authenticate=challenge)
    assert slug_of(lambda: discover(RESOURCE)) == "no-server"


def test_a_forced_kind_asks_for_nothing_else(hosts: Hosts, discover: Discover) -> None:
    assert slug_of(lambda: discover(RESOURCE, kind="issuer")) == "no-server"
    assert all("protected-resource" not in url for url in hosts.asked)
    assert RESOURCE not in hosts.asked
    hosts.asked.clear()
    assert slug_of(lambda: discover(RESOURCE, kind="resource")) == "no-server"
    assert all("authorization-server" not in url and "openid" not in url for url in hosts.asked)
    hosts.asked.clear()
    assert slug_of(lambda: discover(RESOURCE, kind="page")) == "no-server"
    assert hosts.asked == [RESOURCE]


def test_a_url_with_a_query_is_no_issuer(hosts: Hosts, discover: Discover) -> None:
    hosts.server(AS)
    assert slug_of(lambda: discover(f"{AS}/?a=b", kind="issuer")) == "no-server"
    assert hosts.asked == []


def test_the_root_of_the_origin_is_the_last_place(hosts: Hosts, discover: Discover) -> None:
    hosts.server(AS)
    origin = "https://api.example.com"
    hosts.json(f"{origin}/.well-known/oauth-protected-resource", resource=origin, authorization_servers=[AS])
    assert discover(RESOURCE).resource == origin
    assert slug_of(lambda: discover(RESOURCE, kind="page")) == "no-server"


@proves("M-04")
@pytest.mark.parametrize(
    ("members", "slug"),
    [
        ({"resource": RESOURCE + "/"}, "resource-mismatch"),
        ({"resource": None}, "resource-mismatch"),
        ({"authorization_servers": []}, "resource-without-server"),
        ({"authorization_servers": None}, "resource-without-server"),
        ({"authorization_servers": ["http://as.example.com"]}, "resource-without-server"),
        ({"authorization_servers": [AS + "/"]}, "issuer-mismatch"),
        ({"authorization_servers": ["https://other.example.com"]}, "no-server-metadata"),
    ],
)
def test_a_resource_that_contradicts_itself_is_refused(
    hosts: Hosts, discover: Discover, members: dict[str, Any], slug: str
) -> None:
    hosts.server(AS)
    place = "https://api.example.com/.well-known/oauth-protected-resource/mcp"
    hosts.json(place, **{"resource": RESOURCE, "authorization_servers": [AS], **members})
    assert slug_of(lambda: discover(RESOURCE)) == slug


def test_a_challenge_about_another_resource_is_refused(hosts: Hosts, discover: Discover) -> None:
    hosts.json("https://api.example.com/meta", resource="https://bank.example/", authorization_servers=[AS])
    told = 'Bearer resource_metadata="https://api.example.com/meta"'
    assert slug_of(lambda: discover(RESOURCE, challenge=told)) == "resource-mismatch"
    gone = 'Bearer resource_metadata="https://api.example.com/gone"'
    assert slug_of(lambda: discover(RESOURCE, challenge=gone)) == "no-resource-metadata"


# -- a profile page ------------------------------------------------------------------------------------------------

METADATA = f"{AS}/meta"
LINK = f'<link rel="indieauth-metadata" href="{METADATA}">'


@proves("IA-14", "IA-16")
def test_a_page_names_its_server_after_five_redirects(hosts: Hosts, discover: Discover) -> None:
    hosts.server(AS, at=METADATA)
    hosts.redirect(SITE, "https://www.example.com/0", 301)
    for number in range(4):
        hosts.redirect(f"https://www.example.com/{number}", str(number + 1))
    hosts.page("https://www.example.com/4", LINK)
    found = discover(SITE)
    assert (found.found_by, found.issuer, len(found.profile_urls)) == ("page", AS, 6)
    assert (found.profile_urls[0], found.profile_urls[-1]) == (SITE, "https://www.example.com/4")
    hosts.redirect("https://www.example.com/4", "/5")
    assert slug_of(lambda: discover(SITE)) == "too-many-redirects"


@pytest.mark.parametrize("location", ["", "http://site.example.com/x", "javascript:alert(1)"])
def test_a_redirect_stays_on_https(hosts: Hosts, discover: Discover, location: str) -> None:
    hosts.redirect(SITE, location)
    assert slug_of(lambda: discover(SITE)) == "bad-redirect"


def test_every_hop_is_guarded(hosts: Hosts, discover: Discover) -> None:
    hosts.redirect(SITE, "https://169.254.169.254/")
    assert slug_of(lambda: discover(SITE)) == "not-https"


@proves("IA-15")
def test_a_header_wins_over_an_element(hosts: Hosts, discover: Discover) -> None:
    hosts.server(AS, at=METADATA)
    hosts.page(SITE, '<link rel="indieauth-metadata" href="https://other.example.com/">',
               Link=f'<{METADATA}>; rel="me indieauth-metadata"')  # fmt: skip
    assert discover(SITE).issuer == AS
    hosts.serve(
        SITE, b"text", headers={"Content-Type": "text/plain", "Link": f'<{METADATA}>; rel="indieauth-metadata"'}
    )
    assert discover(SITE).issuer == AS


@proves("IA-17")
def test_a_page_of_earlier_years_names_endpoints(hosts: Hosts, discover: Discover) -> None:
    endpoints = '<link rel="authorization_endpoint" href="/auth"><link rel="token_endpoint" href="/token">'
    hosts.page(SITE, endpoints)
    found = discover(SITE)
    assert (found.found_by, found.issuer) == ("legacy-page", None)
    assert found["authorization_endpoint"] == f"{SITE}auth"
    assert found["token_endpoint"] == f"{SITE}token"
    hosts.page(SITE, endpoints.replace("/token", "https://10.0.0.1/token"))
    assert slug_of(lambda: discover(SITE)) == "invalid-server-metadata"


@proves("IA-19", "IA-20")
def test_metadata_of_a_page_is_of_its_issuer_and_never_replaced(hosts: Hosts, discover: Discover) -> None:
    hosts.page(SITE, LINK + f'<link rel="authorization_endpoint" href="{AS}/auth">')
    assert slug_of(lambda: discover(SITE)) == "no-server-metadata"
    for issuer in ("https://other.example.com", f"{AS}/deeper", "https://as.example.co"):
        hosts.server(issuer, at=METADATA)
        assert slug_of(lambda: discover(SITE)) == "issuer-mismatch"


def test_a_page_with_a_thousand_links_is_refused(hosts: Hosts, discover: Discover) -> None:
    links = [f'<link rel="indieauth-metadata" href="/{number}">' for number in range(1000)]
    hosts.page(SITE, "".join(links))
    assert slug_of(lambda: discover(SITE)) == "too-many-links"
    assert not any(url.startswith(f"{SITE}0") for url in hosts.asked)


# -- accounts of the AT Protocol -----------------------------------------------------------------------------------


SERVICE = {"id": "#atproto_pds", "type": "AtprotoPersonalDataServer", "serviceEndpoint": PDS}


def account(hosts: Hosts, **changes: Any) -> None:
    """Serve the whole chain of one account; a changed part is given by its name."""
    hosts.serve(f"https://{HANDLE}/.well-known/atproto-did", changes.get("did", DID).encode(),
                headers={"Content-Type": "text/plain"})  # fmt: skip
    document = {"id": DID, "alsoKnownAs": [f"at://{HANDLE}"], "service": [SERVICE]}
    hosts.json(f"{PLC}/{DID}", **{**document, **changes.get("document", {})})
    resource = {"resource": PDS, "authorization_servers": [AS], **changes.get("resource", {})}
    hosts.json(f"{PDS}/.well-known/oauth-protected-resource", **resource)
    hosts.server(changes.get("issuer", AS), at=f"{AS}/.well-known/oauth-authorization-server")


@pytest.mark.parametrize("entered", [HANDLE, f"@{HANDLE}", f"at://{HANDLE}", "ALICE.example.com"])
def test_a_handle_leads_to_the_server_of_its_account(hosts: Hosts, discover: Discover, entered: str) -> None:
    account(hosts)
    found = discover(entered)
    assert (found.found_by, found.issuer, found.did, found.handle) == ("handle", AS, DID, HANDLE)
    assert found.account == PDS


def test_a_did_leads_there_and_its_handle_counts_if_it_leads_back(hosts: Hosts, discover: Discover) -> None:
    account(hosts)
    assert (discover(DID).found_by, discover(DID).handle) == ("did", HANDLE)
    account(hosts, did="did:plc:" + "b" * 24)
    assert (discover(DID).did, discover(DID).handle) == (DID, None)


def test_a_did_of_the_web_is_a_whole_host(hosts: Hosts, discover: Discover) -> None:
    account(hosts)
    did = "did:web:site.example.com"
    service = {"id": f"{did}#atproto_pds", "type": "AtprotoPersonalDataServer", "serviceEndpoint": PDS}
    hosts.json(f"{SITE}.well-known/did.json", id=did, service=[service])
    assert (discover(did).issuer, discover(did).handle) == (AS, None)


def test_dns_names_the_did_as_well_as_the_host(hosts: Hosts, discover: Discover) -> None:
    account(hosts)
    hosts.forget(f"https://{HANDLE}/.well-known/atproto-did")
    assert discover(HANDLE, resolve_handle=lambda handle: [f"did={DID}"] if handle == HANDLE else []).did == DID


@pytest.mark.parametrize("resolved", [["did:plc:" + "b" * 24], [DID, "did:plc:" + "b" * 24]])
def test_a_handle_that_leads_to_two_identities_is_refused(
    hosts: Hosts, discover: Discover, resolved: list[str]
) -> None:
    account(hosts)
    assert slug_of(lambda: discover(HANDLE, resolve_handle=lambda _: resolved)) == "handle-ambiguous"


@pytest.mark.parametrize(
    ("changes", "slug"),
    [
        ({"document": {"alsoKnownAs": ["at://other.example.com"]}}, "handle-mismatch"),
        ({"document": {"alsoKnownAs": None}}, "handle-mismatch"),
        ({"document": {"id": "did:plc:" + "b" * 24}}, "did-mismatch"),
        ({"document": {"service": []}}, "did-without-server"),
        ({"document": {"service": None}}, "did-without-server"),
        ({"document": {"service": 7}}, "did-without-server"),
        ({"document": {"service": [7, "x", None]}}, "did-without-server"),
        ({"document": {"service": [{**SERVICE, "id": "#other"}]}}, "did-without-server"),
        ({"document": {"service": [{**SERVICE, "type": "Other"}]}}, "did-without-server"),
        ({"document": {"service": [{**SERVICE, "serviceEndpoint": "http://pds.example.com"}]}}, "did-without-server"),
        ({"document": {"service": [{}] * 20 + [SERVICE]}}, "did-without-server"),
        ({"document": {"alsoKnownAs": 7}}, "handle-mismatch"),
        ({"document": {"alsoKnownAs": ["at://not a handle", f"at://{HANDLE}"]}}, "handle-mismatch"),
        ({"document": {"alsoKnownAs": ["https://x.example"] * 20 + [f"at://{HANDLE}"]}}, "handle-mismatch"),
        ({"resource": {"authorization_servers": 7}}, "resource-without-server"),
        ({"resource": {"authorization_servers": []}}, "resource-without-server"),
        ({"resource": {"authorization_servers": ["http://as.example.com"]}}, "resource-without-server"),
        ({"did": "did:key:z"}, "unsupported-did"),
        ({"did": "did:plc:" + "b" * 24}, "did-not-found"),
        ({"resource": {"resource": PDS + "/"}}, "resource-mismatch"),
        ({"resource": {"authorization_servers": [AS, "https://other.example.com"]}}, "resource-without-server"),
        ({"issuer": "https://other.example.com"}, "issuer-mismatch"),
    ],
)
def test_a_chain_that_breaks_is_refused(hosts: Hosts, discover: Discover, changes: dict[str, Any], slug: str) -> None:
    account(hosts, **changes)
    assert slug_of(lambda: discover(HANDLE)) == slug


def test_an_account_whose_server_names_no_issuer_is_refused(hosts: Hosts, discover: Discover) -> None:
    account(hosts)
    hosts.forget(f"{PDS}/.well-known/oauth-protected-resource")
    assert slug_of(lambda: discover(HANDLE)) == "no-resource-metadata"


def test_other_aliases_and_services_do_not_matter(hosts: Hosts, discover: Discover) -> None:
    document = {"alsoKnownAs": [7, "https://alice.example.com", f"at://{HANDLE}"], "service": [7, SERVICE]}
    account(hosts, document=document)
    assert discover(HANDLE).account == PDS


def test_a_handle_that_cannot_be_checked_stops_no_sign_in_by_did(hosts: Hosts, discover: Discover) -> None:
    account(hosts)
    hosts.serve(f"https://{HANDLE}/.well-known/atproto-did", b"", status=500)
    assert (discover(DID).did, discover(DID).handle) == (DID, None)


def test_a_handle_in_dns_needs_no_web_server(hosts: Hosts, discover: Discover) -> None:
    account(hosts)
    hosts.serve(f"https://{HANDLE}/.well-known/atproto-did", b"", status=500)
    assert discover(HANDLE, resolve_handle=lambda _: [DID]).did == DID
    with pytest.raises(FetchError) as caught:
        discover(HANDLE)
    assert caught.value.slug == "status"


@pytest.mark.parametrize("text", ["", "hello", "<html>"])
def test_a_host_without_a_did_is_no_handle(hosts: Hosts, discover: Discover, text: str) -> None:
    account(hosts, did=text)
    assert slug_of(lambda: discover(HANDLE, kind="account")) == "handle-not-found"


def test_a_handle_of_dns_may_be_no_did(hosts: Hosts, discover: Discover) -> None:
    account(hosts)
    hosts.forget(f"https://{HANDLE}/.well-known/atproto-did")
    assert slug_of(lambda: discover(HANDLE, resolve_handle=lambda _: ["hello"])) == "unsupported-did"


@pytest.mark.parametrize("ending", ["localhost", "local", "internal", "test"])
def test_a_handle_of_this_network_is_never_asked(hosts: Hosts, discover: Discover, ending: str) -> None:
    assert slug_of(lambda: discover(f"@alice.{ending}")) == "handle-not-found"
    assert hosts.asked == []


def test_a_host_that_is_no_handle_is_a_site(hosts: Hosts, discover: Discover) -> None:
    hosts.server(AS, at=METADATA)
    hosts.page(SITE, LINK)
    assert discover("site.example.com").found_by == "page"
    assert slug_of(lambda: discover("@site.example.com")) == "handle-not-found"
    assert slug_of(lambda: discover("site.example.com", kind="account")) == "handle-not-found"


def test_a_kind_can_be_forced(hosts: Hosts, discover: Discover) -> None:
    hosts.server(AS, at=METADATA)
    hosts.server("https://site.example.com")
    hosts.page(SITE, LINK)
    assert discover(SITE).issuer == "https://site.example.com"
    assert discover(SITE, kind="page").issuer == AS
    assert slug_of(lambda: discover(SITE, kind="resource")) == "no-server"

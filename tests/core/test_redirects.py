"""Where a client may be sent: string comparison, and one exception for the port of a loopback URI."""

import json
from dataclasses import replace

import pytest

from flask_cimd.core.document import parse_document
from flask_cimd.core.identifier import IdentifierRules, parse_identifier
from flask_cimd.core.metadata import ClientMetadata
from flask_cimd.core.redirects import is_same_origin, match_redirect, redirect_host, redirect_kind, refuse_registration
from flask_cimd.core.rules import DocumentRules
from flask_cimd.errors import RedirectMismatchError
from tests.support.proves import proves

RULES = IdentifierRules(allow_http_clients=True, allow_loopback_clients=True)


def document(
    *uris: str, url: str = "https://app.example/c", indieauth: bool = True, **members: object
) -> ClientMetadata:
    body = json.dumps({"client_id": url, **({"redirect_uris": uris} if uris else {}), **members}).encode()
    return parse_document(body, parse_identifier(url, RULES), DocumentRules(indieauth=indieauth))


def client(url: str, source: str, *uris: str) -> ClientMetadata:
    identifier = parse_identifier(url, RULES)
    return ClientMetadata(
        identifier=identifier,
        source=source,  # type: ignore[arg-type]  # one of the sources
        redirect_uris=uris,
        publishes_redirects=bool(uris),
    )


def refused(requested: str, metadata: ClientMetadata) -> str:
    with pytest.raises(RedirectMismatchError) as caught:
        match_redirect(requested, metadata)
    assert requested == "" or requested not in str(caught.value)
    return caught.value.slug


@proves("C-66", "L-18")
@pytest.mark.parametrize(
    "requested",
    [
        "https://app.example/cb/",
        "https://app.example/cb?x=1",
        "https://app.example/cb?",
        "https://app.example:443/cb",
        "https://APP.example/cb",
        "https://app.example/CB",
        "https://app.example/c%62",
        "https://app.example//cb",
        "https://app.example/./cb",
        "https://app.example/x/../cb",
        "https://app.example/cb/..%2fevil",
        "https://app.example./cb",
        "https://app.example:8443/cb",
        "https://sub.app.example/cb",
        "https://app.example.evil.example/cb",
        "https://app.example",
        "https://app.example/",
        "https://app.example/cb;x",
        "https://app.example/cb%20",
        "https://other.example/cb",
        "com.example.app:/cb",
        "http://localhost/cb",
    ],
)
def test_a_redirect_uri_matches_as_a_string(requested: str) -> None:
    assert refused(requested, document("https://app.example/cb")) == "redirect-not-listed"


@proves("C-66", "C-70", "L-21", "L-23")
@pytest.mark.parametrize(
    "requested",
    [
        "",
        "HTTPS://app.example/cb",
        "http://app.example/cb",
        "https://app.example/cb#",
        "https://app.example/cb#f",
        "https://app.example/cb ",
        " https://app.example/cb",
        "https://app.example/cb\n",
        "https://app.example/cb\x00",
        "https://user@app.example/cb",
        "https://app.example@evil.example/cb",
        "https://app.example\\@evil.example/cb",
        "https://app.example\\.evil.example/cb",
        "https://app.example/é",
        "/cb",
        "//app.example/cb",
        "https:app.example/cb",
        "javascript:alert(1)//https://app.example/cb",
        "data:text/html,x",
        "https://app.example/cb%",
        "https://app.example:0/cb",
        "https://app.example:99999/cb",
        "https://[::1/cb",
        "https://app.example/cb https://evil.example/cb",
        "https://app.example/" + "a" * 2048,
    ],
)
def test_a_malformed_redirect_uri_is_refused_whatever_is_listed(requested: str) -> None:
    assert refused(requested, document("https://app.example/cb")) == "redirect-malformed"
    assert refused(requested, client("https://app.example/", "page")) == "redirect-malformed"


@proves("C-67", "C-68", "L-02", "L-38")
@pytest.mark.parametrize(
    ("listed", "requested"),
    [
        ("http://127.0.0.1/cb", "http://127.0.0.1:51763/cb"),
        ("http://127.0.0.1/cb", "http://127.0.0.1:80/cb"),
        ("http://127.0.0.1:33418/", "http://127.0.0.1:1/"),
        ("http://127.0.0.1:33418/", "http://127.0.0.1/"),
        ("http://[::1]/cb", "http://[::1]:9/cb"),
        ("http://127.0.0.1/cb?x=1", "http://127.0.0.1:9/cb?x=1"),
        ("http://127.0.0.1", "http://127.0.0.1:9"),
        ("http://localhost/callback", "http://localhost:50123/callback"),
        ("http://localhost:8765/callback", "http://localhost:1/callback"),
    ],
)
def test_the_port_of_a_loopback_uri_is_free(listed: str, requested: str) -> None:
    # Whether a port is listed or not, with no application_type
    assert match_redirect(requested, document(listed)) == requested
    assert match_redirect(listed, document(listed)) == listed


@proves("C-67", "L-36")
@pytest.mark.parametrize(
    ("listed", "requested"),
    [
        ("http://127.0.0.1/cb", "http://127.0.0.1:51763/other"),
        ("http://127.0.0.1/cb", "http://127.0.0.1:1/cb/"),
        ("http://127.0.0.1/cb", "http://127.0.0.1:1/cb?x"),
        ("http://127.0.0.1/cb", "http://127.0.0.1:1/CB"),
        ("http://127.0.0.1/cb", "http://127.0.0.1:1/%63b"),
        ("http://127.0.0.1/cb", "http://[::1]:51763/cb"),
        ("http://127.0.0.1/cb", "http://localhost:51763/cb"),
        ("http://localhost/callback", "http://127.0.0.1/callback"),
        ("http://localhost/callback", "http://[::1]/callback"),
        ("http://127.0.0.1/cb", "https://127.0.0.1:1/cb"),
        ("https://127.0.0.1/cb", "http://127.0.0.1:1/cb"),
        ("https://127.0.0.1/cb", "https://127.0.0.1:1/cb"),
        ("https://localhost/cb", "https://localhost:1/cb"),
        ("http://127.0.0.1", "http://127.0.0.1:1/"),
    ],
)
def test_nothing_but_the_port_of_a_loopback_uri_is_free(listed: str, requested: str) -> None:
    assert refused(requested, document(listed, "https://app.example/cb")) == "redirect-not-listed"


@proves("C-67", "L-22", "L-37")
@pytest.mark.parametrize(
    "requested",
    [
        "http://127.0.0.1.evil.example:1/cb",
        "http://u@127.0.0.1:1/cb",
        "http://127.0.0.1:1@evil.example/cb",
        "http://127.0.0.1:1/cb#f",
        "http://127.0.0.1:1#/cb",
        "http://127.0.0.2:1/cb",
        "http://127.1:1/cb",
        "http://2130706433:1/cb",
        "http://0x7f.0.0.1:1/cb",
        "http://0177.0.0.1:1/cb",
        "http://127.0.0.1.:1/cb",
        "http://[127.0.0.1]:1/cb",
        "http://[::ffff:127.0.0.1]:1/cb",
        "http://[::1%25lo]:1/cb",
        "http://[0:0:0:0:0:0:0:1]:1/cb",
        "http://127.0.0.1:0/cb",
        "http://127.0.0.1:65536/cb",
        "http://127.0.0.1:*/cb",
        "http://127.0.0.1:/cb",
        "http://127.0.0.1:8a/cb",
        "http://127.0.0.1:1:1/cb",
        "http://0.0.0.0:1/cb",
        "http://LOCALHOST:1/cb",
        "http://localhost.:1/cb",
        "http://a.localhost:1/cb",
        "http://localhost.evil.example:1/cb",
        "http://evil.example/127.0.0.1:1/cb",
    ],
)
def test_look_alikes_of_this_computer_are_refused(requested: str) -> None:
    listed = ("http://127.0.0.1/cb", "http://localhost/cb", "http://[::1]/cb")
    assert refused(requested, document(*listed)).startswith("redirect-")
    assert refused(requested, client("http://127.0.0.1:8080/", "loopback")).startswith("redirect-")
    assert refused(requested, client("http://localhost:8080/", "loopback")).startswith("redirect-")


@proves("C-68")
def test_the_name_localhost_can_be_held_to_its_listed_port() -> None:
    strict = replace(document("http://localhost/callback", "http://127.0.0.1/callback"), localhost_any_port=False)
    assert refused("http://localhost:4000/callback", strict) == "redirect-not-listed"
    for requested in ("http://localhost/callback", "http://127.0.0.1:4000/callback"):
        assert match_redirect(requested, strict) == requested


@proves("IA-46", "IA-49", "IA-60", "IA-61")
@pytest.mark.parametrize(
    ("requested", "ok"),
    [
        ("https://app.example/anything?x=1", True),
        ("https://app.example:443/cb", True),
        ("https://APP.example/cb", True),
        ("https://app.example", True),
        ("https://app.example:8443/cb", False),
        ("https://sub.app.example/cb", False),
        ("https://app.example./cb", False),
        ("https://evil.example/https://app.example/", False),
        ("com.example.app:/cb", False),
        ("http://127.0.0.1/cb", False),
    ],
)
def test_clients_without_a_list_stay_within_their_own_origin(requested: str, ok: bool) -> None:
    for metadata in (client("https://app.example/c", "page"), document()):
        if ok:
            assert match_redirect(requested, metadata) == requested
        else:
            assert refused(requested, metadata) == "redirect-not-listed"


@proves("IA-61")
def test_a_list_in_a_document_ends_the_same_origin_shortcut_and_in_a_page_it_adds_to_it() -> None:
    assert refused("https://app.example/other", document("https://app.example/cb")) == "redirect-not-listed"
    page = client("https://app.example/", "page", "https://other.example/cb")
    for requested in ("https://app.example/other", "https://other.example/cb"):
        assert match_redirect(requested, page) == requested
    assert refused("https://other.example/cb2", page) == "redirect-not-listed"


@proves("C-48", "C-71")
def test_a_document_without_a_list_has_nothing_to_match_in_pure_cimd() -> None:
    assert refused("https://app.example/cb", document(indieauth=False)) == "redirect-not-listed"


@proves("IA-50")
@pytest.mark.parametrize(
    ("url", "requested", "ok"),
    [
        ("http://127.0.0.1:8080/", "http://127.0.0.1:9/any?x", True),
        ("http://localhost/", "http://localhost:3000/", True),
        ("http://LOCALHOST/", "http://localhost:3000/", True),
        ("http://[::1]:8080/", "http://[::1]:9/cb", True),
        ("http://127.0.0.1:8080/", "http://localhost:8080/", False),
        ("http://localhost:8080/", "http://[::1]:8080/", False),
        ("http://127.0.0.1:8080/", "https://127.0.0.1:8080/", False),
        ("http://127.0.0.1:8080/", "https://app.example/", False),
        ("http://127.0.0.1:8080/", "com.example.app:/cb", False),
    ],
)
def test_a_loopback_client_stays_on_its_own_literal_host(url: str, requested: str, ok: bool) -> None:
    metadata = client(url, "loopback")
    if ok:
        assert match_redirect(requested, metadata) == requested
    else:
        assert refused(requested, metadata) == "redirect-not-listed"


@proves("C-73")
@pytest.mark.parametrize(
    ("url", "uri", "same"),
    [
        ("https://app.example/c", "https://app.example:443/x", True),
        ("https://App.example:8443/c", "https://app.example:8443/x", True),
        ("https://app.example/c", "https://app.example.evil.example/x", False),
        ("https://app.example/c", "https://evil.example/app.example", False),
        ("https://app.example/c", "https://app.example@evil.example/", False),
        ("https://app.example/c", "com.example.app:/x", False),
        ("http://app.example/", "http://app.example:80/x", True),
        ("http://app.example/", "https://app.example/x", False),
    ],
)
def test_an_origin_is_scheme_host_and_effective_port(url: str, uri: str, same: bool) -> None:
    assert is_same_origin(uri, parse_identifier(url, RULES)) is same


@proves("C-115")
@pytest.mark.parametrize(
    ("uri", "kind", "host"),
    [
        ("https://app.example/cb", "web", "app.example"),
        ("https://APP.example:443/cb", "web", "app.example"),
        ("https://app.example:8443/cb", "web", "app.example:8443"),
        ("http://app.example:80/", "web", "app.example"),
        ("http://127.0.0.1:9/cb", "loopback", "127.0.0.1:9"),
        ("http://[::1]:9/cb", "loopback", "[::1]:9"),
        ("http://localhost/cb", "loopback", "localhost"),
        ("https://localhost/cb", "web", "localhost"),
        ("com.example.app:/cb", "private-scheme", "com.example.app:"),
        ("com.example.app://accounts.example/", "private-scheme", "com.example.app:"),
    ],
)
def test_a_redirect_uri_is_shown_as_what_it_leads_to(uri: str, kind: str, host: str) -> None:
    assert (redirect_kind(uri), redirect_host(uri)) == (kind, host)


@proves("C-115")
@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("https://192.168.1.10/cb", None),
        ("https://[2606:4700::1111]/cb", None),
        ("https://[0]/cb", "bad-authority"),
        ("https://[127.0.0.1]/cb", "bad-authority"),
        ("http://[::1::]/cb", "bad-authority"),
        ("https://192.168.1.256/cb", "bad-authority"),
        ("https://3232235786/cb", "bad-authority"),
        ("https://0x7f000001/cb", "bad-authority"),
        ("https://127.1/cb", "bad-authority"),
        ("https://127.1./cb", "bad-authority"),
        ("https://127.0.0.1./cb", "bad-authority"),
        ("https://0X7F000001/cb", "bad-authority"),
        ("https://0x7f000001./cb", "bad-authority"),
        ("https://0177.0.0.1/cb", "bad-authority"),
        ("https://1.2.3.4.5/cb", "bad-authority"),
        ("https://app.example.1/cb", "bad-authority"),
        ("https://1.example/cb", None),
    ],
)
def test_an_address_is_written_as_it_will_be_visited(uri: str, reason: str | None) -> None:
    # A browser visits 0x7f000001 as 127.0.0.1
    assert refuse_registration(uri, allow_dotless_schemes=False) == reason


REFUSED_SCHEMES = [
    "javascript",
    "data",
    "vbscript",
    "file",
    "blob",
    "about",
    "ftp",
    "ws",
    "wss",
    "view-source",
    "jar",
    "filesystem",
    "chrome",
    "resource",
    "mailto",
    "tel",
    "sms",
    "intent",
    "content",
    "urn",
    "shell",
    "search-ms",
    "ms-msdt",
    "ms-settings",
    "ms-word",
    "ms-appinstaller",
    "chrome-extension",
    "devtools",
]


@proves("C-70")
@pytest.mark.parametrize("scheme", REFUSED_SCHEMES)
def test_schemes_that_run_code_or_programs_never_match_whatever_follows_them(scheme: str) -> None:
    for uri in (f"{scheme}:x", f"{scheme}://x/cb", f"{scheme.upper()}://x/cb", f"{scheme}:///x", f"{scheme}:x#y <z>"):
        assert refuse_registration(uri, allow_dotless_schemes=True) == "bad-scheme"
        # Not even a client that an older version or the app's own table lists it for.
        assert refused(uri, client("https://app.example/", "page", uri)) == "redirect-malformed"


def test_the_setting_that_accepts_an_app_scheme_is_named_to_the_operator() -> None:
    with pytest.raises(RedirectMismatchError) as caught:
        match_redirect("myapp:/cb", document("https://app.example/cb", "myapp:/cb"))
    assert "allow_dotless_schemes in CIMD_PROFILE" in caught.value.hint
    assert "CIMD_PROFILE" not in caught.value.public_message


def test_http_clients_may_list_http_uris_and_nobody_else() -> None:
    assert refuse_registration("http://app.example/cb", allow_dotless_schemes=False) == "insecure"
    assert refuse_registration("http://app.example/cb", allow_dotless_schemes=False, client_scheme="http") is None

"""The authorization endpoint: what stays on our own page, what goes to the client, and how (RFC 6749 §4.1)."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
import requests

from tests.support.browser import REDIRECT, SignIn, publish_client, redirect_parameters, soup
from tests.support.proves import proves
from tests.support.provider_app import ProviderSite

ELSEWHERE = "https://attacker.example/steal"


def opened(site: ProviderSite, sign_in: SignIn, **kwargs: Any) -> requests.Response:
    return site.owner().authorize(sign_in, **kwargs)


# -- shown, never redirected ------------------------------------------------------------------------------------


@proves("C-24", "C-72", "C-122", "O-01")
@pytest.mark.parametrize(
    "query",
    [
        {},
        {"redirect_uri": ELSEWHERE},
        {"client_id": "", "redirect_uri": ELSEWHERE},
        {"client_id": "some-registered-id", "redirect_uri": ELSEWHERE},
        {"client_id": "http://attacker.example/", "redirect_uri": ELSEWHERE},
        {"client_id": "https://user@attacker.example/c", "redirect_uri": ELSEWHERE},
        {"client_id": "https://127.0.0.1.nip.example/../c", "redirect_uri": ELSEWHERE},
        {"client_id": ["https://a.example/c", "https://b.example/c"], "redirect_uri": ELSEWHERE},
        {"client_id": "https://a.example/c", "redirect_uri": [ELSEWHERE, "https://a.example/cb"]},
        {"client_id": "https://a.example/c", "redirect_uri": ""},
    ],
)
@pytest.mark.parametrize("logged_in", [True, False])
def test_who_asks_is_unclear_so_the_error_stays_here(
    site: ProviderSite, query: dict[str, Any], logged_in: bool
) -> None:
    # Neither the owner nor a stranger's browser leaves this origin.
    browser = site.owner() if logged_in else site.browser()
    answer = browser.get("/authorize", params={"response_type": "code", **query})
    assert answer.status_code == 400
    assert "Location" not in answer.headers
    assert "attacker" not in answer.text


@proves("O-02")
def test_a_state_beyond_4096_characters_is_refused_to_the_client_and_not_sent_back(
    origin: Any, site: ProviderSite
) -> None:
    client_id, owner = publish_client(origin), site.owner()
    answer = redirect_parameters(owner.authorize(SignIn.begin(client_id, state="x" * 4097)))
    assert (answer["error"], answer.get("state")) == ("invalid_request", None)
    assert owner.authorize(SignIn.begin(client_id, state="x" * 4096)).status_code == 200


@proves("O-06")
@pytest.mark.parametrize("listed", [[REDIRECT], [REDIRECT, "https://localhost/cb"]])
@pytest.mark.parametrize("sent", [None, ""])
def test_a_redirect_uri_is_needed_even_where_one_alone_is_listed(
    origin: Any, site: ProviderSite, listed: list[str], sent: str | None
) -> None:
    client_id = publish_client(origin, redirect_uris=listed)
    answer = opened(site, SignIn.begin(client_id, redirect_uri=sent))
    assert answer.status_code == 400
    assert "missing-redirect-uri" in answer.text
    assert origin.requests == []


SCRIPTS_AND_FILES = (
    "javascript:alert(1)", "JavaScript:alert(1)", "java\tscript:alert(1)", " javascript:alert(1)",
    "javascript://localhost/%0aalert(1)", "data:text/html,<script>alert(1)</script>", "vbscript:msgbox(1)",
    "file:///etc/passwd", "blob:https://localhost/x", "filesystem:https://localhost/x", "about:blank",
    "view-source:https://localhost/", "intent://x#Intent;end", "ws://localhost/", "ftp://localhost/cb",
)  # fmt: skip


@proves("O-11")
@pytest.mark.parametrize("beside", [[], [REDIRECT]])
def test_nobody_is_sent_to_a_scheme_that_runs_or_reads_something(
    origin: Any, site: ProviderSite, beside: list[str]
) -> None:
    # Also where the document lists it
    owner = site.owner()
    for number, uri in enumerate(SCRIPTS_AND_FILES):
        client_id = publish_client(origin, f"/{number}.json", redirect_uris=[uri, *beside])
        answer = owner.authorize(SignIn.begin(client_id, uri))
        assert answer.status_code == 400, uri
        assert "Location" not in answer.headers
        assert uri not in answer.text


@proves("C-66", "O-01")
def test_an_unlisted_redirect_uri_is_shown_with_the_host_of_the_app(origin: Any, site: ProviderSite) -> None:
    answer = opened(site, SignIn.begin(publish_client(origin), ELSEWHERE))
    assert answer.status_code == 400
    assert "Location" not in answer.headers
    assert "attacker" not in answer.text
    assert "localhost" in answer.text


@proves("C-66", "C-67", "L-36", "L-37", "O-08", "O-09", "A-25")
@pytest.mark.parametrize(
    "requested",
    [
        "https://localhost/cb/", "https://localhost/cb?x=1", "https://localhost/cb#f", "https://localhost/CB",
        "https://localhost/a/../cb", "https://localhost/%63b", "https://localhost:443/cb", "https://localhost:8443/cb",
        "https://localhost.evil/cb", "https://evil@localhost/cb", "https://localhost\\@evil/cb", "http://localhost/cb",
        "//localhost/cb", "https://LOCALHOST/cb", "https://localhost./cb", " https://localhost/cb",
        "https://localhost/cb\x00", "https://localhost/cb\t", "https://localhost/cb\n", "javascript:alert(1)",
        "http://127.0.0.1:99999/callback", "http://127.0.0.1:/callback", "http://user@127.0.0.1:1/callback",
        "http://127.1/callback", "http://[::1]:7777/callback", "https://127.0.0.1:1/callback",
        "http://127.0.0.1:1/other", "http://127.0.0.1:1/callback?a=b", "http://127.0.0.1.evil/callback",
    ],
)  # fmt: skip
def test_redirect_uris_match_as_strings(origin: Any, site: ProviderSite, requested: str) -> None:
    client_id = publish_client(origin, redirect_uris=["https://localhost/cb", REDIRECT])
    answer = opened(site, SignIn.begin(client_id, requested))
    assert answer.status_code == 400
    assert "Location" not in answer.headers


@proves("C-67", "C-69", "L-02", "O-09")
@pytest.mark.parametrize("requested", ["http://127.0.0.1/callback", "http://127.0.0.1:51763/callback"])
def test_only_the_port_of_a_loopback_redirect_is_free(origin: Any, site: ProviderSite, requested: str) -> None:
    owner = site.owner()
    sign_in, code = owner.code(publish_client(origin), requested)
    answer = owner.redeem(sign_in, code, redirect_uri=REDIRECT)
    assert answer.json()["error"] == "invalid_grant"  # the string of the authorization request, port included
    sign_in, code = owner.code(sign_in.client_id, requested)
    assert owner.redeem(sign_in, code).status_code == 200


@proves("C-68", "O-09")
def test_localhost_is_never_swapped_for_its_address(origin: Any, site: ProviderSite) -> None:
    client_id = publish_client(origin, redirect_uris=["http://localhost/callback"])
    assert opened(site, SignIn.begin(client_id, "http://localhost:4000/callback")).status_code == 200
    assert opened(site, SignIn.begin(client_id, "http://127.0.0.1:4000/callback")).status_code == 400


@proves("C-123", "L-01")
def test_a_refused_address_and_a_refused_connection_look_the_same(make_site: Any) -> None:
    site = make_site(CIMD_DEVELOPMENT_HOSTS="closed.example.com=127.0.0.1:1")
    pages = []
    for host in ("closed.example.com", "[::1]:1", "localhost:1"):
        answer = opened(site, SignIn.begin(f"https://{host}/c"))
        assert answer.status_code == 400
        page = answer.text.replace(host, "HOST")
        pages.append(re.sub(r"Request: <code>[0-9a-f]{16}</code>", "", page))
    assert len(set(pages)) == 1
    assert "127.0.0.1" not in pages[0]
    assert "refused" not in pages[0].lower()


# -- sent to the client -----------------------------------------------------------------------------------------


@proves("C-87", "C-120", "M-40", "O-02", "O-04", "O-22", "O-30", "O-31", "O-32", "O-40")
@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": None}, "invalid_request"),
        ({"response_type": ""}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "code token"}, "unsupported_response_type"),
        ({"response_type": "code id_token"}, "unsupported_response_type"),
        ({"response_type": "none"}, "unsupported_response_type"),
        ({"response_type": 'c"o\\de'}, "unsupported_response_type"),
        ({"response_type": ["code", "code"]}, "invalid_request"),
        ({"scope": ["profile", "email"]}, "invalid_request"),
        ({"code_challenge": ["a", "b"]}, "invalid_request"),
        ({"request": "eyJ"}, "request_not_supported"),
        ({"request_uri": "https://attacker.example/r"}, "request_not_supported"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": "s256"}, "invalid_request"),
        ({"code_challenge": "a" * 42}, "invalid_request"),
        ({"code_challenge": "a" * 44}, "invalid_request"),
        ({"code_challenge": "a" * 42 + "="}, "invalid_request"),
        ({"code_challenge": "é" * 43}, "invalid_request"),
    ],
)
def test_errors_of_the_request_go_to_the_client_with_state_and_issuer(
    origin: Any, site: ProviderSite, changes: dict[str, Any], error: str
) -> None:
    sign_in = SignIn.begin(publish_client(origin), state="of the app", **changes)
    answer = opened(site, sign_in)
    assert answer.status_code == 303
    assert answer.headers["Location"].startswith(REDIRECT + "?")
    told = redirect_parameters(answer)
    assert told["error"] == error
    assert told["state"] == "of the app"
    assert told["iss"] == site.base_url
    assert "code" not in told


@proves("O-02")
def test_a_document_without_the_code_grant_is_told_so(origin: Any, site: ProviderSite) -> None:
    client_id = publish_client(origin, grant_types=["refresh_token"])
    answer = opened(site, SignIn.begin(client_id))
    assert redirect_parameters(answer)["error"] == "unauthorized_client"


@proves("O-12")
def test_a_strangers_browser_is_never_sent_to_a_client(origin: Any, site: ProviderSite) -> None:
    # Whoever can publish a document could make an open redirector of this site.
    before = len(origin.requests)
    sign_in = SignIn.begin(publish_client(origin), response_type="token")
    answer = site.browser().authorize(sign_in)
    assert answer.status_code == 303
    assert urlsplit(answer.headers["Location"]).netloc in ("", urlsplit(site.base_url).netloc)
    assert urlsplit(answer.headers["Location"]).path == "/login"
    assert len(origin.requests) == before


@proves("M-45", "O-03")
@pytest.mark.parametrize("state", ["a b&c=d%20+ü", "x" * 2000, "%00%0d%0a", "+", '"\\'])
def test_state_comes_back_byte_for_byte(origin: Any, site: ProviderSite, state: str) -> None:
    owner, client_id = site.owner(), publish_client(origin)
    sign_in = SignIn.begin(client_id, state=state)
    assert owner.approve(owner.authorize(sign_in))["state"] == state
    assert owner.deny(owner.authorize(sign_in))["state"] == state
    assert redirect_parameters(owner.authorize(SignIn.begin(client_id, state=state, scope=None, response_type="x")))[
        "state"
    ] == state  # fmt: skip


@proves("O-03", "O-04")
@pytest.mark.parametrize("state", [None, ""])
def test_without_state_none_comes_back(origin: Any, site: ProviderSite, state: str | None) -> None:
    owner, sign_in = site.owner(), SignIn.begin(publish_client(origin), state=state)
    assert "state" not in owner.approve(owner.authorize(sign_in))
    assert "state" not in owner.deny(owner.authorize(sign_in))


@proves("O-04")
def test_unknown_parameters_are_ignored(origin: Any, site: ProviderSite) -> None:
    sign_in = SignIn.begin(publish_client(origin), foo="bar", scope="profile")
    assert opened(site, sign_in).status_code == 200


@proves("O-07", "A-19")
def test_the_query_of_a_redirect_uri_is_kept_as_it_is(origin: Any, site: ProviderSite) -> None:
    # Nothing is decoded and encoded again.
    uri = "https://localhost/cb?a=%20b+c&d=%C3%A9&e"
    owner, client_id = site.owner(), publish_client(origin, redirect_uris=[uri])
    answer = owner.press(owner.authorize(SignIn.begin(client_id, uri)), "Approve")
    assert answer.headers["Location"].startswith(uri + "&code=")


@proves("O-05")
def test_post_starts_the_same_request(origin: Any, site: ProviderSite) -> None:
    # The session cookie does not come along with a POST from another site, so it becomes a GET.
    owner, sign_in = site.owner(), SignIn.begin(publish_client(origin), state="é&=")
    answer = owner.post("/authorize", sign_in.parameters)
    assert answer.status_code == 303
    page = owner.get(answer.headers["Location"])
    assert owner.approve(page)["state"] == "é&="


@pytest.mark.parametrize(("length", "told"), [(2048, None), (2049, "invalid_request")])
def test_a_login_hint_is_no_longer_than_a_name(origin: Any, site: ProviderSite, length: int, told: str | None) -> None:
    # it is kept while a person decides
    sign_in = SignIn.begin(publish_client(origin))
    sign_in.parameters["login_hint"] = "x" * length
    answer = site.owner().authorize(sign_in)
    assert (redirect_parameters(answer).get("error") if "Location" in answer.headers else None) == told


@proves("O-20", "O-40")
def test_denial_is_told(origin: Any, site: ProviderSite) -> None:
    owner, sign_in = site.owner(), SignIn.begin(publish_client(origin))
    told = owner.deny(owner.authorize(sign_in))
    assert told["error"] == "access_denied"
    assert told["state"] == sign_in.parameters["state"]
    assert told["iss"] == site.base_url


@proves("O-13", "O-122", "A-20")
def test_answers_leave_by_303_and_name_no_referrer(origin: Any, site: ProviderSite) -> None:
    owner = site.owner()
    for button in ("Approve", "Deny"):
        answer = owner.press(owner.authorize(SignIn.begin(publish_client(origin))), button)
        assert answer.status_code == 303
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Referrer-Policy"] == "no-referrer"


# -- scopes -----------------------------------------------------------------------------------------------------


@proves("O-21", "A-21")
def test_unknown_scopes_are_ignored_and_the_order_does_not_matter(origin: Any, site: ProviderSite) -> None:
    owner, client_id = site.owner(), publish_client(origin)
    tokens = owner.tokens(client_id, scope='email  nonsense "x" profile email')
    assert tokens["scope"].split() == ["email", "profile"]


@proves("O-21")
def test_the_owner_may_grant_less_than_was_asked_for(origin: Any, site: ProviderSite) -> None:
    # "if different … the authorization server MUST include the scope" (RFC 6749 §3.3).
    owner, sign_in = site.owner(), SignIn.begin(publish_client(origin), scope="profile email")
    answer = owner.approve(owner.authorize(sign_in), scope=["profile"])
    assert owner.redeem(sign_in, answer["code"]).json()["scope"] == "profile"


@proves("O-18")
def test_the_owner_cannot_grant_more_than_was_shown(origin: Any, site: ProviderSite) -> None:
    owner, sign_in = site.owner(), SignIn.begin(publish_client(origin), scope="profile")
    answer = owner.approve(owner.authorize(sign_in), scope=["profile", "email"])
    assert owner.redeem(sign_in, answer["code"]).json()["scope"] == "profile"


def test_a_documents_scope_is_the_most_it_gets(origin: Any, site: ProviderSite) -> None:
    owner, client_id = site.owner(), publish_client(origin, scope="profile")
    assert owner.tokens(client_id, scope="profile email")["scope"] == "profile"


@proves("O-21")
def test_a_request_without_scope_is_for_the_identity_alone(origin: Any, site: ProviderSite) -> None:
    owner, sign_in = site.owner(), SignIn.begin(publish_client(origin), scope=None)
    page = owner.authorize(sign_in)
    assert not soup(page).select("input[name=scope]")
    code = owner.approve(page)["code"]
    refused = owner.redeem(sign_in, code)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    sign_in = SignIn.begin(sign_in.client_id, scope=None)
    code = owner.approve(owner.authorize(sign_in))["code"]
    assert owner.redeem(sign_in, code, "/authorize").json() == {"me": site.base_url + "/"}


# -- nothing makes it fall over ---------------------------------------------------------------------------------

HOSTILE = ['"', "\\", "é", "\r\nSet-Cookie: a=b", "\x00", "\ud800", "<script>", "%", "' OR 1=1 --", "𝒳" * 300]


@proves("O-23", "A-01")
@pytest.mark.parametrize(
    ("name", "status", "told"),
    [
        ("client_id", 400, "bad-scheme"),
        ("redirect_uri", 400, "redirect-not-listed"),
        ("response_type", 303, "unsupported_response_type"),
        ("scope", 303, "invalid_scope"),
        ("state", 200, None),
        ("code_challenge", 303, "invalid_request"),
        ("code_challenge_method", 303, "invalid_request"),
        ("resource", 303, "invalid_target"),
        ("me", 200, None),
        ("prompt", 200, None),
        ("nonce", 200, None),
    ],
)
def test_hostile_text_in_any_parameter_ends_in_an_answer_of_ours(
    origin: Any, site: ProviderSite, name: str, status: int, told: str | None
) -> None:
    # Anything unhandled would be raised here; nothing unchecked comes back raw.
    owner, sign_in = site.owner(), SignIn.begin(publish_client(origin))
    for text in HOSTILE:
        query = urlencode({**sign_in.parameters, name: text}, errors="surrogatepass")
        answer = owner.get(f"/authorize?{query}")
        assert answer.status_code == status, text
        assert "Set-Cookie: a" not in str(answer.headers)
        assert "<script>" not in answer.text
        if status == 400:
            assert f"<code>{told}</code>" in answer.text
        elif status == 303:
            parameters = redirect_parameters(answer)
            assert parameters["error"] == told
            assert all(" " <= c <= "~" and c not in '"\\' for c in parameters["error_description"])


@proves("O-05")
@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_other_methods_are_not_allowed(site: ProviderSite, method: str) -> None:
    assert site.browser().request(method, "/authorize").status_code == 405


def test_a_raw_query_that_is_no_utf_8_is_answered(site: ProviderSite) -> None:
    answer = site.owner().get("/authorize?client_id=%ff%fe&redirect_uri=%80")
    assert answer.status_code == 400


# -- resource indicators ----------------------------------------------------------------------------------------


@proves("O-70")
@pytest.mark.parametrize(
    "resource", ["relative", "/api", "https://a.example/#f", "https://a.example/#", "https://[", "é", "https:"]
)
def test_a_malformed_resource_is_an_invalid_target(origin: Any, site: ProviderSite, resource: str) -> None:
    answer = opened(site, SignIn.begin(publish_client(origin), resource=resource))
    assert redirect_parameters(answer)["error"] == "invalid_target"


@proves("O-70")
def test_one_bad_resource_among_good_ones_is_an_invalid_target(origin: Any, site: ProviderSite) -> None:
    sign_in = SignIn.begin(publish_client(origin))
    query = urlencode([*sign_in.parameters.items(), ("resource", site.base_url + "/"), ("resource", "x#y")])
    assert redirect_parameters(site.owner().get(f"/authorize?{query}"))["error"] == "invalid_target"

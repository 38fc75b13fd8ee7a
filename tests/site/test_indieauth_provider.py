"""The provider as IndieAuth clients of 2022 and later meet it, row by row of the reference."""

from __future__ import annotations

from typing import Any

import pytest
from joserfc.jwk import ECKey

from flask_cimd import ConfigurationError
from flask_cimd.core.links import link_targets
from flask_cimd_site.config import Configuration
from tests.support.browser import REDIRECT, SignIn, Site, publish_client, refusal_on, soup
from tests.support.origin import TLSOrigin
from tests.support.proves import proves

METADATA = "/.well-known/oauth-authorization-server"
HTML = {"Content-Type": "text/html; charset=utf-8"}


def publish_page(origin: TLSOrigin, path: str = "/app/") -> str:
    page = f'<link rel="redirect_uri" href="{REDIRECT}"><div class="h-app"><b class="p-name">Old app</b></div>'
    return origin.serve(path, page.encode(), headers=HTML)


def profile_code(site: Site, client_id: str, **parameters: Any) -> tuple[SignIn, str]:
    return site.owner().code(client_id, REDIRECT, **{"scope": None, **parameters})


# -- discovery --------------------------------------------------------------------------------------------------------


@proves("IA-18")
def test_the_home_page_names_metadata_and_older_endpoints_in_headers_and_elements_alike(site: Site) -> None:
    answer = site.browser().get("/")
    head = site.browser().request("HEAD", "/")
    for relation, path in (
        ("indieauth-metadata", METADATA),
        ("authorization_endpoint", "/authorize"),
        ("token_endpoint", "/token"),
    ):
        url = site.base_url + path
        assert [str(tag["href"]) for tag in soup(answer).select(f'link[rel~="{relation}"]')] == [url]
        for response in (answer, head):
            assert list(link_targets(response.raw.headers.getlist("Link"), relation)) == [url]


@proves("IA-01", "IA-19", "IA-22 … IA-36")
def test_the_metadata_says_everything_that_indieauth_names(site: Site) -> None:
    answer = site.browser().get(METADATA)
    found = answer.json()
    assert answer.headers["Content-Type"] == "application/json"
    assert found["issuer"] == site.base_url
    assert (site.base_url + METADATA).startswith(found["issuer"])
    for name, path in (
        ("authorization_endpoint", "/authorize"),
        ("token_endpoint", "/token"),
        ("introspection_endpoint", "/introspect"),
        ("revocation_endpoint", "/revoke"),
        ("userinfo_endpoint", "/userinfo"),
    ):
        assert found[name] == site.base_url + path
    assert "none" in found["revocation_endpoint_auth_methods_supported"]
    assert "none" in found["token_endpoint_auth_methods_supported"]
    assert {"profile", "email"} <= set(found["scopes_supported"])
    assert found["response_types_supported"] == ["code"]
    assert {"authorization_code", "refresh_token"} <= set(found["grant_types_supported"])
    assert found["code_challenge_methods_supported"] == ["S256"]
    assert found["authorization_response_iss_parameter_supported"] is True
    assert found["client_id_metadata_document_supported"] is True


@proves("IA-18")
def test_the_older_links_have_a_switch(make_site: Any) -> None:
    answer = make_site(CIMD_INDIEAUTH="0").browser().get("/")
    assert [
        str(tag["rel"][0]) for tag in soup(answer).select("head link[rel*=endpoint], head link[rel*=indieauth]")
    ] == ["indieauth-metadata"]


@proves("IA-03", "IA-04", "IA-88")
@pytest.mark.parametrize(
    ("me", "stored"),
    [
        ("https://example.com/", "https://example.com/"),
        ("https://Example.COM/User", "https://example.com/User"),
        ("https://example.com/users?id=100", "https://example.com/users?id=100"),
        ("http://example.com/", "http://example.com/"),
        ("example.com", None),
        ("mailto:user@example.com", None),
        ("https://example.com", None),
        ("https://example.com/foo/../bar", None),
        ("https://example.com/%2e%2E/x", None),
        ("https://example.com/#me", None),
        ("https://example.com/#", None),
        ("https://user:pass@example.com/", None),
        ("https://example.com:8443/", None),
        ("https://example.com:443/", None),
        ("https://example.com./", None),
        ("https://localhost/", None),
        ("https://172.28.92.51/", None),
        ("https://[::1]/", None),
        ("https://[::1/", None),
        ("https://b\u00fccher.example/", None),
    ],
)
def test_only_a_profile_url_can_be_the_owner_s_address(me: str, stored: str | None) -> None:
    environment = {
        "DEMO_BASE_URL": "https://as.example",
        "DEMO_OWNER_PASSWORD": "a password of ours",
        "DEMO_SECRET_KEY": "a key of our own, long enough",
        "DEMO_ME": me,
    }
    if stored is not None:
        assert Configuration.from_environment(environment).me == stored
        return
    with pytest.raises(ConfigurationError, match="DEMO_ME"):
        Configuration.from_environment(environment)


# -- the request ------------------------------------------------------------------------------------------------------


@proves("IA-65")
def test_the_pair_of_the_standard_is_accepted(origin: Any, site: Site) -> None:
    challenge = "OfYAxt8zU2dAPDWQxTAUIteRzMsoj9QBdMIVEDOErUo"
    verifier = "a6128783714cfda1d388e2e98b6ae8221ac31aca31959e59512c59f5"
    sign_in, code = profile_code(site, publish_page(origin), code_challenge=challenge)
    answer = site.browser().redeem(sign_in, code, "/authorize", code_verifier=verifier)
    assert answer.json() == {"me": site.base_url + "/"}


@proves("IA-69", "IA-75", "IA-117")
@pytest.mark.parametrize("state", ["&=+%20\u00e9", "a" * 4096, None])
def test_the_state_comes_back_as_it_went(origin: Any, site: Site, state: str | None) -> None:
    owner = site.owner()
    answer = owner.approve(owner.authorize(SignIn.begin(publish_page(origin), state=state)))
    assert answer.get("state") == state
    assert answer["iss"] == site.base_url


@proves("IA-68")
@pytest.mark.parametrize("hint", ["https://someone.else/", "someone@else.example", "else.example", "\u0000", "[", ""])
def test_the_me_of_a_request_is_a_hint_and_never_believed(origin: Any, site: Site, hint: str) -> None:
    sign_in, code = profile_code(site, publish_page(origin), me=hint)
    assert site.browser().redeem(sign_in, code, "/authorize", me=hint).json() == {"me": site.base_url + "/"}


@proves("IA-73", "IA-91")
def test_unknown_scopes_and_a_lonely_email_are_dropped(origin: Any, site: Site) -> None:
    page = site.owner().authorize(SignIn.begin(publish_page(origin), scope="foo email create bar"))
    assert [box["value"] for box in soup(page).select("input[name=scope]")] == ["create"]


@proves("IA-67")
@pytest.mark.parametrize("scope", ["foo", "email", "foo email bar"])
def test_scopes_of_which_none_can_be_granted_end_the_request(origin: Any, site: Site, scope: str) -> None:
    assert refusal_on(site.owner().authorize(SignIn.begin(publish_page(origin), scope=scope))) == "invalid_scope"


@proves("IA-57", "IA-58", "IA-59", "IA-62", "IA-78")
def test_a_redirect_elsewhere_is_shown_here_and_never_followed(origin: Any, site: Site) -> None:
    owner, client_id = site.owner(), publish_page(origin)
    for uri in (
        "https://other.example/cb",
        "myapp://cb",
        REDIRECT + "#x",
        "javascript:alert(1)",
        "/cb",
        REDIRECT + "/",
    ):
        assert refusal_on(owner.authorize(SignIn.begin(client_id, uri))) == "redirect-not-listed"
    assert owner.authorize(SignIn.begin(client_id, origin.url("/any?x=1"))).status_code == 200


@proves("IA-63")
def test_the_query_of_a_redirect_uri_is_kept(origin: Any, site: Site) -> None:
    uri = origin.url("/cb?x=1&y=%20")
    owner = site.owner()
    answer = owner.press(owner.authorize(SignIn.begin(publish_page(origin), uri)), "Approve")
    assert answer.headers["Location"].startswith(uri + "&code=")


# -- redeeming --------------------------------------------------------------------------------------------------------


@proves("IA-79", "IA-85")
def test_a_code_without_scope_tells_the_address_and_nothing_else(origin: Any, any_site: Site) -> None:
    sign_in, code = profile_code(any_site, publish_page(origin))
    answer = any_site.browser().redeem(sign_in, code, "/authorize")
    assert answer.status_code == 200
    assert answer.json() == {"me": any_site.base_url + "/"}
    assert answer.headers["Cache-Control"] == "no-store"
    again = any_site.browser().redeem(sign_in, code, "/authorize")
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")


@proves("IA-67", "IA-72", "IA-87")
def test_a_code_without_scope_never_leads_to_a_token(origin: Any, site: Site) -> None:
    sign_in, code = profile_code(site, publish_page(origin))
    answer = site.browser().redeem(sign_in, code, "/token")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


@proves("IA-70", "IA-84", "IA-86", "IA-91", "IA-92")
def test_what_was_unticked_is_not_told(origin: Any, make_site: Any) -> None:
    site = make_site(DEMO_OWNER_EMAIL="me@example.com")
    owner, client_id = site.owner(), publish_page(origin)

    def redeemed(path: str, ticked: list[str]) -> dict[str, Any]:
        sign_in = SignIn.begin(client_id, scope="profile email create")
        code = owner.approve(owner.authorize(sign_in), scope=ticked)["code"]
        found: dict[str, Any] = owner.redeem(sign_in, code, path).json()
        return found

    everything = redeemed("/authorize", ["profile", "email", "create"])
    assert everything["profile"]["email"] == "me@example.com"
    assert "access_token" not in everything
    assert "scope" not in everything
    assert "email" not in redeemed("/authorize", ["profile"])["profile"]
    tokens = redeemed("/token", ["profile", "create"])
    assert (tokens["scope"], tokens["token_type"], tokens["me"]) == ("profile create", "Bearer", site.base_url + "/")
    assert tokens["expires_in"] == 30 * 86400
    # The address is told beside the profile alone, so nothing that was asked for is left.
    page = owner.authorize(SignIn.begin(client_id, scope="profile email create"))
    assert owner.approve(page, scope=["email"])["error"] == "access_denied"


@proves("IA-76")
def test_a_code_lives_for_a_minute_and_ends_its_tokens_when_it_comes_back(origin: Any, site: Site) -> None:
    sign_in, code = profile_code(site, publish_page(origin))
    site.clock.forward(seconds=61)
    assert site.browser().redeem(sign_in, code, "/authorize").json()["error"] == "invalid_grant"
    sign_in, code = site.owner().code(sign_in.client_id)
    token = site.browser().redeem(sign_in, code).json()["access_token"]
    bearer = {"Authorization": f"Bearer {token}"}
    assert site.browser().get("/userinfo", headers=bearer).status_code == 200
    assert site.browser().redeem(sign_in, code, "/authorize").json()["error"] == "invalid_grant"
    assert site.browser().get("/userinfo", headers=bearer).status_code == 401


@proves("IA-90")
def test_a_client_with_keys_proves_itself_at_the_authorization_endpoint_too(origin: Any, site: Site) -> None:
    key = ECKey.generate_key("P-256", parameters={"use": "sig", "kid": "1"}, private=False).as_dict(private=False)
    client_id = publish_client(origin, token_endpoint_auth_method="private_key_jwt", jwks={"keys": [key]})
    sign_in, code = profile_code(site, client_id)
    answer = site.browser().redeem(sign_in, code, "/authorize")
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


@proves("IA-79")
def test_a_code_with_scope_may_be_redeemed_for_the_profile_and_is_spent_by_it(origin: Any, site: Site) -> None:
    sign_in, code = site.owner().code(publish_page(origin), scope="profile create")
    assert set(site.browser().redeem(sign_in, code, "/authorize").json()) == {"me", "profile"}
    assert site.browser().redeem(sign_in, code, "/token").json()["error"] == "invalid_grant"


@proves("IA-80", "IA-81", "IA-89")
@pytest.mark.parametrize("path", ["/authorize", "/token"])
@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"client_id": "https://app.example.com/"}, "invalid_grant"),
        ({"redirect_uri": REDIRECT + "/"}, "invalid_grant"),
        ({"code_verifier": "x" * 43}, "invalid_grant"),
        ({"code": "x"}, "invalid_grant"),
        ({"client_id": ""}, "invalid_request"),
        ({"code_verifier": ""}, "invalid_request"),
        ({"code": ""}, "invalid_request"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
    ],
)
def test_each_member_of_a_redemption_counts(
    origin: Any, site: Site, path: str, changes: dict[str, str], error: str
) -> None:
    sign_in, code = site.owner().code(publish_page(origin))
    answer = site.browser().redeem(sign_in, code, path, **changes)
    assert (answer.status_code, answer.json()["error"]) == (400, error)


@proves("IA-80")
def test_json_is_not_a_form_to_the_token_endpoint(origin: Any, site: Site) -> None:
    sign_in, code = site.owner().code(publish_page(origin))
    body = {"grant_type": "authorization_code", "code": code, "client_id": sign_in.client_id}
    answer = site.browser().request("POST", "/token", json={**body, "code_verifier": sign_in.verifier})
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert "application/x-www-form-urlencoded" in answer.json()["error_description"]
    assert site.browser().redeem(sign_in, code, "/token").status_code == 200


@proves("IA-80")
def test_json_is_not_a_form_to_the_authorization_endpoint(origin: Any, site: Site) -> None:
    sign_in, code = site.owner().code(publish_page(origin))
    body = {"grant_type": "authorization_code", "code": code, "client_id": sign_in.client_id}
    answer = site.browser().request("POST", "/authorize", json={**body, "code_verifier": sign_in.verifier})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/authorize")  # no parameter of it was read
    assert refusal_on(site.browser().get(answer.headers["Location"])) == "missing-client-id"
    assert site.browser().redeem(sign_in, code, "/authorize").status_code == 200


@proves("IA-82")
@pytest.mark.parametrize("form", [{}, {"grant_type": ""}], ids=["missing", "empty"])
def test_a_missing_grant_type_is_taken_as_authorization_code_where_codes_are_redeemed_for_identities(
    origin: Any, make_site: Any, form: dict[str, str]
) -> None:
    site, without = make_site(), make_site(CIMD_INDIEAUTH="0")
    for here, status, client_id in ((site, 200, publish_page(origin)), (without, 400, publish_client(origin))):
        sign_in, code = profile_code(here, client_id)
        members = {
            "code": code,
            "client_id": sign_in.client_id,
            "redirect_uri": REDIRECT,
            "code_verifier": sign_in.verifier,
        }
        assert here.browser().post("/authorize", members | form).status_code == status
    sign_in, code = site.owner().code(publish_page(origin))
    assert site.browser().redeem(sign_in, code, "/token", grant_type="").json()["error"] == "invalid_request"


@proves("IA-83")
def test_a_scope_in_the_token_request_gives_nothing_more(origin: Any, site: Site) -> None:
    sign_in, code = site.owner().code(publish_page(origin), scope="profile")
    answer = site.browser().redeem(sign_in, code, "/token", scope="profile create", me="https://someone.else/")
    assert (answer.json()["scope"], answer.json()["me"]) == ("profile", site.base_url + "/")


@proves("IA-12")
def test_a_client_without_a_path_may_write_the_slash_later(origin: Any, site: Site) -> None:
    origin.serve("/", f'<link rel="redirect_uri" href="{REDIRECT}">'.encode(), headers=HTML)
    sign_in, code = site.owner().code(origin.url(""))
    answer = site.browser().redeem(sign_in, code, "/token", client_id=origin.url("/"))
    assert answer.status_code == 200, answer.text
    document = publish_client(origin)
    sign_in, code = site.owner().code(document)
    refused = site.browser().redeem(sign_in, code, "/token", client_id=document.replace("localhost", "LOCALHOST"))
    assert refused.json()["error"] == "invalid_grant"


# -- tokens -----------------------------------------------------------------------------------------------------------


@proves("IA-108")
def test_a_page_client_ends_its_token_by_the_token_alone(origin: Any, site: Site) -> None:
    owner, client_id = site.owner(), publish_page(origin)
    for kind in ("access_token", "refresh_token"):
        tokens = owner.tokens(client_id)
        stranger = site.browser().post("/revoke", {"token": tokens[kind], "client_id": "https://app.example/"})
        assert stranger.json()["error"] == "invalid_client"
        answer = site.browser().post("/revoke", {"token": tokens[kind]})
        assert (answer.status_code, answer.json()) == (200, {})
        bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
        assert site.browser().get("/userinfo", headers=bearer).status_code == 401
    assert site.browser().post("/revoke", {"token": "unknown"}).status_code == 200


def test_a_document_client_names_itself_to_end_a_token(origin: Any, site: Site) -> None:
    tokens = site.owner().tokens(publish_client(origin))
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    answer = site.browser().post("/revoke", {"token": tokens["access_token"]})
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert site.browser().get("/userinfo", headers=bearer).status_code == 200


@proves("IA-111", "IA-112")
def test_userinfo_tells_the_profile_to_a_token_that_may_see_it(origin: Any, site: Site) -> None:
    owner, client_id = site.owner(), publish_page(origin)
    token = owner.tokens(client_id, scope="profile")["access_token"]
    other = owner.tokens(client_id, scope="create")["access_token"]

    def userinfo(secret: str | None) -> Any:
        return site.browser().get("/userinfo", headers={"Authorization": f"Bearer {secret}"} if secret else {})

    assert userinfo(token).json()["url"] == site.base_url + "/"
    assert userinfo(other).status_code == 403
    assert 'error="insufficient_scope"' in userinfo(other).headers["WWW-Authenticate"]
    assert userinfo("unknown").status_code == 401
    assert userinfo(None).status_code == 401
    assert "error=" not in userinfo(None).headers["WWW-Authenticate"]


@proves("IA-99 … IA-102")
def test_a_page_client_may_refresh(origin: Any, site: Site) -> None:
    owner, client_id = site.owner(), publish_page(origin)
    tokens = owner.tokens(client_id, scope="profile create")
    narrow = owner.refresh(client_id, tokens["refresh_token"], scope="create").json()
    assert (narrow["scope"], narrow["me"]) == ("create", site.base_url + "/")
    assert owner.refresh(client_id, narrow["refresh_token"]).json()["scope"] == "profile create"
    assert owner.refresh(client_id, tokens["refresh_token"]).json()["error"] == "invalid_grant"
    idle = owner.tokens(client_id)["refresh_token"]
    site.clock.forward(days=91)
    assert owner.refresh(client_id, idle).json()["error"] == "invalid_grant"


# -- consent ----------------------------------------------------------------------------------------------------------


@proves("IA-70", "IA-114")
def test_a_sign_in_is_told_from_giving_access(origin: Any, site: Site) -> None:
    owner, client_id = site.owner(), publish_page(origin)
    sign_in = owner.authorize(SignIn.begin(client_id, scope=None))
    assert "app asks who you are" in sign_in.text
    assert "data-sign-in-only" in sign_in.text
    assert soup(sign_in).select("select[name=lifetime], input[name=scope]") == []
    access = owner.authorize(SignIn.begin(client_id, scope="profile create"))
    assert "app asks for access" in access.text
    assert [tag["value"] for tag in soup(access).select("input[name=scope][checked]")] == ["profile", "create"]
    assert [option["value"] for option in soup(access).select("select[name=lifetime] option")] == [
        "hour",
        "day",
        "month",
        "year",
    ]
    assert soup(access).select_one('a[href="/apps"]')
    for page in (sign_in, access):
        assert client_id in page.text
        assert "Old app" in page.text
        assert REDIRECT in page.text


@proves("O-121")
def test_a_client_at_the_owners_own_address_is_a_client_and_nobody_else(origin: Any, make_site: Any) -> None:
    # "a client whose client_id equals the user's profile URL"
    page = b'<div class="h-app"><a class="p-name u-url" href="/">Mine</a></div>'
    me = origin.serve("/", page, headers={"Content-Type": "text/html"})
    site = make_site(DEMO_ME=me)
    owner, redirect = site.owner(), origin.url("/cb")
    tokens = owner.tokens(me, redirect, scope="create")
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    found = site.browser().post("/introspect", {"token": tokens["access_token"]}, headers=bearer).json()
    assert (found["sub"], found["client_id"], found["scope"]) == (me, me, "create")
    # What it may do is its scope, and never what the owner may.
    assert site.browser().get("/userinfo", headers=bearer).status_code == 403
    assert site.browser().get("/apps", headers=bearer).headers["Location"].startswith("/login")
    # No token is ever about the client itself.
    own = site.browser().post("/token", {"grant_type": "client_credentials", "client_id": me, "scope": "create"})
    assert (own.status_code, own.json()["error"]) == (400, "unsupported_grant_type")
    other = owner.tokens(publish_client(origin), scope="create")["access_token"]
    asked = site.browser().post("/introspect", {"token": other}, headers={"Authorization": f"Bearer {other}"}).json()
    assert (asked["sub"], asked["client_id"]) == (me, origin.url("/client.json"))


@proves("IA-40", "IA-43", "IA-44", "IA-47", "IA-116")
def test_a_document_may_leave_out_its_name_and_hold_what_nobody_knows(origin: Any, site: Site) -> None:
    client_id = publish_client(origin, client_name="", client_uri="https://other.example/about", unknown={"a": [1]})
    page = site.owner().authorize(SignIn.begin(client_id))
    assert soup(page).select_one("h1.host").text == f"localhost:{origin.port}"
    assert "It calls itself" not in page.text
    assert "on other.example" in page.text


def test_an_app_that_refreshes_keeps_its_access_for_a_year_unless_the_owner_picks_less(origin: Any, site: Site) -> None:
    page = site.owner().authorize(SignIn.begin(publish_client(origin), scope="profile"))
    options = soup(page).select("select[name=lifetime] option")
    assert [option["value"] for option in options] == ["hour", "day", "month", "year"]
    assert [option["value"] for option in options if option.has_attr("selected")] == ["year"]


def test_the_owner_picks_how_long_access_lasts(origin: Any, site: Site) -> None:
    owner, sign_in = site.owner(), SignIn.begin(publish_page(origin), scope="profile")
    code = owner.approve(owner.authorize(sign_in), lifetime="hour")["code"]
    assert owner.redeem(sign_in, code).json()["expires_in"] == 3600

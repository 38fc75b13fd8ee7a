"""What the server says about itself, and that it is true (RFC 8414, RFC 9207, CIMD §7)."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata

from flask_cimd import ConfigurationError
from flask_cimd.oauth import IntrospectedTokens, server_metadata
from flask_cimd.oauth.server.metadata import check_issuer, well_known_path
from tests.support.browser import SignIn, publish_client
from tests.support.proves import proves
from tests.support.provider_app import ProviderSite

PATH = "/.well-known/oauth-authorization-server"


@pytest.fixture
def metadata(site: ProviderSite) -> dict[str, Any]:
    found: dict[str, Any] = site.browser().get(PATH).json()
    return found


@proves("O-44")
def test_the_document_is_json_for_scripts_of_any_origin(site: ProviderSite) -> None:
    answer = site.browser().get(PATH)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


@proves("C-118", "C-119", "C-120", "O-35", "O-41", "O-45")
def test_every_member_that_has_a_harmful_default_is_stated(metadata: dict[str, Any], site: ProviderSite) -> None:
    assert metadata["issuer"] == site.base_url
    assert metadata["client_id_metadata_document_supported"] is True
    assert metadata["authorization_response_iss_parameter_supported"] is True
    assert metadata["code_challenge_methods_supported"] == ["S256"]
    assert metadata["response_types_supported"] == ["code"]
    assert metadata["response_modes_supported"] == ["query", "fragment", "form_post"]
    assert metadata["grant_types_supported"] == ["authorization_code", "refresh_token"]
    assert "none" in metadata["token_endpoint_auth_methods_supported"]
    assert "none" in metadata["revocation_endpoint_auth_methods_supported"]
    assert not any("secret" in method for method in metadata["token_endpoint_auth_methods_supported"])
    assert all(value not in ([], {}, None, "") for value in metadata.values())


def test_authlib_finds_nothing_wrong_with_it(make_site: Any) -> None:
    # RFC 8414 §2; it insists on https.
    found = make_site(base_url="https://me.example").browser().get(PATH).json()
    AuthorizationServerMetadata(found).validate()


@proves("O-45")
def test_every_endpoint_that_is_named_answers(metadata: dict[str, Any], site: ProviderSite) -> None:
    # "metadata equals behaviour, endpoint by endpoint".
    endpoints = {name: url for name, url in metadata.items() if name.endswith("_endpoint")}
    assert {"authorization_endpoint", "token_endpoint", "revocation_endpoint"} <= endpoints.keys()
    for url in endpoints.values():
        assert url.startswith(site.base_url + "/")
        assert site.browser().request("OPTIONS", urlsplit(url).path).status_code == 200


@proves("C-120", "O-40")
def test_the_issuer_in_answers_is_the_issuer_of_the_document(origin: Any, make_site: Any) -> None:
    # Also behind a proxy that is lied to.
    site = make_site(base_url="https://me.example")
    owner, sign_in = site.owner(), SignIn.begin(publish_client(origin))
    forged = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "http"}
    found = owner.get(PATH, headers=forged).json()
    assert found["issuer"] == "https://me.example"
    assert found["token_endpoint"] == "https://me.example/token"
    assert owner.deny(owner.authorize(sign_in))["iss"] == "https://me.example"


@proves("M-27", "O-40", "O-41")
@pytest.mark.parametrize("mode", ["query", "fragment"])
def test_the_flag_for_iss_is_true_and_so_is_every_response(
    origin: Any, site: ProviderSite, metadata: dict[str, Any], mode: str
) -> None:
    assert metadata["authorization_response_iss_parameter_supported"] is True
    owner, client_id = site.owner(), publish_client(origin)

    def ask(**changes: str) -> Any:
        return owner.authorize(SignIn.begin(client_id, response_mode=mode, **changes))

    answers = {
        "code": owner.press(ask(), "Approve"),
        "access_denied": owner.press(ask(), "Deny"),
        "unsupported_response_type": ask(response_type="token"),
        "consent_required": ask(prompt="none"),
    }
    for expected, answer in answers.items():
        assert answer.status_code == 303, expected
        target = urlsplit(answer.headers["Location"])
        members = dict(parse_qsl(target.fragment if mode == "fragment" else target.query))
        assert members["iss"] == metadata["issuer"]
        assert members.get("error", "code") == expected


@proves("O-43")
@pytest.mark.parametrize(
    ("issuer", "path"),
    [
        ("https://h.example", "/.well-known/oauth-authorization-server"),
        ("https://h.example/p", "/.well-known/oauth-authorization-server/p"),
        ("https://h.example/p/", "/.well-known/oauth-authorization-server/p"),
    ],
)
def test_the_well_known_part_goes_before_the_issuers_path(issuer: str, path: str) -> None:
    assert well_known_path(issuer) == path


@proves("O-42")
@pytest.mark.parametrize(
    "issuer",
    ["", "h.example", "http://h.example", "https://h.example/", "https://h.example?a", "https://h.example#f",
     "https://h.example?", "https://u@h.example", "http://127.0.0.1:5000", "ftp://h.example", "https://",
     "https://h.example\n", " https://h.example", "https://h.example\0", "https://h.example/a b", "https://h.example\\x",
     "https://h.example:99999", "https://h.example:0", "https://h.example:", "https://h.example/a/../b",
     "https://h.example/%2E%2e", "https://h.example/ä", "https://[::1"],
)  # fmt: skip
def test_refuses_what_cannot_be_an_issuer(issuer: str) -> None:
    with pytest.raises(ConfigurationError):
        check_issuer(issuer)


@proves("O-42")
@pytest.mark.parametrize(
    ("issuer", "right"),
    [
        ("https://Me.Example", "https://me.example"),
        ("HTTPS://me.example/Path", "https://me.example/Path"),
        ("https://ME.EXAMPLE:8443/Tenant/A", "https://me.example:8443/Tenant/A"),
    ],
)
def test_an_issuer_in_upper_case_is_refused_with_the_right_spelling(issuer: str, right: str) -> None:
    with pytest.raises(ConfigurationError, match=f"the issuer must be written in lower case: {right}$"):
        check_issuer(issuer)
    with pytest.raises(ConfigurationError, match=f"the issuer must be written in lower case: {right}$"):
        IntrospectedTokens("https://me.example/introspect", server_id="1", secret="x", issuer=issuer)
    assert check_issuer(right) == right


def test_http_on_loopback_is_an_issuer_in_development_only() -> None:
    assert check_issuer("http://127.0.0.1:5000", allow_http_loopback=True) == "http://127.0.0.1:5000"
    with pytest.raises(ConfigurationError):
        check_issuer("http://192.168.0.1:5000", allow_http_loopback=True)


@proves("O-44")
def test_empty_members_are_left_out() -> None:
    # RFC 8414 §3.2, "Claims with zero elements MUST be omitted".
    found = server_metadata("https://h.example", scopes=[], auth_methods=["none"], endpoints={}, more=[], also=None)
    assert {"scopes_supported", "more", "also", "revocation_endpoint_auth_methods_supported"}.isdisjoint(found)

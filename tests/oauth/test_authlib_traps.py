"""The traps of plain Authlib, one test each: the plain server falls into it, ours does not.

A test fails too when a newer Authlib has closed its trap: then the note about it, and perhaps code of ours, can go.
"""

from __future__ import annotations

import base64
import json
import warnings
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from authlib.common.security import generate_token
from authlib.deprecate import AuthlibDeprecationWarning
from authlib.integrations.sqla_oauth2 import OAuth2ClientMixin
from authlib.oauth2.rfc7523 import JWTBearerClientAssertion
from authlib.oauth2.rfc7636 import CodeChallenge, create_s256_code_challenge
from joserfc import jwt
from joserfc.jwk import OctKey

from flask_cimd import DocumentError
from flask_cimd.core.document import parse_document
from flask_cimd.core.identifier import IdentifierRules, parse_identifier
from flask_cimd.core.rules import DocumentRules
from tests.support.browser import SignIn, publish_client, redirect_parameters
from tests.support.plain_authlib import CLIENT_ID, REDIRECT, PlainServer, url_client
from tests.support.proves import proves
from tests.support.provider_app import ProviderSite

VERIFIER = generate_token(64)


class S256Only(CodeChallenge):
    """What the documentation offers to refuse ``plain``."""

    SUPPORTED_CODE_CHALLENGE_METHOD = ["S256"]  # noqa: RUF012  Authlib's own shape


def asked(**changes: str | None) -> dict[str, str]:
    usual = {
        "response_type": "code",
        "client_id": CLIENT_ID,
        "redirect_uri": REDIRECT,
        "state": "s",
        "scope": "profile",
        "code_challenge": create_s256_code_challenge(VERIFIER),
        "code_challenge_method": "S256",
    }
    return {name: value for name, value in {**usual, **changes}.items() if value is not None}


def code_of(answer: Any) -> str:
    return parse_qs(urlsplit(answer.location).query)["code"][0]


def plain_code(plain: PlainServer, **changes: str | None) -> str:
    return code_of(plain.client().post("/authorize", data=asked(**changes)))


def redeem(plain: PlainServer, code: str, **changes: str | None) -> Any:
    usual = {
        "grant_type": "authorization_code",
        "client_id": CLIENT_ID,
        "redirect_uri": REDIRECT,
        "code": code,
        "code_verifier": VERIFIER,
    }
    form = {name: value for name, value in {**usual, **changes}.items() if value is not None}
    return plain.client().post("/token", data=form)


def test_the_plain_server_works_at_all() -> None:
    plain = PlainServer()
    assert redeem(plain, plain_code(plain)).status_code == 200


# -- the authorization endpoint ----------------------------------------------------------------------------------


@proves("A-01")
@pytest.mark.parametrize("name", ["response_type", "redirect_uri"])
def test_a_quote_in_a_parameter_is_no_exception(origin: Any, site: ProviderSite, name: str) -> None:
    with pytest.raises(ValueError, match="description"):
        PlainServer().client().get("/authorize", query_string=asked(**{name: 'https://x.example/"'}))
    answer = site.owner().authorize(SignIn.begin(publish_client(origin), **{name: 'https://x.example/"'}))
    if name == "redirect_uri":
        assert (answer.status_code, "<code>redirect-not-listed</code>" in answer.text) == (400, True)
    else:
        assert redirect_parameters(answer)["error"] == "unsupported_response_type"


@proves("O-30", "A-02")
def test_no_code_without_a_challenge(origin: Any, site: ProviderSite) -> None:
    assert plain_code(PlainServer(), code_challenge=None, code_challenge_method=None)
    sign_in = SignIn.begin(publish_client(origin), code_challenge=None, code_challenge_method=None)
    assert redirect_parameters(site.owner().authorize(sign_in))["error"] == "invalid_request"


@proves("O-31", "A-03")
def test_a_challenge_without_a_method_is_not_plain(origin: Any, site: ProviderSite) -> None:
    plain = PlainServer(challenge=S256Only)
    code = plain_code(plain, code_challenge=VERIFIER, code_challenge_method=None)
    assert redeem(plain, code).status_code == 200
    sign_in = SignIn.begin(publish_client(origin), code_challenge_method=None)
    assert redirect_parameters(site.owner().authorize(sign_in))["error"] == "invalid_request"


@proves("O-40", "A-04")
def test_errors_before_consent_name_the_issuer(origin: Any, site: ProviderSite) -> None:
    answer = PlainServer().client().get("/authorize", query_string=asked(code_challenge_method="S512"))
    assert answer.location.startswith(REDIRECT)
    assert "error=" in answer.location
    assert "iss=" not in answer.location
    sign_in = SignIn.begin(publish_client(origin), code_challenge_method="S512")
    assert redirect_parameters(site.owner().authorize(sign_in))["iss"] == site.base_url


@proves("A-05")
def test_errors_that_stay_here_are_pages_for_people(site: ProviderSite) -> None:
    assert PlainServer().client().get("/authorize", query_string=asked(client_id="unknown")).is_json
    answer = site.owner().authorize(SignIn.begin("unknown"))
    assert answer.headers["Content-Type"].startswith("text/html")
    assert "<h1>" in answer.text


@proves("O-07", "A-19")
def test_the_query_of_a_redirect_uri_is_not_encoded_again(origin: Any, site: ProviderSite) -> None:
    uri = "https://app.example/cb?q=a%20b"
    plain = PlainServer({CLIENT_ID: url_client(redirect_uris=(uri,))})
    assert "q=a+b" in plain.client().post("/authorize", data=asked(redirect_uri=uri)).location
    owner, client_id = site.owner(), publish_client(origin, redirect_uris=[uri])
    answer = owner.press(owner.authorize(SignIn.begin(client_id, uri)), "Approve")
    assert answer.headers["Location"].startswith(uri + "&")


@proves("O-13", "A-20")
def test_answers_leave_by_303_and_are_not_stored(origin: Any, site: ProviderSite) -> None:
    answer = PlainServer().client().post("/authorize", data=asked())
    assert answer.status_code == 302
    assert "Cache-Control" not in answer.headers
    owner = site.owner()
    ours = owner.press(owner.authorize(SignIn.begin(publish_client(origin))), "Approve")
    assert ours.status_code == 303
    assert ours.headers["Cache-Control"] == "no-store"


@proves("O-21", "A-21")
def test_an_unknown_scope_is_no_dead_end(origin: Any, site: ProviderSite) -> None:
    plain = PlainServer(OAUTH2_SCOPES_SUPPORTED=["profile"])
    answer = plain.client().get("/authorize", query_string=asked(scope="profile create"))
    assert "error=invalid_scope" in answer.location
    assert site.owner().tokens(publish_client(origin), scope="profile levitate")["scope"] == "profile"


@proves("A-24")
def test_a_doubled_parameter_is_refused(origin: Any, site: ProviderSite) -> None:
    query = urlencode([*asked().items(), ("dpop_jkt", "a"), ("dpop_jkt", "b"), ("nonce", "a"), ("nonce", "b")])
    assert PlainServer().client().get(f"/authorize?{query}").text == "consent"
    sign_in = SignIn.begin(publish_client(origin))
    for name in ("code_challenge", "code_challenge_method", "dpop_jkt", "nonce"):
        query = urlencode([*sign_in.parameters.items(), (name, "x"), (name, "x")])
        assert redirect_parameters(site.owner().get(f"/authorize?{query}"))["error"] == "invalid_request"


@proves("C-67", "A-25")
def test_a_port_is_a_number_up_to_65535(origin: Any, site: ProviderSite) -> None:
    # Authlib leaves the comparison to the client, and the obvious one is wrong.
    class Naive(type(url_client())):  # type: ignore[misc]  # the base is chosen at run time
        def check_redirect_uri(self, redirect_uri: str) -> bool:
            parts = urlsplit(redirect_uri)
            return f"{parts.scheme}://{parts.hostname}{parts.path}" == "http://127.0.0.1/cb"

    plain = PlainServer({CLIENT_ID: Naive(url_client().metadata)})
    with pytest.raises(ValueError, match="Port out of range"):  # while the redirect is made: too late
        plain.client().post("/authorize", data=asked(redirect_uri="http://127.0.0.1:99999/cb"))
    client_id = publish_client(origin, redirect_uris=["http://127.0.0.1/cb"])
    assert site.owner().authorize(SignIn.begin(client_id, "http://127.0.0.1:99999/cb")).status_code == 400
    assert site.owner().authorize(SignIn.begin(client_id, "http://127.0.0.1:65535/cb")).status_code == 200


# -- codes and tokens --------------------------------------------------------------------------------------------


@proves("A-06")
def test_access_does_not_last_ten_days(origin: Any, site: ProviderSite) -> None:
    plain = PlainServer()
    assert redeem(plain, plain_code(plain)).json["expires_in"] == 864_000
    assert "refresh_token" not in redeem(plain, plain_code(plain)).json
    tokens = site.owner().tokens(publish_client(origin))
    assert tokens["expires_in"] == 900
    assert tokens["refresh_token"]


@proves("O-33", "A-13")
def test_a_wrong_verifier_spends_the_code(origin: Any, site: ProviderSite) -> None:
    plain = PlainServer()
    code = plain_code(plain)
    assert redeem(plain, code, code_verifier="x" * 64).status_code == 400
    assert redeem(plain, code).status_code == 200
    owner = site.owner()
    sign_in, ours = owner.code(publish_client(origin))
    assert owner.redeem(sign_in, ours, code_verifier="x" * 64).status_code == 400
    assert owner.redeem(sign_in, ours).status_code == 400


@proves("O-15", "O-16", "A-13")
def test_a_code_is_spent_together_with_the_making_of_its_tokens(origin: Any, site: ProviderSite) -> None:
    # Whoever comes between "saved" and "deleted" gets a second token; ours are made in one step.
    plain = PlainServer()
    code = plain_code(plain)
    between: list[int] = []

    def second() -> None:
        plain.on_save = lambda: None
        between.append(redeem(plain, code).status_code)

    plain.on_save = second
    assert [redeem(plain, code).status_code, *between] == [200, 200]
    assert redeem(plain, code).status_code == 400
    assert len(plain.tokens) == 2  # and its reuse ends none of them
    owner = site.owner()
    sign_in, ours = owner.code(publish_client(origin))
    token = owner.redeem(sign_in, ours).json()["access_token"]
    assert owner.redeem(sign_in, ours).status_code == 400
    assert owner.get("/userinfo", headers={"Authorization": f"Bearer {token}"}).status_code == 401


@proves("O-14", "A-14")
def test_an_old_code_is_dead(origin: Any, site: ProviderSite) -> None:
    plain = PlainServer()
    code = plain_code(plain)
    plain.codes[code].expires_at = datetime.now(UTC) - timedelta(days=1)
    assert redeem(plain, code).status_code == 200
    owner = site.owner()
    sign_in, ours = owner.code(publish_client(origin))
    site.clock.forward(days=1)
    assert owner.redeem(sign_in, ours).json()["error"] == "invalid_grant"


@proves("O-50", "A-15")
def test_parameters_are_read_from_the_body_alone_and_once(origin: Any, site: ProviderSite) -> None:
    plain = PlainServer()
    query = {"grant_type": "authorization_code", "client_id": CLIENT_ID, "redirect_uri": REDIRECT}
    body = {"code": [plain_code(plain), "another"], "code_verifier": [VERIFIER, "another"]}
    assert plain.client().post("/token", query_string=query, data=body).status_code == 200
    owner = site.owner()
    sign_in, ours = owner.code(publish_client(origin))
    assert owner.redeem(sign_in, ours, f"/token?client_id={sign_in.client_id}").status_code == 400
    assert owner.redeem(sign_in, ours, code=[ours, "another"]).status_code == 400
    assert owner.redeem(sign_in, ours).status_code == 200


@proves("A-23")
def test_a_header_that_is_no_utf_8_is_no_exception(site: ProviderSite) -> None:
    header = {"Authorization": "Basic " + base64.b64encode(b"\xff\xfe:\xff").decode()}
    plain = PlainServer(auth_methods=("client_secret_basic", "none"))
    form = {"grant_type": "authorization_code", "code": "x"}
    with pytest.raises(UnicodeDecodeError):
        plain.client().post("/token", data=form, headers=header)
    assert site.browser().post("/token", form, headers=header).status_code == 401


@proves("O-110", "A-18")
def test_an_unknown_hint_does_not_keep_a_token_alive(origin: Any, site: ProviderSite) -> None:
    plain = PlainServer()
    token = redeem(plain, plain_code(plain)).json["access_token"]
    form = {"token": token, "client_id": CLIENT_ID, "token_type_hint": "bearer"}
    assert plain.client().post("/revoke", data=form).status_code == 401
    assert token in plain.tokens
    owner, client_id = site.owner(), publish_client(origin)
    ours = owner.tokens(client_id)["access_token"]
    form = {"token": ours, "client_id": client_id, "token_type_hint": "bearer"}
    assert owner.post("/revoke", form).status_code == 200
    assert owner.get("/userinfo", headers={"Authorization": f"Bearer {ours}"}).status_code == 401


@proves("O-74", "A-16")
def test_challenges_are_those_of_the_standard(origin: Any, site: ProviderSite) -> None:
    plain = PlainServer()
    nothing = plain.client().get("/me")
    assert 'error="missing_authorization"' in nothing.headers["WWW-Authenticate"]
    token = redeem(plain, plain_code(plain, scope="email")).json["access_token"]
    too_little = plain.client().get("/me", headers={"Authorization": f"Bearer {token}"})
    assert too_little.status_code == 403
    assert "WWW-Authenticate" not in too_little.headers

    owner = site.owner()
    ours = owner.get("/userinfo")
    assert ours.status_code == 401
    assert ours.headers["WWW-Authenticate"].startswith("Bearer")
    assert "error" not in ours.headers["WWW-Authenticate"]
    sign_in = SignIn.begin(publish_client(origin), scope="profile create")
    code = owner.approve(owner.authorize(sign_in), scope=["create"])["code"]
    token = owner.redeem(sign_in, code).json()["access_token"]
    ours = owner.get("/userinfo", headers={"Authorization": f"Bearer {token}"})
    assert ours.status_code == 403
    assert 'error="insufficient_scope"' in ours.headers["WWW-Authenticate"]


@proves("A-22")
def test_nothing_that_authlib_will_drop_is_used(origin: Any, site: ProviderSite) -> None:
    def deprecated(work: Any) -> list[str]:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            work()
        return [str(w.message) for w in caught if issubclass(w.category, AuthlibDeprecationWarning)]

    assert deprecated(lambda: plain_code(PlainServer()))

    def ours() -> None:
        owner, client_id = site.owner(), publish_client(origin)
        tokens = owner.tokens(client_id)
        owner.refresh(client_id, tokens["refresh_token"])
        owner.post("/revoke", {"token": tokens["access_token"], "client_id": client_id})

    assert not deprecated(ours)


# -- clients -----------------------------------------------------------------------------------------------------


@proves("C-72", "C-80", "A-12")
def test_a_client_is_public_has_no_secret_and_names_its_redirect_uri() -> None:
    class Plain(OAuth2ClientMixin):  # type: ignore[misc]  # Authlib is untyped
        client_id = CLIENT_ID
        client_secret = None
        _client_metadata = json.dumps({"redirect_uris": [REDIRECT, "https://app.example/other"]})

    plain = Plain()
    assert plain.get_default_redirect_uri() == REDIRECT
    assert plain.check_endpoint_auth_method("client_secret_basic", "token")
    assert plain.check_endpoint_auth_method("anything", "revocation")
    with pytest.raises(TypeError):
        plain.check_client_secret("x")

    ours = url_client(redirect_uris=(REDIRECT, "https://app.example/other"))
    assert ours.get_default_redirect_uri() is None
    assert ours.check_endpoint_auth_method("none", "token")
    for endpoint in ("token", "revocation", "introspection"):
        assert not ours.check_endpoint_auth_method("client_secret_basic", endpoint)
    assert ours.check_client_secret("x") is False


@proves("A-21")
def test_a_client_without_limits_of_its_own_may_ask_for_any_scope() -> None:
    # `None` from get_allowed_scope means "refuse", so it is never `None`.
    assert url_client(scope=None).get_allowed_scope("profile email") == "profile email"
    assert url_client(scope="profile").get_allowed_scope("profile email") == "profile"
    assert url_client(scope=None).get_allowed_scope("") == ""


# -- assertions --------------------------------------------------------------------------------------------------

SHARED = OctKey.import_key({"kty": "oct", "k": base64.urlsafe_b64encode(b"k" * 32).decode().rstrip("=")})
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ISSUER = "https://as.example"


class PlainAssertion(JWTBearerClientAssertion):  # type: ignore[misc]  # Authlib is untyped
    """What the documentation shows, with the client's key from a document that holds a symmetric one."""

    CLIENT_AUTH_METHOD = "private_key_jwt"

    def get_audiences(self) -> list[str]:
        return [ISSUER]

    def validate_jti(self, claims: Any, jti: str) -> bool:
        return True

    def resolve_client_public_key(self, client: Any) -> Any:
        return SHARED


def assertion(**claims: Any) -> dict[str, str]:
    at = int(datetime.now(UTC).timestamp())
    usual = {"iss": CLIENT_ID, "sub": CLIENT_ID, "aud": ISSUER, "exp": at + 60, "jti": generate_token(16)}
    return {
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": jwt.encode({"alg": "HS256"}, {**usual, **claims}, SHARED),
    }


def asserting(*methods: str, **members: Any) -> PlainServer:
    usual = {"auth_methods": methods, "jwks": '{"keys": []}'}
    plain = PlainServer({CLIENT_ID: url_client(**{**usual, **members})}, auth_methods=methods)
    plain.server.register_client_auth_method("private_key_jwt", PlainAssertion())
    return plain


@proves("O-84", "A-10")
def test_a_symmetric_key_in_a_document_never_verifies_anything() -> None:
    # Everybody can read the document, so everybody has the key.
    plain = asserting("private_key_jwt")
    assert redeem(plain, plain_code(plain), **assertion()).status_code == 200
    identifier = parse_identifier(CLIENT_ID, IdentifierRules())
    document = {
        "client_id": CLIENT_ID,
        "redirect_uris": [REDIRECT],
        "token_endpoint_auth_method": "private_key_jwt",
        "jwks": {"keys": [SHARED.as_dict(private=True)]},
    }
    rules = DocumentRules(auth_methods=("none", "private_key_jwt"))
    with pytest.raises(DocumentError):
        parse_document(json.dumps(document).encode(), identifier=identifier, rules=rules)


@proves("A-09")
@pytest.mark.parametrize("loose", ["client_id", "exp", "aud", "typ"])
def test_plain_authlib_takes_a_loose_assertion(loose: str) -> None:
    # What ours must refuse, see the tests of private_key_jwt.
    plain = asserting("private_key_jwt")
    changes: dict[str, Any] = {
        "exp": {"exp": int(datetime.now(UTC).timestamp()) + 10 * 365 * 86400},
        "aud": {"aud": [ISSUER, "https://another.example"]},
    }.get(loose, {})
    form = assertion(**changes)
    more = {"client_id": "https://another.example/c"} if loose == "client_id" else {}
    assert redeem(plain, plain_code(plain), **form, **more).status_code == 200


@proves("A-07")
def test_every_method_that_is_offered_is_there(origin: Any, site: ProviderSite) -> None:
    plain = PlainServer(auth_methods=("private_key_jwt", "none"))
    with pytest.raises(KeyError, match="private_key_jwt"):
        redeem(plain, plain_code(plain))
    offered = site.browser().get("/.well-known/oauth-authorization-server").json()
    assert set(offered["token_endpoint_auth_methods_supported"]) == {"none", "private_key_jwt"}
    owner, client_id = site.owner(), publish_client(origin)
    token = owner.tokens(client_id)["refresh_token"]
    broken = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": "not.a.jwt"}
    assert owner.refresh(client_id, token, **broken).status_code == 401
    assert owner.refresh(client_id, token).status_code == 200


@proves("C-84", "O-54", "A-08")
def test_an_assertion_that_is_presented_is_judged(origin: Any, site: ProviderSite) -> None:
    # With `none` first, plain Authlib does not look at it.
    plain = asserting("none", "private_key_jwt")
    broken = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": "not.a.jwt"}
    assert redeem(plain, plain_code(plain), **broken).status_code == 200
    owner = site.owner()
    sign_in, code = owner.code(publish_client(origin))
    answer = owner.redeem(sign_in, code, **broken)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")

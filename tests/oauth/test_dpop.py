"""DPoP from the pushed request to the resource: RFC 9449 (O-94 to O-101), AT-49 to AT-70, AT-84 to AT-99."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request

from flask_cimd.oauth import DPoP, MemoryReplayCache
from flask_cimd.oauth.dpop import InvalidProofError
from tests.support.atproto import App, is_nonce_challenge
from tests.support.browser import publish_client
from tests.support.clock import Clock
from tests.support.dpop import ProofKey, token_hash
from tests.support.keys import KeyHolder
from tests.support.origin import TLSOrigin
from tests.support.proves import proves
from tests.support.provider_app import ProviderSite, provider_app

REFRESHING = {"grant_types": ["authorization_code", "refresh_token"]}


def error_of(answer: Any) -> tuple[int, str]:
    """Return status and code of a JSON error at the authorization server."""
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["DPoP-Nonce"]
    return answer.status_code, answer.json()["error"]


@pytest.fixture(scope="module")
def shared(ca_bundle: Path) -> ProviderSite:
    """Return one site for all single faults: none of them may change anything."""
    return provider_app(ca_bundle, Clock())


@pytest.fixture(scope="module")
def shared_app(shared: ProviderSite) -> App:
    """Return an app of that demo."""
    found = App(shared)
    found.push()
    return found


@pytest.fixture(scope="module")
def shared_token(shared: ProviderSite, shared_app: App) -> str:
    """Return its access token."""
    found: str = shared_app.sign_in(shared.owner(), scope="atproto profile")["access_token"]
    return found


@pytest.fixture
def app(site: ProviderSite) -> App:
    """Return an app that knows the site's nonce."""
    found = App(site)
    found.push()
    return found


# -- nonces ------------------------------------------------------------------------------------------------------


@proves("AT-57", "AT-58", "O-97")
@pytest.mark.parametrize("path", ["/par", "/token", "/revoke"])
@pytest.mark.parametrize("nonce", [None, "nonsense"])
def test_every_endpoint_wants_a_nonce(shared: ProviderSite, path: str, nonce: str | None) -> None:
    app = App(shared)
    form = {"token": "x", "grant_type": "refresh_token", "refresh_token": "x", **app.begin().parameters}

    answer = app.send("POST", path, form, nonce=nonce)

    assert error_of(answer) == (400, "use_dpop_nonce")
    assert answer.headers["Cache-Control"] == "no-store"


@proves("AT-61")
def test_the_nonce_just_handed_out_is_accepted(site: ProviderSite) -> None:
    app = App(site)
    form = app.begin().parameters

    assert is_nonce_challenge(app.send("POST", "/par", form))
    assert app.send("POST", "/par", form).status_code == 201


@proves("AT-57")
@pytest.mark.parametrize(("minutes", "is_new"), [(0, True), (1, True), (2, True), (6, False)])
def test_a_nonce_ends_after_minutes(app: App, site: ProviderSite, minutes: int, is_new: bool) -> None:
    nonce = app.nonce

    site.clock.forward(minutes=minutes)
    answer = app.send("POST", "/par", app.begin().parameters, nonce=nonce)

    assert (answer.status_code == 201) is is_new


@proves("AT-57")
def test_the_nonces_rotate(app: App, site: ProviderSite) -> None:
    before = app.nonce

    site.clock.forward(minutes=1)
    app.push()

    assert app.nonce != before


@proves("AT-60")
def test_workers_of_one_site_share_their_nonces(make_site: Callable[..., ProviderSite]) -> None:
    first = make_site()
    second = make_site(storage=first.storage)
    app = App(first)
    app.push()

    assert App(second).send("POST", "/par", app.begin().parameters, nonce=app.nonce).status_code == 201


@proves("AT-51")
def test_a_challenge_spends_nothing(site: ProviderSite) -> None:
    app, owner = App(site), site.owner()
    sign_in, code = app.code(owner)
    form = sign_in.redemption(code)

    challenged = app.send("POST", "/token", form, nonce=None)
    tokens = app.send("POST", "/token", form).json()
    refresh = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"], "client_id": app.client_id}

    assert is_nonce_challenge(challenged)
    assert is_nonce_challenge(app.send("POST", "/token", refresh, nonce="old"))
    assert app.send("POST", "/token", refresh).status_code == 200


# -- faults of a proof -------------------------------------------------------------------------------------------

FAULTS: dict[str, dict[str, Any]] = {
    "typ": {"header": {"typ": "JWT"}},
    "alg": {"header": {"alg": "none"}},
    "jwk-missing": {"header": {"jwk": None}},
    "jwk-private": {"header": {"jwk": {"kty": "EC", "d": "x"}}},
    "signature": {"header": {"jwk": ProofKey().public}},
    "htm": {"htm": "GET"},
    "htu-path": {"htu": "http://127.0.0.1:5000/other"},
    "htu-origin": {"htu": "https://127.0.0.1:5000/token"},
    "iat-old": {"iat": 1},
    "iat-future": {"iat": 99999999999},
    "jti": {"jti": None},
}


@proves("AT-53", "AT-54", "AT-55", "AT-60", "O-94", "O-95")
@pytest.mark.parametrize("changes", FAULTS.values(), ids=FAULTS.keys())
def test_a_fault_in_the_proof_spends_no_code(shared: ProviderSite, changes: dict[str, Any]) -> None:
    app, owner = App(shared), shared.owner()
    sign_in, code = app.code(owner)
    form = sign_in.redemption(code)

    assert error_of(app.send("POST", "/token", form, **changes)) == (400, "invalid_dpop_proof")
    assert app.redeem(sign_in, code).status_code == 200


@pytest.mark.parametrize("changes", FAULTS.values(), ids=FAULTS.keys())
@pytest.mark.parametrize("path", ["/par", "/revoke"])
def test_a_fault_in_the_proof_is_refused_everywhere(shared_app: App, path: str, changes: dict[str, Any]) -> None:
    answer = shared_app.send("POST", path, {**shared_app.begin().parameters, "token": "x"}, **changes)

    assert error_of(answer) == (400, "invalid_dpop_proof")


@proves("AT-53")
@pytest.mark.parametrize("field", ["", "nonsense", "a.b.c"])
def test_a_header_that_is_no_proof_is_refused(site: ProviderSite, field: str) -> None:
    answer = site.browser().post("/par", App(site).begin().parameters, headers={"DPoP": field})

    assert error_of(answer) == (400, "invalid_dpop_proof")


@proves("AT-53")
def test_two_proofs_are_one_too_many(app: App, site: ProviderSite) -> None:
    both = f"{app.proof('POST', '/par')}, {app.proof('POST', '/par')}"

    answer = site.browser().post("/par", app.begin().parameters, headers={"DPoP": both})

    assert error_of(answer) == (400, "invalid_dpop_proof")


@proves("AT-56", "O-98")
def test_a_proof_works_once(site: ProviderSite) -> None:
    app = App(site)
    app.push()
    field = app.proof("POST", "/par")
    browser = site.browser()

    first = browser.post("/par", app.begin().parameters, headers={"DPoP": field})
    second = browser.post("/par", app.begin().parameters, headers={"DPoP": field})

    assert first.status_code == 201
    assert error_of(second) == (400, "invalid_dpop_proof")


@proves("AT-56")
def test_of_ten_equal_proofs_at_once_one_works(site: ProviderSite) -> None:
    app = App(site)
    app.push()
    field, forms = app.proof("POST", "/par"), [app.begin().parameters for _ in range(10)]

    def push(form: dict[str, str]) -> int:
        return site.browser().post("/par", form, headers={"DPoP": field}).status_code

    with ThreadPoolExecutor(10) as pool:
        statuses = sorted(pool.map(push, forms))

    assert statuses == [201] + [400] * 9


@proves("AT-56")
def test_another_key_may_use_the_same_name(app: App, site: ProviderSite) -> None:
    other = App(site)
    other.nonce = app.nonce

    assert app.push_with(jti="1").status_code == 201
    assert other.push_with(jti="1").status_code == 201


# -- binding -----------------------------------------------------------------------------------------------------


@proves("AT-49", "AT-62", "O-100")
def test_the_key_of_the_pushed_request_is_the_key_of_the_session(site: ProviderSite) -> None:
    app, owner = App(site), site.owner()
    sign_in, code = app.code(owner)
    own, app.key = app.key, ProofKey()

    stolen = app.redeem(sign_in, code)
    app.key = own
    tokens = app.redeem(sign_in, code).json()
    app.key = ProofKey()
    stolen_later = app.refresh(tokens["refresh_token"])
    app.key = own

    assert error_of(stolen) == (400, "invalid_grant")
    assert error_of(stolen_later) == (400, "invalid_grant")
    assert app.refresh(tokens["refresh_token"]).status_code == 200


@proves("AT-90")
def test_a_code_and_a_token_belong_to_their_client(site: ProviderSite) -> None:
    app, owner = App(site), site.owner()
    sign_in, code = app.code(owner)

    stolen = app.redeem(sign_in, code, client_id="http://localhost")
    tokens = app.redeem(sign_in, code).json()
    stolen_later = app.refresh(tokens["refresh_token"], client_id="http://localhost")

    assert error_of(stolen) == (400, "invalid_grant")
    assert error_of(stolen_later) == (400, "invalid_grant")
    assert app.refresh(tokens["refresh_token"]).status_code == 200


@proves("AT-34", "AT-63")
def test_without_a_proof_at_the_push_the_token_request_binds(site: ProviderSite) -> None:
    app, owner = App(site), site.owner()
    sign_in = app.begin()
    pushed = site.browser().post("/par", sign_in.parameters)
    code = owner.approve(owner.get("/authorize", params=app.address(pushed.json()["request_uri"])))["code"]

    tokens = app.redeem(sign_in, code).json()
    app.key = ProofKey()

    assert pushed.headers["DPoP-Nonce"]
    assert tokens["token_type"] == "DPoP"
    assert error_of(app.refresh(tokens["refresh_token"])) == (400, "invalid_grant")


@proves("O-100")
def test_a_key_may_be_announced_by_its_thumbprint(site: ProviderSite) -> None:
    app, owner = App(site), site.owner()
    sign_in = app.begin(dpop_jkt=app.key.thumbprint)
    pushed = site.browser().post("/par", sign_in.parameters)
    code = owner.approve(owner.get("/authorize", params=app.address(pushed.json()["request_uri"])))["code"]
    own, app.key = app.key, ProofKey()

    stolen = app.redeem(sign_in, code)
    app.key = own

    assert error_of(stolen) == (400, "invalid_grant")
    assert app.redeem(sign_in, code).status_code == 200


@proves("AT-62")
def test_tokens_of_the_profile_need_a_proof(site: ProviderSite) -> None:
    app, owner = App(site), site.owner()
    sign_in, code = app.code(owner)

    bare = site.browser().redeem(sign_in, code)
    tokens = app.redeem(sign_in, code).json()
    bare_refresh = site.browser().refresh(app.client_id, tokens["refresh_token"])

    assert error_of(bare) == (400, "invalid_dpop_proof")
    assert error_of(bare_refresh) == (400, "invalid_dpop_proof")
    assert app.refresh(tokens["refresh_token"]).status_code == 200


@proves("O-101")
def test_a_document_may_demand_proofs(origin: TLSOrigin, site: ProviderSite) -> None:
    owner = site.owner()
    client_id = publish_client(origin, dpop_bound_access_tokens=True)

    sign_in, code = owner.code(client_id)

    assert error_of(site.browser().redeem(sign_in, code)) == (400, "invalid_dpop_proof")
    assert App(site, client_id).redeem(sign_in, code).json()["token_type"] == "DPoP"


@proves("O-95", "O-96")
def test_a_proof_of_any_app_binds_its_tokens(origin: TLSOrigin, site: ProviderSite) -> None:
    owner, app = site.owner(), App(site, publish_client(origin))
    sign_in, code = owner.code(app.client_id)

    tokens = app.redeem(sign_in, code).json()
    without = site.browser().refresh(app.client_id, tokens["refresh_token"])
    app.key = ProofKey()

    assert tokens["token_type"] == "DPoP"
    assert error_of(without) == (400, "invalid_dpop_proof")
    assert error_of(app.refresh(tokens["refresh_token"])) == (400, "invalid_grant")


def test_without_a_proof_an_ordinary_token_is_a_bearer_token(origin: TLSOrigin, site: ProviderSite) -> None:
    tokens = site.owner().tokens(publish_client(origin))

    assert tokens["token_type"] == "Bearer"
    answer = App(site).call(tokens["access_token"])
    assert answer.status_code == 401
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]


# -- clients with keys -------------------------------------------------------------------------------------------


@pytest.fixture
def holder(origin: TLSOrigin, site: ProviderSite) -> KeyHolder:
    """Publish an app that holds a key."""
    found = KeyHolder(origin.url("/keys.json"), site.clock)
    publish_client(
        origin,
        "/keys.json",
        token_endpoint_auth_method="private_key_jwt",
        jwks=found.jwks,
        dpop_bound_access_tokens=True,
    )
    return found


@proves("AT-67")
def test_an_assertion_survives_the_nonce_challenge(site: ProviderSite, holder: KeyHolder) -> None:
    app, owner = App(site, holder.client_id, "http://127.0.0.1:7777/callback"), site.owner()
    assertion = holder.proof()
    sign_in = app.begin(scope="profile")
    form = {**sign_in.parameters, **assertion}

    first, second, third = (app.send("POST", "/par", form) for _ in range(3))
    code = owner.approve(owner.get("/authorize", params=app.address(second.json()["request_uri"])))["code"]

    assert is_nonce_challenge(first)
    assert second.status_code == 201
    assert error_of(third) == (401, "invalid_client")
    app.nonce = None
    assert app.redeem(sign_in, code, **holder.proof()).status_code == 200


@proves("AT-64")
def test_the_assertion_key_makes_no_proofs(site: ProviderSite, holder: KeyHolder) -> None:
    app = App(site, holder.client_id, "http://127.0.0.1:7777/callback")
    app.key = ProofKey(holder.key)

    answer = app.post("/par", {**app.begin(scope="profile").parameters, **holder.proof()})

    assert error_of(answer) == (400, "invalid_dpop_proof")


@proves("O-96")
def test_a_key_holding_client_may_change_its_dpop_key(site: ProviderSite, holder: KeyHolder) -> None:
    app, owner = App(site, holder.client_id, "http://127.0.0.1:7777/callback"), site.owner()
    sign_in = app.begin(scope="profile")
    tokens = app.redeem(sign_in, owner.approve(owner.authorize(sign_in))["code"], **holder.proof()).json()
    old, app.key = app.key, ProofKey()

    renewed = app.refresh(tokens["refresh_token"], **holder.proof()).json()

    assert app.call(renewed["access_token"]).status_code == 200
    app.key = old
    assert app.call(renewed["access_token"]).status_code == 401


# -- lifetimes, rotation, sign-out -------------------------------------------------------------------------------


@proves("AT-87", "AT-88")
def test_a_refresh_token_works_once_after_its_grace(site: ProviderSite) -> None:
    app = App(site)
    first = app.sign_in(site.owner(), scope="atproto profile")

    second = app.refresh(first["refresh_token"]).json()
    site.clock.forward(seconds=60)
    again = app.refresh(first["refresh_token"])

    assert error_of(again) == (400, "invalid_grant")
    assert error_of(app.refresh(second["refresh_token"])) == (400, "invalid_grant")
    assert app.call(second["access_token"]).status_code == 401


@proves("AT-50")
def test_a_code_works_once(site: ProviderSite) -> None:
    app, owner = App(site), site.owner()
    sign_in, code = app.code(owner)
    tokens = app.redeem(sign_in, code).json()

    assert error_of(app.redeem(sign_in, code)) == (400, "invalid_grant")
    assert error_of(app.refresh(tokens["refresh_token"])) == (400, "invalid_grant")


@proves("AT-84", "AT-85", "AT-86")
@pytest.mark.parametrize("scope", ["atproto", "atproto profile"])
def test_tokens_are_short(site: ProviderSite, scope: str) -> None:
    tokens = App(site).sign_in(site.owner(), scope=scope)

    assert 60 < tokens["expires_in"] <= 900
    assert tokens["scope"] == scope
    assert "id_token" not in tokens


@proves("AT-89")
def test_a_public_session_ends_after_two_weeks(site: ProviderSite) -> None:
    app = App(site)
    token = app.sign_in(site.owner())["refresh_token"]

    site.clock.forward(days=13)
    token = app.refresh(token).json()["refresh_token"]
    site.clock.forward(days=1, seconds=1)

    assert error_of(app.refresh(token)) == (400, "invalid_grant")


@proves("AT-91")
@pytest.mark.parametrize("name", ["access_token", "refresh_token"])
def test_either_token_ends_the_session(site: ProviderSite, name: str) -> None:
    app = App(site)
    tokens = app.sign_in(site.owner(), scope="atproto profile")

    answer = app.post("/revoke", {"token": tokens[name]})

    assert answer.status_code == 200
    assert error_of(app.refresh(tokens["refresh_token"])) == (400, "invalid_grant")
    ended = app.call(tokens["access_token"])
    assert ended.status_code == 401
    assert 'error="invalid_token"' in ended.headers["WWW-Authenticate"]


def test_a_stranger_signs_nobody_out(site: ProviderSite) -> None:  # design §5.3
    app = App(site)
    tokens = app.sign_in(site.owner())

    answer = site.browser().post("/revoke", {"token": tokens["access_token"]})

    assert error_of(answer) == (401, "invalid_client")
    assert app.refresh(tokens["refresh_token"]).status_code == 200


@proves("AT-91")
def test_signing_out_twice_is_fine(site: ProviderSite) -> None:
    assert App(site).post("/revoke", {"token": "unknown"}).status_code == 200


# -- resources ---------------------------------------------------------------------------------------------------


@pytest.fixture
def token(app: App, site: ProviderSite) -> str:
    """Return an access token of the app."""
    found: str = app.sign_in(site.owner(), scope="atproto profile")["access_token"]
    return found


@proves("AT-60", "AT-99")
def test_a_resource_takes_the_token_with_a_proof(app: App, token: str) -> None:
    answer = app.call(token)

    assert answer.status_code == 200
    assert answer.headers["DPoP-Nonce"]


def challenge(answer: Any, error: str) -> bool:
    """Say whether this is a challenge that begins with DPoP (D26)."""
    header = answer.headers["WWW-Authenticate"]
    return (
        answer.status_code == 401 and header.startswith("DPoP ") and f'error="{error}"' in header.split(", Bearer")[0]
    )


@proves("AT-59", "O-97", "O-101")
@pytest.mark.parametrize("nonce", [None, "nonsense"])
def test_a_resource_challenges_with_401(app: App, token: str, nonce: str | None) -> None:
    answer = app.send("GET", "/userinfo", token=token, nonce=nonce)

    assert challenge(answer, "use_dpop_nonce")
    assert answer.headers["DPoP-Nonce"]
    assert 'algs="ES256"' in answer.headers["WWW-Authenticate"]


RESOURCE_FAULTS: dict[str, dict[str, Any]] = {
    **{name: changes for name, changes in FAULTS.items() if name != "htm"},
    "htm": {"htm": "POST"},
    "ath-missing": {"ath": None},
    "ath-other": {"ath": token_hash("another")},
}


@proves("AT-99", "O-94")
@pytest.mark.parametrize("changes", RESOURCE_FAULTS.values(), ids=RESOURCE_FAULTS.keys())
def test_a_resource_refuses_a_faulty_proof(shared_app: App, shared_token: str, changes: dict[str, Any]) -> None:
    answer = shared_app.send("GET", "/userinfo", token=shared_token, **changes)

    assert challenge(answer, "invalid_dpop_proof")
    assert shared_app.call(shared_token).status_code == 200


@proves("AT-99")
def test_a_resource_refuses_another_key(app: App, token: str) -> None:
    app.key = ProofKey()

    assert challenge(app.call(token), "invalid_token")


@proves("AT-56")
def test_a_resource_takes_a_proof_once(app: App, token: str, site: ProviderSite) -> None:
    headers = {"DPoP": app.proof("GET", "/userinfo", ath=token_hash(token)), "Authorization": f"DPoP {token}"}

    first, second = (site.browser().get("/userinfo", headers=headers) for _ in range(2))

    assert first.status_code == 200
    assert challenge(second, "invalid_dpop_proof")


@proves("AT-99", "O-99")
def test_a_bound_token_is_no_bearer_token(app: App, token: str, site: ProviderSite) -> None:
    answer = site.browser().get("/userinfo", headers={"Authorization": f"Bearer {token}"})

    assert answer.status_code == 401
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]
    assert app.call(token).status_code == 200


@proves("AT-99")
def test_a_token_without_a_proof_is_refused(token: str, site: ProviderSite) -> None:
    assert challenge(site.browser().get("/userinfo", headers={"Authorization": f"DPoP {token}"}), "invalid_dpop_proof")


@proves("AT-99")
def test_an_unknown_token_is_refused_before_its_proof(app: App) -> None:
    assert challenge(app.call("unknown"), "invalid_token")


@proves("AT-99")
def test_an_expired_token_is_refused(app: App, token: str, site: ProviderSite) -> None:
    site.clock.now += timedelta(minutes=16)

    assert challenge(app.call(token), "invalid_token")


def test_without_credentials_both_schemes_are_named(site: ProviderSite) -> None:
    header = site.browser().get("/userinfo").headers["WWW-Authenticate"]

    assert header.startswith("Bearer ")
    assert 'algs="ES256"' in header.partition(", DPoP ")[2]


@pytest.mark.parametrize("signed", ["https://me.example/auth/token", "https://me.example/token"])
@pytest.mark.parametrize("path", ["/token", "/auth/token"])
def test_a_proxy_that_strips_a_path_breaks_no_proof(clock: Clock, signed: str, path: str) -> None:
    # The public base is the issuer; the request has the path that the proxy left.
    dpop = DPoP(replay_cache=MemoryReplayCache(), origin="https://me.example/auth", secret_key="k", clock=clock)
    nonce = dpop.nonce_header()["DPoP-Nonce"]
    proof = ProofKey().proof("POST", signed, clock.now, nonce=nonce)
    request = Request(EnvironBuilder(path, method="POST", headers={"DPoP": proof}).get_environ())
    if (signed, path) == ("https://me.example/token", "/auth/token"):
        with pytest.raises(InvalidProofError):
            dpop.read(request)
    else:
        assert dpop.read(request) is not None

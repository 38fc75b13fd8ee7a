"""The page of connected apps, and the button that ends a connection."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, insert, select

from flask_cimd_site.models import db, provider
from tests.support.browser import REDIRECT, SignIn, Site, publish_client, refusal_on, soup
from tests.support.proves import proves
from tests.support.statements import recorded


def listed(site: Site) -> list[str]:
    return [tag.get_text(" ", strip=True) for tag in soup(site.owner().get("/apps")).select(".app")]


def grants(site: Site) -> int:
    return len(soup(site.owner().get("/apps")).select(".app form:not(:has(select)) input[name=grant]"))


def test_an_approved_app_is_listed_with_what_it_may_know(origin: Any, any_site: Site) -> None:
    any_site.owner().tokens(publish_client(origin, client_name="<b>Guestbook</b>"))
    (text,) = listed(any_site)
    assert "<b>Guestbook</b>" in text
    assert "See your name and the address of your site" in text
    assert f"localhost:{origin.port}" in text


def test_a_denied_app_is_not_listed(origin: Any, site: Site) -> None:
    owner = site.owner()
    owner.deny(owner.authorize(SignIn.begin(publish_client(origin))))
    assert listed(site) == []


def test_each_installation_has_a_grant_of_its_own(origin: Any, site: Site) -> None:
    # Lessons §3.14
    owner, client_id = site.owner(), publish_client(origin)
    first = owner.tokens(client_id)
    site.clock.forward(seconds=1)
    second = owner.tokens(client_id)
    assert (len(listed(site)), grants(site)) == (1, 2)
    owner.press(owner.get("/apps"), "Revoke access")  # the newest stands first
    assert owner.refresh(client_id, second["refresh_token"]).json()["error"] == "invalid_grant"
    assert owner.refresh(client_id, first["refresh_token"]).status_code == 200


def test_a_revoked_app_is_gone_at_once(origin: Any, any_site: Site) -> None:
    owner, client_id = any_site.owner(), publish_client(origin)
    bearer = {"Authorization": f"Bearer {owner.tokens(client_id)['access_token']}"}
    assert owner.get("/userinfo", headers=bearer).status_code == 200
    assert owner.press(owner.get("/apps"), "Revoke access").headers["Location"] == "/apps"
    assert listed(any_site) == []
    assert owner.get("/userinfo", headers=bearer).status_code == 401


@proves("O-18")
def test_revoking_needs_the_login_and_the_token_of_this_browser(origin: Any, site: Site) -> None:
    owner, client_id = site.owner(), publish_client(origin)
    tokens = owner.tokens(client_id)
    page, of_another = owner.get("/apps"), site.owner().get("/apps")
    foreign = str(soup(of_another).select_one("input[name=token]")["value"])  # type: ignore[index]  # the page has the field
    for token in ("", "forged", foreign):
        assert owner.press(page, "Revoke access", token=token).status_code == 403
    assert site.browser().press(page, "Revoke access").status_code == 403
    owner.press(owner.get("/"), "Log out")
    assert owner.press(page, "Revoke access").status_code == 403
    owner.log_in(site.password)
    assert owner.refresh(client_id, tokens["refresh_token"]).status_code == 200
    assert owner.press(page, "Revoke access").status_code == 303  # each time, the login or the token was missing


def test_an_approval_whose_code_was_never_redeemed_is_not_listed(origin: Any, site: Site) -> None:
    site.owner().code(publish_client(origin))
    assert listed(site) == []


def test_all_access_of_an_app_ends_with_one_button(origin: Any, site: Site) -> None:
    owner, client_id = site.owner(), publish_client(origin)
    tokens = [owner.tokens(client_id) for _ in range(2)]
    owner.press(owner.get("/apps"), "Revoke all access of this app")
    assert listed(site) == []
    assert [owner.refresh(client_id, one["refresh_token"]).status_code for one in tokens] == [400, 400]


def test_access_that_ended_by_itself_is_not_listed(origin: Any, site: Site) -> None:
    site.owner().tokens(publish_client(origin, grant_types=["authorization_code"]))
    site.clock.forward(days=30)
    assert listed(site) == []


@proves("C-109")
def test_the_list_needs_no_document(origin: Any, site: Site) -> None:
    site.owner().tokens(publish_client(origin, headers={"Cache-Control": "no-store"}))
    origin.forget("/client.json")
    before = len(origin.requests)
    assert len(listed(site)) == 1
    assert len(origin.requests) == before


def test_dead_grants_are_forgotten_after_a_month(origin: Any, any_site: Site) -> None:
    # So the tables stay small; until then their reuse is noticed.
    owner, client_id = any_site.owner(), publish_client(origin, grant_types=["authorization_code"])
    for _ in range(3):
        owner.tokens(client_id)
    any_site.clock.forward(days=61)
    any_site.owner().tokens(client_id)  # an approval starts a sweep, after its answer is sent
    with any_site.app.app_context(), db.engine.connect() as connection:
        tables = (provider.Grant, provider.Code, provider.Token)
        counts = [select(func.count()).select_from(table.__table__) for table in tables]
        assert [connection.execute(count).scalar_one() for count in counts] == [1, 1, 1]


# -- the end, everything, blocking -------------------------------------------------------------------------------------


def test_the_end_of_access_can_be_changed(origin: Any, any_site: Site) -> None:
    owner, client_id = any_site.owner(), publish_client(origin)
    tokens = owner.tokens(client_id)
    assert owner.press(owner.get("/apps"), "Change the end", end="day").status_code == 303
    any_site.clock.forward(hours=23)
    tokens = owner.refresh(client_id, tokens["refresh_token"]).json()
    any_site.clock.forward(hours=1)
    assert owner.refresh(client_id, tokens["refresh_token"]).json()["error"] == "invalid_grant"
    assert listed(any_site) == []


def test_an_end_that_is_not_offered_is_refused(origin: Any, site: Site) -> None:
    owner = site.owner()
    owner.tokens(publish_client(origin))
    assert owner.press(owner.get("/apps"), "Change the end", end="use").status_code == 400
    assert owner.press(owner.get("/apps"), "Change the end", grant="0" * 32).status_code == 404


def test_everything_ends_after_a_fresh_check(origin: Any, site: Site) -> None:
    owner = site.owner()
    owner.tokens(publish_client(origin))
    owner.tokens(publish_client(origin, "/other.json"))
    page = owner.get("/apps")
    site.clock.forward(minutes=11)
    assert owner.press(page, "End the access of all apps").headers["Location"].startswith("/account/check?")
    assert len(listed(site)) == 2
    owner = site.owner()
    assert owner.press(owner.get("/apps"), "End the access of all apps").headers["Location"] == "/apps"
    assert listed(site) == []


def test_a_blocked_app_loses_its_access_and_cannot_ask_again(origin: Any, site: Site) -> None:
    owner, client_id = site.owner(), publish_client(origin)
    tokens = owner.tokens(client_id)
    assert owner.press(owner.get("/apps"), "Block this app").headers["Location"] == "/apps"
    assert listed(site) == []
    assert owner.refresh(client_id, tokens["refresh_token"]).status_code in (400, 401)
    assert refusal_on(owner.authorize(SignIn.begin(client_id))) == "client-denied"


def test_an_app_that_registered_itself_is_removed(make_site: Any) -> None:
    site = make_site(DEMO_DYNAMIC_REGISTRATION="1")
    members = {"client_name": "Assistant", "redirect_uris": [REDIRECT], "token_endpoint_auth_method": "none"}
    client_id = site.browser().request("POST", "/register", json=members).json()["client_id"]
    owner = site.owner()
    owner.tokens(client_id)
    owner.press(owner.get("/apps"), "Remove this app")
    assert listed(site) == []
    assert refusal_on(owner.authorize(SignIn.begin(client_id))) != ""


def test_a_block_names_an_app(site: Site) -> None:
    owner = site.owner()
    page = owner.get("/clients")
    token = str(soup(page).select_one("input[name=csrf_token]")["value"])  # type: ignore[index]  # the page has the field
    assert owner.post("/clients/block", {"csrf_token": token, "client_id": "no app at all"}).status_code == 400


def told(answer: Any, owner: Any) -> str:
    """Return the sentence that the page after a button shows."""
    assert answer.status_code == 303, answer.text
    done = soup(owner.get(answer.headers["Location"])).select_one(".done")
    assert done is not None
    return str(done.get_text())


def test_everything_that_the_owner_changes_is_told_and_logged(origin: Any, any_site: Site) -> None:
    owner, client_id = any_site.owner(), publish_client(origin)
    for _ in range(5):
        owner.tokens(client_id)
    apps = "/apps"
    said = [
        told(owner.press(owner.get(apps), "Change the end", end="month"), owner),
        told(owner.press(owner.get(apps), "Revoke access"), owner),
        told(owner.press(owner.get(apps), "Revoke all access of this app"), owner),
    ]
    owner.tokens(client_id)
    said.append(told(owner.press(owner.get(apps), "End the access of all apps"), owner))
    owner.tokens(client_id)
    said.append(told(owner.press(owner.get(apps), "Block this app"), owner))
    said.append(told(owner.press(owner.get("/clients"), "Remove"), owner))
    assert said == [
        "The access ends at the new time.",
        "This sign-in was ended.",
        "All access of the app was ended.",
        "The access of all apps was ended.",
        "The app is blocked, and its access was ended. To unblock it, remove its rule.",
        f"The rule about {client_id} is removed.",
    ]
    kinds = ["end-changed", "revoked", "revoked", "everything-ended", "blocked", "rule-changed"]
    events = [event for event in owner.get("/activity/export.json").json()[::-1] if event["kind"] in kinds]
    assert [event["kind"] for event in events] == kinds
    assert [event["app"] for event in events] == [client_id] * 3 + ["", client_id, ""]
    assert (events[0]["detail"][:8], events[-1]["detail"]) == ("until 20", f"removed: {client_id}")


def test_a_page_of_apps_costs_the_same_however_many_there_are(site: Site) -> None:
    owner = site.owner()

    def statements(apps: int) -> int:
        with site.app.app_context(), db.engine.begin() as connection:
            connection.execute(provider.Grant.__table__.delete())
            connection.execute(insert(provider.Grant), [_grant(site, number) for number in range(10 * apps)])
        with site.app.app_context(), recorded(db.engine) as sent:
            page = soup(owner.get("/apps"))
        assert (len(page.select(".app")), page.select_one("a[rel=next]") is not None) == (20, apps > 20)
        return len(sent.statements)

    assert statements(21) == statements(200) < 40


def _grant(site: Site, number: int) -> dict[str, Any]:
    now = site.clock().timestamp()
    me = f"{site.base_url}/"
    return {
        "id": f"{number:032}", "issuer": "", "client_id": f"https://app{number // 10:03}.example/", "client": None,
        "fingerprint": "", "subject": me, "scope": "create", "resource": "[]", "redirect_uri": "https://app.example/",
        "access_seconds": 900.0, "auth_method": "none", "created_at": now, "used_at": now, "ends_at": now + 86400,
    }  # fmt: skip

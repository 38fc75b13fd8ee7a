"""The page of connected apps, and the button that ends a connection."""

from __future__ import annotations

from typing import Any

from tests.support.demo import SignIn, Site, publish_client, soup
from tests.support.proves import proves


def listed(site: Site) -> list[str]:
    return [tag.get_text(" ", strip=True) for tag in soup(site.owner().get("/apps")).select(".app")]


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
    assert len(listed(site)) == 2
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


def test_a_code_that_waits_can_be_revoked(origin: Any, site: Site) -> None:
    owner = site.owner()
    sign_in, code = owner.code(publish_client(origin))
    owner.press(owner.get("/apps"), "Revoke access")
    assert owner.redeem(sign_in, code).json()["error"] == "invalid_grant"


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
    any_site.owner().tokens(client_id)
    with any_site.app.app_context():
        from demo.models import CodeRow, GrantRow, TokenRow, db

        assert [db.session.query(model).count() for model in (GrantRow, CodeRow, TokenRow)] == [1, 1, 1]

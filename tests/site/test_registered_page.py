"""The page of apps that registered themselves: also those that never got access are listed and can be removed."""

from __future__ import annotations

from typing import Any

import pytest

from tests.site.test_access import csrf_token
from tests.support.browser import REDIRECT, SignIn, Site, refusal_on, soup


@pytest.fixture
def site(make_site: Any) -> Site:
    found: Site = make_site(DEMO_DYNAMIC_REGISTRATION="1")
    return found


def register(site: Site, name: str | None = "Assistant", *, peer: str = "127.0.0.1") -> str:
    members = {"client_name": name, "redirect_uris": [REDIRECT], "token_endpoint_auth_method": "none"}
    sent = {key: value for key, value in members.items() if value}
    return str(site.browser(peer=peer).request("POST", "/register", json=sent).json()["client_id"])


def listed(site: Site) -> dict[str, str]:
    page = soup(site.owner().get("/apps/registered"))
    return {str(item["data-client"]): item.get_text(" ", strip=True) for item in page.select("[data-client]")}


def test_an_app_without_access_is_listed_and_removed(site: Site) -> None:
    unused, used = register(site, "<b>Unused</b>"), register(site, None)
    owner = site.owner()
    owner.tokens(used)
    found = listed(site)
    assert set(found) == {unused, used}
    assert "<b>Unused</b>" in found[unused]
    assert "no access" in found[unused]
    assert "An app without a name" in found[used]
    assert "has access" in found[used]
    page = owner.get("/apps/registered")
    answer = owner.press(page, "Remove", client_id=unused)
    assert answer.headers["Location"] == "/apps/registered"
    assert "The app was removed" in owner.get("/apps/registered").text
    assert set(listed(site)) == {used}
    assert refusal_on(owner.authorize(SignIn.begin(unused))) != ""
    (event,) = owner.get("/activity/export.json?kind=unregistered").json()
    assert event["app"] == unused
    assert owner.press(page, "Remove", client_id=unused).status_code == 404


def test_the_removal_of_an_app_ends_its_access(site: Site) -> None:
    client_id, owner = register(site), site.owner()
    bearer = {"Authorization": f"Bearer {owner.tokens(client_id)['access_token']}"}
    assert owner.get("/userinfo", headers=bearer).status_code == 200
    owner.press(owner.get("/apps/registered"), "Remove")
    assert owner.get("/userinfo", headers=bearer).status_code == 401


def test_the_list_has_pages(site: Site) -> None:
    names = {register(site, peer=f"198.51.{number}.1") for number in range(21)}
    owner = site.owner()
    first = soup(owner.get("/apps/registered"))
    second = soup(owner.get(str(first.select_one("a[rel=next]")["href"])))  # type: ignore[index]  # the page has the link
    shown = [str(item["data-client"]) for page in (first, second) for item in page.select("[data-client]")]
    assert (shown, second.select_one("a[rel=next]")) == (sorted(names), None)


@pytest.mark.parametrize("client_id", ["", "unknown", "\x00", "https://app.example/"])
def test_what_is_not_registered_cannot_be_removed(site: Site, client_id: str) -> None:
    owner = site.owner()
    form = {"csrf_token": csrf_token(owner.get("/account")), "client_id": client_id}
    assert owner.post("/apps/registered/remove", form).status_code == 404
    assert owner.get(f"/apps/registered?after={client_id}").status_code == 200


def test_a_site_without_registration_says_so(make_site: Any) -> None:
    assert "No app can register itself here" in make_site().owner().get("/apps/registered").text

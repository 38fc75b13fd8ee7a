"""The check that strangers may make: what it fetches, what it tells, how often, and the links to its results."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
import trustme
from sqlalchemy import func, select

from flask_cimd import Rule
from flask_cimd.clients import Explanation, Step, pack_explanation, unpack_explanation
from flask_cimd.core import sentence
from flask_cimd_site.check import results
from flask_cimd_site.models import db
from tests.support.browser import Browser, Site, publish_client, soup
from tests.support.demo import demo_in_process
from tests.support.keys import name_leads_to
from tests.support.origin import SocketOrigin, TLSOrigin, server_context

LIMIT = "1000 per hour"


@pytest.fixture(scope="module")
def open_site(tmp_path_factory: pytest.TempPathFactory, ca: trustme.CA, ca_bundle: Path) -> Iterator[Site]:
    """Run one site for this file that lets strangers check apps."""
    url = f"sqlite:///{tmp_path_factory.mktemp('check')}/demo.db"
    with demo_in_process(url, ca_bundle, DEMO_PUBLIC_CHECK="1", DEMO_CHECK_LIMIT=LIMIT) as site:
        yield site


@pytest.fixture
def limited_site(tmp_path: Path, ca_bundle: Path) -> Iterator[Site]:
    with demo_in_process(
        f"sqlite:///{tmp_path}/demo.db", ca_bundle, DEMO_PUBLIC_CHECK="1", DEMO_CHECK_LIMIT="2 per 10 minutes"
    ) as site:
        yield site


def check(browser: Browser, client_id: str) -> requests.Response:
    """Press the button, and follow to the result."""
    answer = browser.press(browser.get("/check"), "Check", client_id=client_id)
    assert answer.status_code == 303, answer.text
    return browser.get(answer.headers["Location"])


def csrf_token(page: requests.Response) -> str:
    return str(soup(page).select("main input[name=csrf_token]")[0]["value"])


def main(page: requests.Response) -> str:
    return soup(page).select("main")[0].get_text()


def rows(site: Site) -> int:
    with site.app.app_context(), db.engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(db.metadata.tables["check_result"])).scalar_one()


def chapters(page: requests.Response) -> dict[str, str]:
    """Return the outcome of each chapter."""
    return {str(one["data-chapter"]): " ".join(one["class"]) for one in soup(page).select("[data-chapter]")}


# -- the switch and the form ----------------------------------------------------------------------------------------


def test_it_is_off_by_default_for_everybody_but_the_owner(site: Site, origin: TLSOrigin) -> None:
    stranger = site.browser()
    form = {"client_id": origin.url(), "csrf_token": csrf_token(stranger.get("/login"))}
    assert stranger.get("/check").status_code == 404
    assert stranger.post("/check", form).status_code == 404
    assert origin.connections == 0
    assert site.owner().get("/check").status_code == 200


def test_a_get_request_fills_the_form_in_and_fetches_nothing(open_site: Site, origin: TLSOrigin) -> None:
    page = open_site.browser().get("/check", params={"client_id": publish_client(origin)})
    assert soup(page).select("#client_id")[0]["value"] == origin.url("/client.json")
    assert origin.connections == 0


def test_a_check_without_the_token_of_the_form_fetches_nothing(open_site: Site, origin: TLSOrigin) -> None:
    stranger = open_site.browser()
    stranger.get("/check")
    assert stranger.post("/check", {"client_id": publish_client(origin)}).status_code == 400
    assert origin.connections == 0


# -- the result -----------------------------------------------------------------------------------------------------


def test_a_stranger_sees_every_step_its_section_and_the_families(open_site: Site, origin: TLSOrigin) -> None:
    page = check(open_site.browser(), publish_client(origin, client_name="Notebook"))
    assert "This app can sign people in" in page.text
    assert chapters(page) == {
        "address": "holds",
        "way": "holds",
        "response": "holds",
        "document": "holds",
        "redirects": "holds",
        "proof": "holds",
    }
    sections = {link.get_text(): str(link["href"]) for link in soup(page).select(".rule a")}
    assert sections["CIMD §4.2"].endswith("-03#section-4.2")
    assert {"CIMD §3", "CIMD §9.6", "CIMD §5", "CIMD §4"} <= sections.keys()
    families = [str(one["data-family"]) for one in soup(page).select("[data-family]")]
    assert families == ["CIMD -02", "CIMD -03", "MCP", "IndieAuth", "AT Protocol", "ActivityPub API"]
    assert origin.count("/client.json") == 1
    assert "<" not in main(page), "an element stands on the page as text"


def test_a_broken_rule_is_told_with_its_section_and_what_comes_after_it_is_not_reached(
    open_site: Site, origin: TLSOrigin
) -> None:
    page = check(open_site.browser(), origin.serve("/gone.json", b"", status=404))
    assert "could not be read" in page.text
    assert chapters(page)["response"] == "broken"
    assert chapters(page)["document"] == "open"
    row = soup(page).select("[data-chapter=response] li.broken")[0]
    assert "Status 404 instead of 200." in row.get_text()
    assert [one.get_text() for one in row.select(".rule > *")] == ["status", "CIMD §5"]


def test_a_private_address_is_refused_in_a_sentence_that_does_not_name_it(
    open_site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    name_leads_to(monkeypatch, "inside.example", "10.1.2.3")
    page = check(open_site.browser(), "https://inside.example/client.json")
    assert "one of its addresses is private or special" in page.text
    assert "no-public-address" in page.text
    assert "10.1.2.3" not in page.text


def test_what_only_the_owner_knows_is_not_in_the_page_of_a_stranger(open_site: Site, origin: TLSOrigin) -> None:
    client_id = publish_client(origin, "/known.json")
    with open_site.app.test_request_context():
        open_site.app.extensions["cimd"].resolve(client_id)
        open_site.app.extensions["cimd"].admission.set_rule(Rule.parse(client_id, "trust"))
    stranger, owner = open_site.browser(), open_site.owner()
    shown = check(stranger, client_id)
    own = owner.press(owner.get("/check"), "Check", client_id=client_id)
    assert "What this site knows" in own.text
    assert "Trusted" in own.text
    assert "Connected to 127.0.0.1" in main(own)
    facts = [one.get_text() for one in soup(own).select("[data-own] dd")]
    assert facts[:2] == ["Trusted", client_id]
    assert "used until" in facts[2]
    assert "<" not in facts[2]
    for told in ("What this site knows", "Trusted", "to 127.0.0.1", "Rules of this site", "Your rules"):
        assert told not in main(shown)
    with open_site.app.test_request_context():
        open_site.app.extensions["cimd"].admission.set_rule(Rule.parse(client_id, "deny"))
    assert "This app can sign people in" in check(stranger, client_id).text
    refused = owner.press(owner.get("/explain"), "Check", client_id=client_id)
    assert "This site refuses the app" in refused.text


def test_a_check_leaves_nothing_that_a_sign_in_uses(open_site: Site, origin: TLSOrigin) -> None:
    client_id = publish_client(origin, "/fresh.json")
    check(open_site.browser(), client_id)
    with open_site.app.test_request_context():
        open_site.app.extensions["cimd"].resolve(client_id)
    assert origin.count("/fresh.json") == 2


def test_markup_and_bidirectional_marks_of_a_document_are_shown_as_text(open_site: Site, origin: TLSOrigin) -> None:
    body: dict[str, Any] = {
        "client_name": "<b>bold</b> \u202egnp.exe",
        "<script>alert(1)</script>": 1,
        "x\u202ey": 2,
        "redirect_uris": ["https://app.example/cb", "javascript:alert(1)"],
    }
    page = check(open_site.browser(), publish_client(origin, **body))
    assert "<script>" not in page.text
    assert "<b>bold" not in page.text
    assert "\u202e" not in page.text


def test_an_address_with_marks_is_shown_as_text(open_site: Site) -> None:
    page = check(open_site.browser(), "https://app.example/\u202e<b>" + "a" * 3000)
    assert "Not a client identifier URL." in page.text
    assert "\u202e" not in page.text
    assert "<b>a" not in page.text
    assert len(page.content) < 20_000


@pytest.mark.parametrize(
    "body",
    [
        b" " * 10_000_000,
        b"[" * 5000,
        json.dumps({f"m{number}": [] for number in range(500)}).encode(),
        json.dumps({"redirect_uris": [f"https://a.example/{number}" for number in range(180)]}).encode(),
    ],
    ids=["10 MB", "deep", "many members", "many redirects"],
)
def test_a_hostile_document_costs_a_bounded_page(open_site: Site, origin: TLSOrigin, body: bytes) -> None:
    client_id = origin.serve("/hostile.json", body, headers={"Content-Type": "application/json"})
    page = check(open_site.browser(), client_id)
    assert soup(page).select("[data-verdict]")[0]["data-verdict"] != "usable"
    assert len(page.content) < 40_000


def test_a_valid_document_with_hundreds_of_members_costs_a_bounded_page(open_site: Site, origin: TLSOrigin) -> None:
    more: dict[str, Any] = {f"m{number}": 1 for number in range(400)}
    page = check(open_site.browser(), publish_client(origin, **more))
    assert "This app can sign people in" in page.text
    assert "More members that this server does not read: 380." in page.text or "more are not shown" in page.text
    assert len(page.content) < 40_000


def test_a_host_that_never_ends_its_answer_is_left_at_the_deadline(
    tmp_path: Path, ca: trustme.CA, ca_bundle: Path
) -> None:
    def trickle(connection: Any, _: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
        slow.stopping.wait(30)

    url = f"sqlite:///{tmp_path}/demo.db"
    with (
        SocketOrigin(trickle, server_context(ca, "localhost")) as slow,
        demo_in_process(url, ca_bundle, DEMO_PUBLIC_CHECK="1", CIMD_FETCH_TIMEOUT="0.3") as site,
    ):
        page = check(site.browser(), f"https://localhost:{slow.port}/client.json")
    assert chapters(page)["response"] == "broken"
    assert "deadline" in main(page)


# -- the limits -----------------------------------------------------------------------------------------------------


def test_one_network_may_check_a_few_times_and_then_sees_a_page_that_says_so(
    limited_site: Site, origin: TLSOrigin
) -> None:
    stranger, client_id = limited_site.browser(), publish_client(origin)
    for _ in range(2):
        check(stranger, client_id)
    refused = stranger.press(stranger.get("/check"), "Check", client_id=client_id)
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "600")
    assert soup(refused).select("#refused")[0].get_text() == "Too many checks at once. Try again in 10 minutes."
    assert soup(refused).select("#client_id")[0]["value"] == client_id
    assert origin.count("/client.json") == 2
    owner = limited_site.owner()
    assert owner.press(owner.get("/check"), "Check", client_id=client_id).status_code == 200
    limited_site.clock.forward(minutes=11)
    check(stranger, client_id)


def test_all_networks_together_have_a_limit(limited_site: Site, origin: TLSOrigin) -> None:
    client, client_id = limited_site.app.test_client(), origin.serve("/broken", b"", status=500)
    token = re.findall('name="csrf_token" value="([^"]+)"', client.get("/check").text)[0]
    form = {"client_id": client_id + "#no-fetch", "csrf_token": token}

    def post(address: str) -> int:
        return client.post("/check", data=form, environ_base={"REMOTE_ADDR": address}).status_code

    assert [post(f"198.51.100.{number}") for number in range(24)] == [303] * 24
    assert post("203.0.113.1") == 429


# -- links to results -----------------------------------------------------------------------------------------------


def test_a_link_shows_the_result_to_anybody_and_never_fetches(open_site: Site, origin: TLSOrigin) -> None:
    page = check(open_site.browser(), publish_client(origin, "/linked.json"))
    name = page.url.rpartition("/")[2]
    assert len(name) == 24  # 144 bits
    again = open_site.browser().get(f"/check/{name}")
    assert "This app can sign people in" in again.text
    assert again.headers["X-Robots-Tag"] == "noindex, nofollow"
    assert soup(again).select("meta[name=robots]")[0]["content"] == "noindex, nofollow"
    assert origin.count("/linked.json") == 1


def test_the_owner_makes_a_link_that_tells_nothing_of_their_own(open_site: Site, origin: TLSOrigin) -> None:
    owner, client_id = open_site.owner(), publish_client(origin, "/shared.json")
    own = owner.press(owner.get("/explain"), "Check", client_id=client_id)
    link = owner.press(own, "Make a link for others").headers["Location"]
    shown = open_site.browser().get(link)
    assert "This app can sign people in" in shown.text
    assert "to 127.0.0.1" not in main(shown)
    assert not soup(shown).select("[data-own]")


def test_a_reader_gets_a_stored_result_in_their_language(open_site: Site, origin: TLSOrigin) -> None:
    page = check(open_site.browser(), origin.serve("/lost.json", b"", status=404))
    german = open_site.browser().get(page.url, headers={"Accept-Language": "de"})
    assert "Status 404 statt 200." in german.text


@pytest.mark.parametrize("name", ["A" * 24, "short", "a%00" + "b" * 20, "ü" * 24])
def test_an_unknown_link_is_not_found(open_site: Site, name: str) -> None:
    assert open_site.browser().get(f"/check/{name}").status_code == 404


def test_a_link_ends_after_a_week_and_is_swept_after_two(limited_site: Site, origin: TLSOrigin) -> None:
    page = check(limited_site.browser(), publish_client(origin))
    limited_site.clock.forward(days=6, hours=23)
    assert limited_site.browser().get(page.url).status_code == 200
    limited_site.clock.forward(hours=2)
    ended = limited_site.browser().get(page.url)
    assert (ended.status_code, ended.headers["X-Robots-Tag"]) == (410, "noindex, nofollow")
    assert "This result has ended" in ended.text
    with limited_site.app.app_context():
        assert results.sweep(limited_site.clock(), 100) == 0
        assert results.sweep(limited_site.clock() + timedelta(days=8), 100) == 1
    assert limited_site.browser().get(page.url).status_code == 404


def test_the_newest_results_are_kept_and_each_is_bounded(limited_site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "MOST", 3)
    found = Explanation(client_id="https://app.example/c.json")
    with limited_site.app.app_context():
        names = []
        for second in range(5):
            names.append(results.keep(found, limited_site.clock() + timedelta(seconds=second)))
        assert [results.find(str(name)) is not None for name in names] == [False, False, True, True, True]
        monkeypatch.setattr(results, "LARGEST", 20)
        assert results.keep(found, limited_site.clock()) is None
    assert rows(limited_site) == 3


def test_a_stored_result_bounds_what_came_from_outside() -> None:
    step = Step(
        name="/" + "n" * 900, outcome="remark", text=sentence("It calls itself %(name)s.", name="\u202e" + "x" * 900)
    )
    kept = unpack_explanation(pack_explanation(Explanation(client_id="c\u202e" * 900, steps=[step] * 500)))
    assert len(kept.steps) == 120
    assert len(kept.steps[0].text) < 230
    assert len(kept.client_id) <= 301
    assert "\u202e" not in kept.client_id + kept.steps[0].text


def test_a_stored_result_is_the_explanation_it_was(open_site: Site, origin: TLSOrigin) -> None:
    client_id = publish_client(origin, redirect_uris=["https://a.example/cb", "javascript:x"], jwks={"keys": 1})
    with open_site.app.test_request_context():
        found: Any = open_site.app.extensions["cimd"].explain(client_id, stranger="")
    kept = unpack_explanation(pack_explanation(found))

    def told(one: Explanation) -> list[tuple[str, list[str], str]]:
        return [(step.name, step.text.split(), step.rule) for step in one.steps]

    assert told(kept) == told(found)
    assert (kept.verdict, kept.families) == (found.verdict, found.families)

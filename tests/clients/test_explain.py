"""The explainer: the same rules as a sign-in, told to the client's developer step by step."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from PIL import Image

from flask_cimd import CIMD
from flask_cimd.clients.explanation import Explanation, Step, plain_text
from flask_cimd.errors import UnexpectedResponseError
from tests.support.clock import Clock
from tests.support.keys import KeyHolder
from tests.support.origin import TLSOrigin
from tests.support.proves import proves


@pytest.fixture
def app(ca_bundle: Path) -> Flask:
    app = Flask("app")
    app.config.update(CIMD_ALLOW_LOOPBACK=True, CIMD_CA_BUNDLE=str(ca_bundle), CIMD_DENIED_HOSTS=["denied.example"])
    CIMD(app)
    return app


@pytest.fixture
def cimd(app: Flask) -> Iterator[CIMD]:
    with app.app_context():
        yield app.extensions["cimd"]


def publish(origin: TLSOrigin, **members: Any) -> str:
    url = origin.url("/client.json")
    document = {
        "client_id": url,
        "client_name": "App",
        "redirect_uris": [origin.url("/cb"), "http://127.0.0.1/cb"],
        "token_endpoint_auth_method": "none",
        **members,
    }
    headers = {"Content-Type": "application/json", "Cache-Control": "max-age=600"}
    return origin.serve("/client.json", json.dumps(document).encode(), headers=headers)


def told(explanation: Explanation, name: str) -> list[Step]:
    return [step for step in explanation.steps if step.name == name]


def rules(explanation: Explanation) -> set[str]:
    return {step.rule for step in explanation.steps if step.outcome == "broken"}


def test_a_good_client_is_usable_and_every_step_is_told(cimd: CIMD, origin: TLSOrigin) -> None:
    found = cimd.explain(publish(origin))
    assert (found.verdict, found.exit_code) == ("usable", 0)
    names = [step.name for step in found.steps]
    for name in ("identifier", "policy", "resolve", "connect", "tls", "headers", "response", "lifetime"):
        assert name in names
    assert "TLSv1.3" in told(found, "tls")[0].text
    assert "600 seconds" in told(found, "lifetime")[0].text
    assert "character by character" in told(found, "/redirect_uris/0")[0].text
    assert "any port" in told(found, "/redirect_uris/1")[0].text


@proves("L-41")
def test_a_bot_protection_is_named_here_and_in_the_log(
    cimd: CIMD, origin: TLSOrigin, caplog: pytest.LogCaptureFixture
) -> None:
    url = origin.serve("/client.json", b"prove it", status=403, headers={"cf-mitigated": "challenge"})
    step = told(cimd.explain(url), "response")[0]
    assert (step.rule, "bot protection (cloudflare)" in step.text.lower()) == ("status", True)
    with caplog.at_level(logging.INFO), pytest.raises(UnexpectedResponseError):
        cimd.resolve(url)
    assert "a bot protection (Cloudflare) answered instead of the site" in caplog.text


def test_nothing_is_stored_and_each_run_looks_again(cimd: CIMD, origin: TLSOrigin) -> None:
    url = publish(origin)
    cimd.explain(url)
    cimd.explain(url)
    assert origin.count("/client.json") == 2
    assert len(cimd.store) == 0


def test_every_broken_rule_of_a_document_is_told_with_its_place_and_help(cimd: CIMD, origin: TLSOrigin) -> None:
    url = publish(origin, client_id="https://other.example/c", client_secret="x", redirect_uris="https://a.example/cb")
    found = cimd.explain(url)
    assert (found.verdict, found.exit_code) == ("refused", 1)
    assert {"mismatch", "secret-published", "wrong-type"} <= rules(found)
    assert all(step.help for step in found.steps if step.outcome == "broken")
    assert found.families == ()


@proves("C-97")
@pytest.mark.parametrize(
    ("client_id", "rule"),
    [
        ("http://app.example/c.json", "bad-scheme"),
        ("https://app.example/a/%2e%2e/c", "dot-segment"),
        ("https://denied.example/c.json", "host-denied"),
        ("https://app.example/\u202e\n\x1b[31m", "forbidden-character"),
    ],
)
def test_an_identifier_or_host_that_is_refused_costs_no_look_up(cimd: CIMD, client_id: str, rule: str) -> None:
    found = cimd.explain(client_id)
    assert found.verdict == "refused"
    assert rules(found) == {rule}
    assert not told(found, "resolve")
    assert all(line.isprintable() for line in plain_text(found))


@proves("C-29")
@pytest.mark.parametrize(
    ("status", "headers", "body", "rule"),
    [
        (301, {"Location": "/elsewhere"}, b"", "redirect"),
        (403, {"Content-Type": "text/html", "cf-mitigated": "challenge"}, b"<html>", "status"),
        (200, {"Content-Type": "text/plain"}, b"{}", "media-type"),
        (200, {"Content-Type": "text/\x1b[2J"}, b"{}", "media-type"),
        (200, {"Content-Type": "application/\x1b[2J+json"}, b"{}", "media-type"),
        (200, {"Content-Type": "application/json", "Content-Encoding": "gzip"}, b"x", "content-coding"),
        (200, {"Content-Type": "application/json"}, b" " * 6000, "too-large"),
    ],
)
def test_an_answer_that_will_not_do_is_told_with_its_headers_and_how_to_mend_it(
    cimd: CIMD, origin: TLSOrigin, status: int, headers: dict[str, str], body: bytes, rule: str
) -> None:
    url = origin.serve("/client.json", body, status=status, headers=headers)
    found = cimd.explain(url)
    assert (found.verdict, found.exit_code) == ("unreachable", 3)
    assert rules(found) == {rule}
    assert next(step for step in found.steps if step.rule == rule).help
    assert told(found, "tls")
    assert all(line.isprintable() for line in plain_text(found))
    shown = " ".join(step.text for step in told(found, "headers"))
    assert "cf-mitigated: challenge" in shown or rule != "status"


def test_a_certificate_of_another_name_is_told(app: Flask, cimd: CIMD, ca: Any) -> None:
    with TLSOrigin(ca, "elsewhere.example") as origin:
        found = cimd.explain(origin.url("/client.json"))
    assert rules(found) == {"tls-failed"}
    assert found.verdict == "unreachable"


@proves("C-43", "C-53", "C-54")
def test_members_that_are_dropped_filtered_or_unknown_are_told(cimd: CIMD, origin: TLSOrigin) -> None:
    url = publish(
        origin,
        logo_uri="data:image/png;base64,AA",
        grant_types=["authorization_code", "urn:ietf:params:oauth:grant-type:device_code"],
        redirect_uris=[origin.url("/cb"), "http://app.example/cb"],
        favourite_colour="green",
    )
    found = cimd.explain(url)
    assert found.verdict == "usable"
    assert told(found, "/logo_uri")[0].rule == "dropped"
    assert "device_code" in told(found, "/grant_types")[0].text
    assert told(found, "/favourite_colour")[0].rule == "ignored"
    assert {step.rule for step in found.steps if step.name == "/redirect_uris/1"} == {"insecure"}


def test_the_families_say_who_takes_the_client_and_why_not(cimd: CIMD, origin: TLSOrigin) -> None:
    verdicts = {family.family: family for family in cimd.explain(publish(origin)).families}
    assert list(verdicts) == ["CIMD -02", "CIMD -03", "MCP", "IndieAuth", "AT Protocol", "ActivityPub API"]
    assert verdicts["MCP"].accepts
    assert not verdicts["AT Protocol"].accepts
    assert "scope: scope must be a string that contains atproto." in verdicts["AT Protocol"].obstacles


def test_a_legacy_page_is_explained_as_one(cimd: CIMD, origin: TLSOrigin) -> None:
    page = b'<link rel="redirect_uri" href="/cb"><div class="h-app"><a class="u-url p-name" href="/">Old app</a></div>'
    url = origin.serve("/", page, headers={"Content-Type": "text/html"})
    found = cimd.explain(url)
    assert found.verdict == "usable"
    assert "Old app" in told(found, "page")[0].text
    assert [family.family for family in found.families if family.accepts] == ["IndieAuth"]


def test_a_client_that_a_rule_of_the_app_refuses_is_told(cimd: CIMD, origin: TLSOrigin) -> None:
    cimd.allow_client(lambda client: client.client_name != "App")
    found = cimd.explain(publish(origin))
    assert found.verdict == "refused"
    assert rules(found) == {"client-refused"}


def test_json_output_holds_what_the_lines_hold(cimd: CIMD, origin: TLSOrigin) -> None:
    found = cimd.explain(publish(origin))
    read = json.loads(found.to_json())
    assert read["verdict"] == "usable"
    assert len(read["steps"]) == len(found.steps)
    assert read["families"][0]["accepts"] is True
    assert plain_text(found)[-1] == "Verdict: usable"


@pytest.fixture
def key_cimd(ca_bundle: Path) -> Iterator[CIMD]:
    app = Flask("keys")
    app.config.update(
        CIMD_ALLOW_LOOPBACK=True, CIMD_CA_BUNDLE=str(ca_bundle), CIMD_AUTH_METHODS=("none", "private_key_jwt")
    )
    CIMD(app)
    with app.app_context():
        yield app.extensions["cimd"]


@proves("C-81")
@pytest.mark.parametrize(
    ("body", "status", "verdict", "rule", "text"),
    [
        (KeyHolder("", Clock()).jwks, 200, "usable", "", "keys at that address: 1 (one)"),
        ({"keys": []}, 200, "usable", "", "every key is withdrawn"),
        ({"keys": [{"kty": "oct", "k": "AAAA"}]}, 200, "refused", "symmetric-key", ""),
        ({"keys": 1}, 200, "refused", "not-a-jwks", ""),
        ({}, 503, "unreachable", "status", "Status 503"),
    ],
)
def test_the_keys_behind_an_address_are_looked_at(
    key_cimd: CIMD, origin: TLSOrigin, body: Any, status: int, verdict: str, rule: str, text: str
) -> None:
    uri = origin.serve(
        "/jwks.json", json.dumps(body).encode(), status=status, headers={"Content-Type": "application/json"}
    )
    found = key_cimd.explain(publish(origin, token_endpoint_auth_method="private_key_jwt", jwks_uri=uri))
    assert found.verdict == verdict
    last = [step for step in found.steps if step.name.startswith("keys")][-1]
    assert last.rule == rule
    assert text in last.text


def test_explanations_are_limited_like_sign_ins(ca_bundle: Path, origin: TLSOrigin) -> None:
    app = Flask("limited")
    app.config.update(CIMD_ALLOW_LOOPBACK=True, CIMD_CA_BUNDLE=str(ca_bundle), CIMD_SITE_FETCHES=2)
    cimd = CIMD(app)
    with app.app_context():
        found = [cimd.explain(publish(origin)) for _ in range(3)]
    assert [explanation.verdict for explanation in found] == ["usable", "usable", "unreachable"]
    assert rules(found[-1]) == {"too-many-fetches-of-site"}
    assert origin.count("/client.json") == 2


def test_each_entry_and_member_that_does_not_count_is_told_with_its_reason(cimd: CIMD, origin: TLSOrigin) -> None:
    uris = ["http://localhost:*/cb", origin.url("/cb"), "javascript://x/%0aalert(1)", "myapp:/cb"]
    members = {"redirect_uris": uris, "jwks_uri": "/jwks", "scope": ["a"], "tos_uri": None}
    found = cimd.explain(publish(origin, **members))
    assert found.verdict == "usable"
    remarks = {step.name: step.rule for step in found.steps if step.outcome == "remark"}
    assert {
        "/redirect_uris/0": "forbidden-character",
        "/redirect_uris/2": "bad-scheme",
        "/redirect_uris/3": "dotless-scheme",
        "/jwks_uri": "not-https",
        "/scope": "wrong-type",
    }.items() <= remarks.items()
    assert [step.outcome for step in told(found, "/redirect_uris/1")] == ["holds"]
    assert [step.text for step in told(found, "/tos_uri")] == ["null counts as absent."]
    assert "allow_dotless_schemes in CIMD_PROFILE" in told(found, "/redirect_uris/3")[0].help
    assert found.families


def test_where_no_entry_is_left_each_is_told(cimd: CIMD, origin: TLSOrigin) -> None:
    found = cimd.explain(publish(origin, redirect_uris=["http://localhost:*/cb", "myapp:/cb"]))
    assert (found.verdict, rules(found)) == ("refused", {"none-usable"})
    (left,) = told(found, "/redirect_uris/0")
    assert (left.outcome, left.rule) == ("remark", "forbidden-character")


def test_keys_that_the_client_does_not_use_do_not_decide(cimd: CIMD, origin: TLSOrigin) -> None:
    found = cimd.explain(publish(origin, jwks_uri=origin.url("/missing.json")))
    assert found.verdict == "usable"
    assert origin.count("/missing.json") == 0


def test_what_is_left_out_is_logged_with_the_setting_that_takes_it(
    cimd: CIMD, origin: TLSOrigin, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "flask_cimd"):
        cimd.resolve(publish(origin, redirect_uris=[origin.url("/cb"), "myapp:/cb"], jwks_uri=7))
    (line,) = [record.getMessage() for record in caplog.records if "left out" in record.getMessage()]
    assert "/redirect_uris/1 dotless-scheme: allow_dotless_schemes in CIMD_PROFILE" in line
    assert "/jwks_uri wrong-type" in line
    assert "myapp" not in line


def test_where_logos_are_off_that_is_why_there_is_none(cimd: CIMD, origin: TLSOrigin) -> None:
    found = cimd.explain(publish(origin, logo_uri=origin.url("/logo.png")))
    assert [(step.outcome, step.rule) for step in told(found, "logo")] == [("remark", "logos-off")]
    assert origin.count("/logo.png") == 0


@pytest.mark.parametrize(
    ("media_type", "body", "outcome", "rule", "text"),
    [
        ("image/png", b"not a picture", "remark", "not-a-picture", "not an image"),
        ("text/plain", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "remark", "not-a-picture", "SVG"),
        ("image/svg+xml", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "remark", "media-type", "image/svg+xml"),
        ("text/html", b"<html>", "remark", "media-type", "text/html"),
        ("image/png", b"0" * 600_000, "remark", "too-large", "bytes"),
        ("application/octet-stream", None, "holds", "", "can be shown"),
    ],
)
def test_a_logo_that_is_not_shown_has_a_reason(
    ca_bundle: Path, origin: TLSOrigin, media_type: str, body: bytes | None, outcome: str, rule: str, text: str
) -> None:
    app = Flask("app")
    app.config.update(CIMD_ALLOW_LOOPBACK=True, CIMD_CA_BUNDLE=str(ca_bundle), CIMD_LOGOS=True)
    cimd = CIMD(app)
    if body is None:
        drawn = io.BytesIO()
        Image.new("RGB", (9, 9)).save(drawn, "PNG")
        body = drawn.getvalue()
    logo = origin.serve("/logo", body, headers={"Content-Type": media_type})
    with app.app_context():
        found = cimd.explain(publish(origin, logo_uri=logo))
    (step,) = told(found, "logo")
    assert (step.outcome, step.rule) == (outcome, rule)
    assert text in step.text
    assert found.verdict == "usable"

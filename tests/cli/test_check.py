"""``python -m flask_cimd check``: a client's document, before and after it is published."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from flask_cimd.cli.explain import main
from flask_cimd.core.families import FAMILIES
from tests.support.origin import TLSOrigin, publish_document

URL = "https://app.example.com/client.json"
#: A document that every family takes.
DOCUMENT: dict[str, Any] = {
    "client_id": URL,
    "client_name": "App",
    "client_uri": "https://app.example.com/",
    "redirect_uris": ["https://app.example.com/callback"],
    "grant_types": ["authorization_code", "refresh_token"],
    "response_types": ["code"],
    "scope": "atproto read",
    "token_endpoint_auth_method": "none",
    "dpop_bound_access_tokens": True,
}

Check = Callable[..., Result]


@pytest.fixture
def check(tmp_path: Path) -> Check:
    """Return the command for a document with changed members; ``None`` leaves one out."""

    def run(*options: str, **changes: Any) -> Result:
        members = {name: value for name, value in {**DOCUMENT, **changes}.items() if value is not None}
        file = tmp_path / "client.json"
        file.write_text(json.dumps(members))
        return CliRunner().invoke(main, ["check", str(file), *options])

    return run


def test_a_good_document_is_taken_by_every_family(check: Check) -> None:
    result = check("--json", *(f"--family={family}" for family in FAMILIES))
    found = json.loads(result.stdout)
    assert (result.exit_code, found["verdict"], found["problems"]) == (0, "usable", [])
    assert [family["family"] for family in found["families"] if family["accepts"]] == list(FAMILIES)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"redirect_uris": []}, "/redirect_uris"),
        ({"redirect_uris": ["https://app.example.com/cb", "javascript:alert(1)"]}, "servers would ignore javascript"),
        ({"client_secret": "s"}, "/client_secret"),
        ({"token_endpoint_auth_method": None}, "/token_endpoint_auth_method"),
        ({"client_id": "https://app.example.com/"}, "client_id root-path"),
        ({"client_id": 5}, "/client_id missing"),
        ({"client_id": "http://app.example.com/c"}, "client_id bad-scheme"),
        ({"logo_uri": "http://app.example.com/l.png"}, "/logo_uri not-https"),
    ],
)
def test_a_document_that_servers_refuse_is_a_no(check: Check, changes: dict[str, Any], told: str) -> None:
    result = check("--json", **changes)
    problems = json.loads(result.stdout)["problems"]
    assert (result.exit_code, any(problem.startswith(told) or told in problem for problem in problems)) == (1, True)
    assert "Verdict: refused" in check(**changes).stdout


def test_a_demanded_family_that_does_not_take_it_is_a_no(check: Check) -> None:
    assert check(dpop_bound_access_tokens=None).exit_code == 0
    assert check("--family=AT Protocol", dpop_bound_access_tokens=None).exit_code == 1
    assert check("--family=MCP", dpop_bound_access_tokens=None).exit_code == 0
    assert check("--family=Other").exit_code == 2


def test_the_next_draft_is_judged_apart(check: Check) -> None:
    families = json.loads(check("--json", client_id=f"{URL}?v=1").stdout)["families"]
    accepts = {family["family"]: family["accepts"] for family in families}
    assert (accepts["CIMD -02"], accepts["CIMD -03"], accepts["MCP"]) == (True, True, True)


def test_the_url_of_a_file_can_be_given(check: Check) -> None:
    assert check("--client-id", URL).exit_code == 0
    assert check("--client-id", "https://other.example.com/c.json").exit_code == 1


def test_what_is_no_json_or_no_file(tmp_path: Path) -> None:
    file = tmp_path / "c.json"
    file.write_bytes(b"{")
    assert CliRunner().invoke(main, ["check", str(file)]).exit_code == 1
    assert CliRunner().invoke(main, ["check", str(tmp_path / "none.json")]).exit_code == 2
    assert CliRunner().invoke(main, ["check"]).exit_code == 2


def test_a_published_document_is_read_where_it_is(
    origin: TLSOrigin, ca_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLASK_CIMD_CA_BUNDLE", str(ca_bundle))
    url = publish_document(origin)
    run = CliRunner().invoke
    good = run(main, ["check", url, "--allow-loopback", "--json"])
    assert (good.exit_code, json.loads(good.stdout)["verdict"]) == (0, "usable")
    assert run(main, ["check", url]).exit_code == 1  # an address on this computer
    origin.serve("/client.json", b"{}", headers={"Content-Type": "application/json"})
    assert run(main, ["check", url, "--allow-loopback"]).exit_code == 1
    origin.serve("/client.json", b"", status=503)
    later = run(main, ["check", url, "--allow-loopback", "--json"])
    assert (later.exit_code, json.loads(later.stdout)["verdict"]) == (3, "unreachable")


def test_a_url_alone_is_still_explained() -> None:
    command = [sys.executable, "-m", "flask_cimd", "https://10.0.0.1/client.json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, "ip-address" in done.stdout) == (1, True)

"""The demo's environment: what starts, and what refuses to."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from flask_cimd import ConfigurationError
from flask_cimd.settings import SETTINGS
from flask_cimd_site.config import Configuration
from tests.support.proves import proves

GOOD = {
    "DEMO_BASE_URL": "https://me.example",
    "DEMO_OWNER_PASSWORD": "a password of my own",
    "DEMO_SECRET_KEY": "a key of my own",
    "DEMO_DATABASE_URL": "sqlite://",
}


def read(**changes: str | None) -> Configuration:
    environment = {name: value for name, value in {**GOOD, **changes}.items() if value is not None}
    return Configuration.from_environment(environment)


def test_four_variables_are_enough_for_production() -> None:
    found = read()
    assert found.base_url == "https://me.example"
    assert found.me == "https://me.example/"
    assert not found.development
    assert found.is_https


@pytest.mark.parametrize("url", ["https://Me.Example", "HTTPS://me.example", "https://ME.example:8443"])
def test_an_origin_in_upper_case_is_refused_with_the_right_spelling(url: str) -> None:
    with pytest.raises(ConfigurationError, match=f"DEMO_BASE_URL .*: {url.lower()}$"):
        read(DEMO_BASE_URL=url)


@proves("IA-05 … IA-10", "O-42")
@pytest.mark.parametrize(
    "changes",
    [
        {"DEMO_BASE_URL": None},
        {"DEMO_BASE_URL": "http://me.example"},
        {"DEMO_BASE_URL": "http://me.example", "DEMO_DEVELOPMENT": "1"},
        {"DEMO_BASE_URL": "http://127.0.0.1:5000"},
        {"DEMO_BASE_URL": "https://me.example/"},
        {"DEMO_BASE_URL": "https://me.example/site"},
        {"DEMO_BASE_URL": "https://me.example?a"},
        {"DEMO_BASE_URL": "https://user@me.example"},
        {"DEMO_BASE_URL": "me.example"},
        {"DEMO_OWNER_PASSWORD": "let-me-in"},
        {"DEMO_OWNER_PASSWORD": "eleven char"},
        {"DEMO_OWNER_PASSWORD_HASH": "scrypt:32768:8:1$saltsalt$" + "0" * 128},  # beside a password
        {"DEMO_OWNER_PASSWORD_HASH": "a password", "DEMO_OWNER_PASSWORD": None},
        {"DEMO_OWNER_PASSWORD_HASH": "scrypt:1024:8:1$saltsalt$" + "0" * 128, "DEMO_OWNER_PASSWORD": None},
        {"DEMO_OWNER_PASSWORD_HASH": "scrypt:4194304:8:1$saltsalt$" + "0" * 128, "DEMO_OWNER_PASSWORD": None},
        {"DEMO_OWNER_PASSWORD_HASH": "scrypt:32767:8:1$saltsalt$" + "0" * 128, "DEMO_OWNER_PASSWORD": None},
        {"DEMO_SECRET_KEY": None},
        {"DEMO_SECRET_KEY": "development"},
        {"DEMO_SECRET_KEY": "short"},
        {"DEMO_OWNER_PASSWORD": "bytes that are \udcff no text"},
        {"DEMO_SECRET_KEY": "bytes that are \udcff no text"},
        {"DEMO_PORT": "0"},
        {"DEMO_PORT": "65536"},
        {"DEMO_PORT": "http"},
        {"DEMO_LOGIN_LIMIT": "10 per fortnight"},
        {"DEMO_LOGIN_LIMIT": "0 per minute"},
        {"DEMO_PUSH_LIMIT": "many"},
        {"DEMO_OWNER_LINKS": "https://a.example/ javascript:alert(1)"},
        {"DEMO_OWNER_LINKS": "https://a.example@b.example/"},
        {"DEMO_ZONE": "Europe/Nowhere"},
        {"DEMO_ZONE": "../../etc/passwd"},
        {"DEMO_ZONE": "Europe"},
        {"DEMO_MCP_URL": "https://me@me.example/mcp"},
        {"DEMO_MCP_URL": "http://mcp.example/mcp"},
        {"DEMO_MCP_URL": "http://127.0.0.1:5008/mcp"},
        {"DEMO_MCP_URL": "http://mcp.example/mcp", "DEMO_DEVELOPMENT": "1"},
        {"DEMO_ME": "me.example"},
        {"DEMO_ME": "https://me.example"},
        {"DEMO_ME": "https://me.example/../x"},
        {"DEMO_ME": "https://me.example/#me"},
        {"DEMO_ME": "https://user@me.example/"},
        {"DEMO_ME": "https://me.example:8443/"},
        {"DEMO_ME": "https://127.0.0.1/"},
        {"DEMO_ME": "mailto:me@me.example"},
    ],
)
def test_refuses_to_start(changes: dict[str, str | None]) -> None:
    # And the sentence names the variable.
    with pytest.raises(ConfigurationError, match=next(iter(changes)).removeprefix("DEMO_BASE_URL") or "issuer|origin"):
        read(**changes)


def test_a_missing_origin_is_asked_for() -> None:
    with pytest.raises(ConfigurationError, match="DEMO_BASE_URL is not set"):
        read(DEMO_BASE_URL=None)


def test_no_default_password_is_ever_taken_outside_development() -> None:
    assert read(DEMO_DEVELOPMENT="0", DEMO_OWNER_PASSWORD="").owner_password is None


def test_a_hash_takes_the_place_of_the_password() -> None:
    given = "scrypt:32768:8:1$saltsalt$" + "0" * 128
    found = read(DEMO_OWNER_PASSWORD=None, DEMO_OWNER_PASSWORD_HASH=given)
    assert (found.owner_password, found.owner_password_hash) == (None, given)


def test_development_takes_a_short_password_and_has_one_of_its_own() -> None:
    # Design §5.2: scripts log in with the one that `make demo` prints, or with one that they chose.
    assert read(DEMO_DEVELOPMENT="1", DEMO_OWNER_PASSWORD="short").owner_password == "short"
    assert read(DEMO_DEVELOPMENT="1", DEMO_OWNER_PASSWORD=None).owner_password == "let-me-in"
    assert read(DEMO_DEVELOPMENT="1", DEMO_OWNER_PASSWORD=None, DEMO_FIRST_RUN="1").owner_password is None


@pytest.mark.parametrize(("value", "on"), [("1", True), ("true", True), ("0", False), ("", False), ("no", False)])
def test_development_is_on_when_it_is_said(value: str, on: bool) -> None:
    assert read(DEMO_DEVELOPMENT=value).development is on


def test_development_is_loud_in_the_log(make_site: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    make_site()
    assert any("DEMO_DEVELOPMENT" in record.getMessage() for record in caplog.records)


@proves("IA-118")
@pytest.mark.parametrize(("host", "warned"), [("127.0.0.1", False), ("elsewhere.example", True)])
def test_an_owners_address_elsewhere_is_named_in_the_log_and_not_fetched(
    make_site: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, host: str, warned: bool
) -> None:
    # The site must speak for its owner's page; the set-up page looks whether it does
    caplog.set_level(logging.WARNING)
    looked_up: list[Any] = []
    monkeypatch.setattr("socket.getaddrinfo", lambda *args, **_: looked_up.append(args))
    make_site(DEMO_ME=f"http://{host}/")
    told = [record.getMessage() for record in caplog.records if "DEMO_ME" in record.getMessage()]
    assert bool(told) is warned
    assert all(f"http://{host}/" in line and "http://127.0.0.1:5000/setup" in line for line in told)
    assert looked_up == []


def test_loopback_is_open_in_development_alone() -> None:
    assert "CIMD_ALLOW_LOOPBACK" not in read().cimd
    assert read(DEMO_DEVELOPMENT="1").cimd["CIMD_ALLOW_LOOPBACK"] == "1"
    assert read(DEMO_DEVELOPMENT="1", CIMD_ALLOW_LOOPBACK="0").cimd["CIMD_ALLOW_LOOPBACK"] == "0"


def test_every_setting_of_the_library_is_read_under_its_own_name() -> None:
    # Design §5.2
    given = {setting.key: f"value of {setting.key}" for setting in SETTINGS}
    expected = given | {
        "CIMD_PROFILE": f"allow_loopback_clients, allow_virtual_clients, {given['CIMD_PROFILE']}",
    }
    assert read(**given).cimd == expected
    # Unknown keys are passed on: the extension logs them with the nearest valid name.
    assert read(CIMD_NO_SUCH_KEY="1").cimd["CIMD_NO_SUCH_KEY"] == "1"


@pytest.mark.parametrize("scheme", ["postgres", "postgresql"])
def test_postgresql_means_psycopg_3(scheme: str) -> None:
    # Design §5.1
    assert read(DEMO_DATABASE_URL=f"{scheme}://u@h/d").database_url == "postgresql+psycopg://u@h/d"

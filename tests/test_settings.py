"""Settings are read once, bounded, and say what is wrong."""

import logging
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from flask_cimd import ConfigurationError, Profile
from flask_cimd.clients.fetching import fetch_settings
from flask_cimd.core.legacy import LegacyRules
from flask_cimd.core.policy import HostPattern
from flask_cimd.settings import SETTINGS, Settings
from tests.support.proves import proves

ROOT = Path(__file__).resolve().parents[1]


@proves("C-37", "C-60")
def test_an_empty_configuration_gives_the_documented_defaults() -> None:
    settings = Settings.from_config({})
    assert settings.max_document_size == 5120
    assert settings.max_html_size == 262144
    assert settings.bounds.minimum == timedelta(seconds=60)
    assert settings.bounds.default == timedelta(hours=1)
    assert settings.bounds.maximum == timedelta(hours=24)
    assert fetch_settings(settings).timeout == 5
    assert settings.max_fetches == 4
    assert not fetch_settings(settings).allow_loopback
    assert settings.indieauth == "2024"
    assert len(SETTINGS) <= 34


def test_durations_may_be_timedeltas_and_flags_may_be_words() -> None:
    settings = Settings.from_config(
        {
            "CIMD_FETCH_TIMEOUT": timedelta(seconds=3),
            "CIMD_INDIEAUTH": "off",
            "CIMD_ALLOWED_PORTS": "443, 8443",
        }
    )
    assert fetch_settings(settings).timeout == 3
    assert settings.indieauth is False
    assert fetch_settings(settings).allowed_ports == (443, 8443)


@proves("C-39")
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("CIMD_FETCH_TIMEOUT", 11),  # hard ceiling 10 s
        ("CIMD_FETCH_TIMEOUT", "soon"),
        ("CIMD_MAX_DOCUMENT_SIZE", 0),
        ("CIMD_MAX_FETCHES", 0),
        ("CIMD_ALLOWED_PORTS", [70000]),
        ("CIMD_ALLOWED_HOSTS", ["https://app.example"]),
        ("CIMD_AUTH_METHODS", ["client_secret_basic"]),
        ("CIMD_STORE", "pickle"),
        ("CIMD_STORE", "redis"),
        ("CIMD_PROFILE", "lax"),
        ("CIMD_PROFILE", "draft, allow_query=maybe"),
        ("CIMD_PROFILE", "redirect_relation=same"),
        ("CIMD_PROFILE", "redirect_exempt_hosts=https://dev.example"),
        ("CIMD_PROFILE", {"allow_query": False}),
        ("CIMD_INDIEAUTH", "2020"),
        ("CIMD_INDIEAUTH", True),
        ("CIMD_ALLOW_HTTP_CLIENTS", "maybe"),
        ("CIMD_DEVELOPMENT_HOSTS", "client.example.com=10.0.0.5:443"),
        ("CIMD_DEVELOPMENT_HOSTS", "nonsense"),
        ("CIMD_PRIVATE_HOSTS", "app.corp.example"),
        ("CIMD_PRIVATE_HOSTS", "app.corp.example="),
        ("CIMD_PRIVATE_HOSTS", {"app.corp.example": []}),
        ("CIMD_PRIVATE_HOSTS", "app.corp.example=10.1.2.3/16"),
        ("CIMD_PRIVATE_HOSTS", "app.corp.example=intranet"),
        ("CIMD_PRIVATE_HOSTS", "app.corp.example=0.0.0.0/0"),
        ("CIMD_PRIVATE_HOSTS", "app.corp.example=10.0.0.0/8 ::/0"),
        ("CIMD_PRIVATE_HOSTS", "app.corp.example=127.0.0.0/8"),
        ("CIMD_PRIVATE_HOSTS", "app.corp.example=::1"),
        ("CIMD_PRIVATE_HOSTS", "app.corp.example=169.254.0.0/16"),
        ("CIMD_PRIVATE_HOSTS", "app.corp.example=fe80::/64"),
        ("CIMD_PRIVATE_HOSTS", "app.corp.example=fd00:ec2::254"),
        ("CIMD_PRIVATE_HOSTS", ".corp.example=10.0.0.0/8"),
        ("CIMD_PRIVATE_HOSTS", "*.corp.example=10.0.0.0/8"),
        ("CIMD_PRIVATE_HOSTS", "10.0.0.5=10.0.0.0/8"),
        ("CIMD_PRIVATE_HOSTS", "localhost=10.0.0.0/8"),
        ("CIMD_PRIVATE_HOSTS", "intranet=10.0.0.0/8"),
        ("CIMD_PROXY", "socks5://proxy.example"),
        ("CIMD_CACHE_MIN", 7200),  # above the default lifetime
    ],
)
def test_an_unusable_value_stops_the_start(key: str, value: object) -> None:
    with pytest.raises(ConfigurationError, match=f"^{key}"):
        fetch_settings(Settings.from_config({key: value}))


@pytest.mark.parametrize(
    ("key", "nearest"),
    [
        ("CIMD_FETCH_TIMOUT", "CIMD_FETCH_TIMEOUT"),
        ("CIMD_INDIEAUTH_FALLBACK", "CIMD_INDIEAUTH"),
        ("CIMD_REQUIRE_PKCE", "CIMD_INDIEAUTH"),
        ("CIMD_LEGACY_RESPONSE_TYPE", "CIMD_INDIEAUTH"),
        ("CIMD_ALLOW_QUERY", "allow_query in CIMD_PROFILE"),
        ("CIMD_REDIRECT_RELATION", "redirect_relation in CIMD_PROFILE"),
        ("CIMD_REDIS_URL", "CIMD_STORE"),
    ],
)
def test_an_unknown_key_is_named_with_the_nearest_valid_one(
    caplog: pytest.LogCaptureFixture, key: str, nearest: str
) -> None:
    Settings.from_config({key: 3})
    assert f"unknown setting {key}; did you mean {nearest}?" in caplog.text


def test_loopback_is_loud_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        Settings.from_config({"CIMD_ALLOW_LOOPBACK": True})
    assert "never use this in production" in caplog.text


def test_development_hosts_need_the_loopback_switch() -> None:
    hosts = {"CIMD_DEVELOPMENT_HOSTS": "Client.Example.com=127.0.0.1:9443,other.example=[::1]:9444"}
    assert fetch_settings(Settings.from_config(hosts)).development_hosts == {}
    settings = Settings.from_config({**hosts, "CIMD_ALLOW_LOOPBACK": True})
    assert fetch_settings(settings).development_hosts == {
        "client.example.com": ("127.0.0.1", 9443),
        "other.example": ("::1", 9444),
    }


@pytest.mark.parametrize(
    "value",
    [
        "App.Corp.Example=10.1.0.0/16 fd12::/16,nas.home.arpa=192.168.1.7",
        {"app.corp.example": ["10.1.0.0/16", "fd12::/16"], "nas.home.arpa": "192.168.1.7"},
    ],
)
def test_private_hosts_are_exact_names_with_networks_and_loud_at_start(
    caplog: pytest.LogCaptureFixture, value: object
) -> None:
    with caplog.at_level(logging.WARNING):
        hosts = fetch_settings(Settings.from_config({"CIMD_PRIVATE_HOSTS": value})).private_hosts
    assert hosts == {
        "app.corp.example": (ip_network("10.1.0.0/16"), ip_network("fd12::/16")),
        "nas.home.arpa": (ip_network("192.168.1.7/32"),),
    }
    assert "clients on app.corp.example are fetched inside 10.1.0.0/16, fd12::/16" in caplog.text


def test_the_strict_profile_accepts_no_indieauth_client_unless_the_setting_says_so() -> None:
    strict = Settings.from_config({"CIMD_PROFILE": "strict"})
    assert (strict.identifier_rules.allow_root_path, strict.identifier_rules.allow_query) == (False, False)
    assert strict.indieauth is False
    both = Settings.from_config({"CIMD_PROFILE": "strict, allow_query", "CIMD_INDIEAUTH": "2024"})
    assert (both.identifier_rules.allow_root_path, both.identifier_rules.allow_query) == (False, True)
    assert both.indieauth == "2024"


@pytest.mark.parametrize(
    ("value", "version", "legacy"),
    [
        ("2024", "2024", LegacyRules()),
        (2024, "2024", LegacyRules()),
        ("2022", "2022", LegacyRules(require_pkce=False)),
        ("2019", "2019", LegacyRules(require_pkce=False, response_type=True, me=True)),
        *(
            (off, False, LegacyRules(redeem=False, token_verification=False, revoke=False, endpoint_rels=False))
            for off in (False, "0", "off", "")
        ),
    ],
)
def test_indieauth_is_a_version_or_off(value: object, version: object, legacy: LegacyRules) -> None:
    settings = Settings.from_config({"CIMD_INDIEAUTH": value})
    assert (settings.indieauth, settings.legacy) == (version, legacy)


def test_without_indieauth_its_other_switches_have_no_effect() -> None:
    config = {
        "CIMD_INDIEAUTH": False,
        "CIMD_ALLOW_HTTP_CLIENTS": True,
        "CIMD_CONTINUE_WITHOUT_CLIENT_INFO": True,
        "CIMD_PROFILE": "follow_page_redirects",
    }
    settings = Settings.from_config(config)
    assert not fetch_settings(settings).allow_http
    assert not settings.continue_without_client_info
    assert not settings.profile.follow_page_redirects
    on = Settings.from_config(config | {"CIMD_INDIEAUTH": "2024"})
    assert fetch_settings(on).allow_http
    assert on.continue_without_client_info
    assert on.profile.follow_page_redirects


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("allow_dotless_schemes", True),
        ("require_auth_method", True),
        ("localhost_any_port", False),
        ("logo_policy", "same-site"),
        ("redirect_relation", "same-origin"),
        ("redirect_exempt_hosts", (HostPattern("dev.example"),)),
    ],
)
def test_the_profile_reaches_the_rules_of_documents(field: str, value: Any) -> None:
    given = ("dev.example",) if field == "redirect_exempt_hosts" else value
    rules = Settings.from_config({"CIMD_PROFILE": Profile(**{field: given})}).document_rules
    assert getattr(rules, field) == value
    assert getattr(Settings.from_config({}).document_rules, field) != value


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("allow_root_path", False),
        ("allow_query", False),
        ("allow_loopback_clients", True),
        ("allow_virtual_clients", True),
    ],
)
def test_the_profile_reaches_the_rules_of_identifiers(field: str, value: bool) -> None:
    rules = Settings.from_config({"CIMD_PROFILE": Profile(**{field: value})}).identifier_rules
    assert getattr(rules, field) is value
    assert getattr(Settings.from_config({}).identifier_rules, field) is not value


def test_every_setting_is_documented_and_its_default_readable() -> None:
    for setting in SETTINGS:
        assert setting.note
        assert setting.read(setting.default) == getattr(Settings(), setting.name)
    numbers = {s.key for s in SETTINGS if isinstance(s.default, int) and not isinstance(s.default, bool)}
    assert {s.key for s in SETTINGS if s.unit} == numbers | {"CIMD_CACHE_SIZE"}


def test_a_switch_that_the_draft_contradicts_warns_at_start(caplog: pytest.LogCaptureFixture) -> None:
    assert Settings.from_config({"CIMD_PROFILE": "require_auth_method"}).document_rules.require_auth_method
    assert "require_auth_method in CIMD_PROFILE is deprecated" in caplog.text

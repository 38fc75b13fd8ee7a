"""Settings are read once, bounded, and say what is wrong."""

import logging
from datetime import timedelta

import pytest

from flask_cimd.errors import ConfigurationError
from flask_cimd.settings import SETTINGS, Settings
from tests.support.proves import proves


@proves("C-37", "C-60")
def test_an_empty_configuration_gives_the_documented_defaults() -> None:
    settings = Settings.from_config({})
    assert settings.max_document_size == 5120
    assert settings.max_html_size == 262144
    assert settings.bounds.minimum == timedelta(seconds=60)
    assert settings.bounds.default == timedelta(hours=1)
    assert settings.bounds.maximum == timedelta(hours=24)
    assert settings.fetch.timeout == 5
    assert settings.max_fetches == 4
    assert not settings.fetch.allow_loopback
    assert settings.indieauth_fallback


def test_durations_may_be_timedeltas_and_flags_may_be_words() -> None:
    settings = Settings.from_config(
        {
            "CIMD_FETCH_TIMEOUT": timedelta(seconds=3),
            "CIMD_INDIEAUTH_FALLBACK": "off",
            "CIMD_ALLOWED_PORTS": "443, 8443",
        }
    )
    assert settings.fetch.timeout == 3
    assert not settings.indieauth_fallback
    assert settings.fetch.allowed_ports == (443, 8443)


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
        ("CIMD_PROFILE", "lax"),
        ("CIMD_ALLOW_QUERY", "maybe"),
        ("CIMD_DEVELOPMENT_HOSTS", "client.example.com=10.0.0.5:443"),
        ("CIMD_DEVELOPMENT_HOSTS", "nonsense"),
        ("CIMD_CACHE_MIN", 7200),  # above the default lifetime
    ],
)
def test_an_unusable_value_stops_the_start(key: str, value: object) -> None:
    with pytest.raises(ConfigurationError, match="CIMD_"):
        Settings.from_config({key: value})


def test_an_unknown_key_is_named_with_the_nearest_valid_one(caplog: pytest.LogCaptureFixture) -> None:
    Settings.from_config({"CIMD_FETCH_TIMOUT": 3})
    assert "CIMD_FETCH_TIMOUT" in caplog.text
    assert "did you mean CIMD_FETCH_TIMEOUT?" in caplog.text


def test_loopback_is_loud_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        Settings.from_config({"CIMD_ALLOW_LOOPBACK": True})
    assert "never use this in production" in caplog.text


def test_development_hosts_need_the_loopback_switch() -> None:
    hosts = {"CIMD_DEVELOPMENT_HOSTS": "Client.Example.com=127.0.0.1:9443,other.example=[::1]:9444"}
    assert Settings.from_config(hosts).fetch.development_hosts == {}
    settings = Settings.from_config({**hosts, "CIMD_ALLOW_LOOPBACK": True})
    assert settings.fetch.development_hosts == {
        "client.example.com": ("127.0.0.1", 9443),
        "other.example": ("::1", 9444),
    }


def test_the_strict_profile_tightens_and_explicit_keys_win() -> None:
    strict = Settings.from_config({"CIMD_PROFILE": "strict"})
    assert not strict.identifier_rules.allow_root_path
    assert not strict.identifier_rules.allow_query
    assert not strict.indieauth_fallback
    assert Settings.from_config({"CIMD_PROFILE": "strict", "CIMD_ALLOW_QUERY": True}).identifier_rules.allow_query


def test_every_setting_has_a_note_and_a_readable_default() -> None:
    for setting in SETTINGS:
        assert setting.note
        setting.read(setting.default)

"""The visitor's address behind proxies: what trusted proxies wrote counts, what the visitor wrote does not."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from flask_cimd import ConfigurationError
from flask_cimd_site.config import Configuration
from flask_cimd_site.proxies import behind_proxies

SECRETS = {"DEMO_OWNER_PASSWORD": "a password of my own", "DEMO_SECRET_KEY": "a key of my own"}


def trusted(text: str) -> Any:
    return Configuration.from_environment(
        {"DEMO_BASE_URL": "https://me.example", "DEMO_TRUSTED_PROXIES": text, **SECRETS}
    ).trusted_proxies


def seen(proxies: str, forwarded: str | None, peer: str = "127.0.0.1", path: str = "/") -> str:
    """Return the address that the site sees."""
    found: list[str] = []
    environ = {"REMOTE_ADDR": peer, "PATH_INFO": path}
    if forwarded is not None:
        environ["HTTP_X_FORWARDED_FOR"] = forwarded
    behind_proxies(lambda its, _: found.append(its["REMOTE_ADDR"]) or [], trusted(proxies))(environ, None)
    return found[0]


@pytest.mark.parametrize(
    ("proxies", "forwarded", "address"),
    [
        ("", "198.51.100.1, 203.0.113.5", "203.0.113.5"),
        ("1", "198.51.100.1, 203.0.113.5", "203.0.113.5"),
        ("2", "198.51.100.1, 203.0.113.5", "198.51.100.1"),
        ("0", "198.51.100.1", "127.0.0.1"),
        ("1", "203.0.113.5:50123", "203.0.113.5"),
        ("1", "[2001:db8::5]:50123", "2001:db8::5"),
        ("1", "2001:db8::5", "2001:db8::5"),
        ("127.0.0.0/8", "198.51.100.1, 203.0.113.5", "203.0.113.5"),
        ("127.0.0.1 203.0.113.0/24", "198.51.100.1, 203.0.113.5", "198.51.100.1"),
        ("127.0.0.1,203.0.113.0/24", "198.51.100.1:1, 203.0.113.5:2", "198.51.100.1"),
        ("10.0.0.0/8", "198.51.100.1", "127.0.0.1"),
    ],
)
def test_the_trusted_part_of_the_header_counts(proxies: str, forwarded: str, address: str) -> None:
    assert seen(proxies, forwarded) == address


@pytest.mark.parametrize(
    ("proxies", "forwarded"),
    [
        ("", None),
        ("1", None),
        ("1", ""),
        ("2", "203.0.113.5"),
        ("1", "unknown"),
        ("127.0.0.1", None),
        ("127.0.0.1", "x"),
    ],
)
def test_without_a_usable_header_the_log_says_so_once(
    proxies: str, forwarded: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    assert seen(proxies, forwarded) == "127.0.0.1"
    assert [r.getMessage() for r in caplog.records if "no usable X-Forwarded-For" in r.getMessage()]


def test_a_monitor_that_asks_for_the_health_is_no_warning(caplog: pytest.LogCaptureFixture) -> None:
    seen("1", None, path="/healthz")
    assert "usable" not in caplog.text


def test_production_without_the_variable_warns_at_its_start(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    behind_proxies(None, trusted("1"))
    assert "DEMO_TRUSTED_PROXIES" not in caplog.text
    behind_proxies(None, trusted(""))
    assert "DEMO_TRUSTED_PROXIES is not set" in caplog.text


@pytest.mark.parametrize("text", ["-1", "17", "one", "10.0.0.1/8", "10.0.0.0/33", "localhost"])
def test_another_value_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="DEMO_TRUSTED_PROXIES"):
        trusted(text)

"""Bounds of logos: time, age, who may name one, and what happens when another request's fetch does not end."""

from __future__ import annotations

import io
import sys
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
import trustme
from PIL import Image

from flask_cimd import ClientMetadata, ConfigurationError
from flask_cimd.clients import MemoryStore, Settings
from flask_cimd.clients.logo import TIMEOUT, Logos, _store_key, longest_wait
from flask_cimd.clients.parts import ClientParts, assemble
from flask_cimd.core.identifier import IdentifierRules, parse_identifier
from flask_cimd.fetch.coalescing import Coalescing
from flask_cimd.stores import Fetched
from tests.support.clock import Clock
from tests.support.origin import SocketOrigin, TLSOrigin, server_context

CLIENT = ClientMetadata(
    identifier=parse_identifier("https://app.example/c", IdentifierRules()),
    source="document",
    logo_uri="https://app.example/logo",
)


@pytest.fixture
def make_parts(clock: Clock) -> Any:
    def make(**config: Any) -> ClientParts:
        return assemble(Settings.from_config(config), MemoryStore(), clock=clock)

    return make


@pytest.mark.parametrize(("seconds", "expected"), [(10, TIMEOUT), (0.5, 0.5)])
def test_a_page_waits_two_seconds_for_a_logo_or_the_shorter_time_of_every_fetch(
    seconds: float, expected: float
) -> None:
    assert TIMEOUT == 2
    assert longest_wait(Settings.from_config({"CIMD_FETCH_TIMEOUT": seconds})) == expected


def test_a_dripping_logo_host_is_left_long_before_the_time_of_other_fetches(
    make_parts: Any, ca: trustme.CA, ca_bundle: Path
) -> None:
    def drip(connection: Any, _: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\r\n")
        slow.stopping.wait(60)

    parts = make_parts(CIMD_FETCH_TIMEOUT=10, CIMD_ALLOW_LOOPBACK=True, CIMD_CA_BUNDLE=str(ca_bundle))
    with SocketOrigin(drip, server_context(ca, "localhost")) as slow:
        started = time.monotonic()
        logo = replace(CLIENT, logo_uri=f"https://localhost:{slow.port}/logo")
        assert Logos(parts, secret=b"key").prepare(logo) is None
        assert time.monotonic() - started < 9


def test_a_logo_of_more_bytes_than_the_setting_is_none(make_parts: Any, origin: TLSOrigin, ca_bundle: Path) -> None:
    drawn = io.BytesIO()
    Image.new("RGB", (8, 8)).save(drawn, "PNG")
    body = drawn.getvalue().ljust(1025, b"\0")
    logo = replace(CLIENT, logo_uri=origin.serve("/logo", body, headers={"Content-Type": "image/png"}))
    usual = {"CIMD_ALLOW_LOOPBACK": True, "CIMD_CA_BUNDLE": str(ca_bundle)}
    for size, is_shown in ((1025, True), (1024, False)):
        logos = Logos(make_parts(CIMD_MAX_LOGO_SIZE=size, **usual), secret=b"key")
        assert (logos.prepare(logo) is not None) is is_shown


def test_a_logo_past_its_time_is_not_served(make_parts: Any, clock: Clock) -> None:
    logos, name = Logos(make_parts(), secret=b"key"), "a" * 64
    logos._store.put(_store_key(name), Fetched(b"png", clock() + timedelta(minutes=1)), clock())
    clock.forward(seconds=59)
    assert logos.read(name) == b"png"
    clock.forward(seconds=1)
    assert logos.read(name) is None


def test_the_name_of_a_logo_depends_on_secret_client_and_address(make_parts: Any) -> None:
    parts = make_parts()
    one, other = Logos(parts, secret=b"one"), Logos(parts, secret=b"other")
    names = {
        one._key("https://app.example/c", "https://app.example/logo"),
        one._key("https://app.example/d", "https://app.example/logo"),
        one._key("https://app.example/c", "https://app.example/other"),
        other._key("https://app.example/c", "https://app.example/logo"),
    }
    assert len(names) == 4


def test_logos_need_pillow(make_parts: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    with pytest.raises(ConfigurationError, match=r"flask-cimd\[logo\]"):
        Logos(make_parts(), secret=b"key")


def test_a_page_goes_without_a_logo_if_another_requests_fetch_does_not_end(make_parts: Any) -> None:
    parts = replace(make_parts(), coalescing=Coalescing(0.01))
    logos, begun, ended = Logos(parts, secret=b"key"), Event(), Event()

    def fetch() -> None:
        begun.set()
        ended.wait(30)

    key = logos._key(CLIENT.client_id, str(CLIENT.logo_uri))
    leader = Thread(target=lambda: parts.coalescing.run(f"logo {key}", fetch))
    leader.start()
    try:
        assert begun.wait(30)
        assert logos.prepare(CLIENT) is None
    finally:
        ended.set()
        leader.join(30)

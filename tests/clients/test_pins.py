"""When a pinned copy stands in for a host, and what is no pinned copy."""

from __future__ import annotations

from typing import Any

import pytest

from flask_cimd.clients.pins import Pin, stands_in
from flask_cimd.errors import AddressBlockedError, DeadlineExceededError, FetchError


@pytest.mark.parametrize(
    ("error", "status", "expected"),
    [
        (FetchError("connection-failed", phase="connect"), None, True),
        (FetchError("tls-failed", phase="tls"), None, True),
        (DeadlineExceededError("deadline"), None, True),
        (DeadlineExceededError("deadline", phase="resolve"), None, True),
        (FetchError("name-not-found", phase="resolve"), None, True),
        (AddressBlockedError("address-blocked", phase="resolve"), None, False),
        (FetchError("bad-response"), None, True),
        (FetchError("truncated"), 200, True),
        (FetchError("too-large"), 200, False),
        (FetchError("redirect"), 302, False),
        (FetchError("status"), 401, True),
        (FetchError("status"), 403, True),
        (FetchError("status"), 429, True),
        (FetchError("status"), 500, True),
        (FetchError("status"), 499, False),
        (FetchError("status"), 404, False),
        (FetchError("status"), 410, False),
        (DeadlineExceededError("deadline"), 404, False),
        (DeadlineExceededError("deadline"), 410, False),
    ],
)
def test_a_copy_stands_in_for_a_host_that_cannot_be_reached_or_refuses_servers(
    error: FetchError, status: int | None, expected: bool
) -> None:
    assert stands_in(error, status) is expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        "{}",
        '{"body": "e30="}',
        '{"body": 7, "media_type": "text/html", "pinned_at": 0}',
        '{"body": "e30!", "media_type": "text/html", "pinned_at": 0}',
        '{"body": "e3!0=", "media_type": "text/html", "pinned_at": 0}',
        '{"body": "e30=", "media_type": "text/html", "pinned_at": 0, "more": 1}',
    ],
)
def test_anything_else_is_no_pinned_copy(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  the one error that the store's reader knows
        Pin.from_json(text)


@pytest.mark.parametrize("charset", [None, "utf-8"])
def test_a_copy_comes_back_from_its_text(charset: Any) -> None:
    pin = Pin(media_type="text/html", charset=charset, body=b"\x00\xff", pinned_at=1.5)
    assert Pin.from_json(pin.to_json()) == pin

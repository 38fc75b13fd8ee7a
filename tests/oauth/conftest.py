"""The demo for tests of the protocol: it trusts the hosts of the tests' clients, so that errors are redirected."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.databases import private_schema
from tests.support.demo import Site

#: The documents of the tests are on localhost; RFC 9700 §4.11.2 keeps the errors of untrusted clients on a page.
TRUSTING = {"CIMD_TRUSTED_HOSTS": "localhost"}


@pytest.fixture
def site(make_site: Callable[..., Site]) -> Site:
    """Return a demo in this process, on SQLite."""
    return make_site(**TRUSTING)


@pytest.fixture
def postgres_site(make_site: Callable[..., Site], postgres_url: str) -> Site:
    """Return a demo in this process, on a PostgreSQL schema of its own."""
    return make_site(private_schema(postgres_url), **TRUSTING)

"""Fixtures that all tests share: a private certificate authority, a real TLS origin, private databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from tests.support.databases import private_postgres
from tests.support.origin import TLSOrigin


@pytest.fixture(scope="session")
def ca() -> trustme.CA:
    """Return the authority that the test's fetchers trust."""
    return trustme.CA()


@pytest.fixture(scope="session")
def ca_bundle(ca: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the file of trusted certificates."""
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    ca.cert_pem.write_to_path(str(path))
    return path


@pytest.fixture
def origin(ca: trustme.CA) -> Iterator[TLSOrigin]:
    """Run an https origin at localhost."""
    with TLSOrigin(ca) as running:
        yield running


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """Create a private PostgreSQL database."""
    with private_postgres() as url:
        yield url

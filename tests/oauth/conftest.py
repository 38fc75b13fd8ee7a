"""Sites of these tests: plain Flask apps with the drop-in server on a storage in memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.clock import Clock
from tests.support.provider_app import ProviderSite, provider_app


@pytest.fixture
def make_site(ca_bundle: Path, clock: Clock) -> Callable[..., ProviderSite]:
    """Return a function that builds an app; keywords as for `provider_app`."""

    def make(**options: Any) -> ProviderSite:
        return provider_app(ca_bundle, clock, **options)

    return make


@pytest.fixture
def site(make_site: Callable[..., ProviderSite]) -> ProviderSite:
    """Return an app with the usual settings."""
    return make_site()

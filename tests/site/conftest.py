"""Apps that post: one site for a module's tests, emptied of posts before each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import trustme

from flask_cimd_site.models import db
from tests.site.posting import EVERYTHING, Poster
from tests.support.browser import Site
from tests.support.demo import demo_in_process
from tests.support.origin import TLSOrigin


@dataclass(frozen=True, slots=True)
class _Shared:
    site: Site
    origin: TLSOrigin
    tokens: dict[str, str] = field(default_factory=dict)


@pytest.fixture(scope="module")
def _shared(tmp_path_factory: pytest.TempPathFactory, ca: trustme.CA, ca_bundle: Path) -> Iterator[_Shared]:
    url = f"sqlite:///{tmp_path_factory.mktemp('posting')}/demo.db"
    with TLSOrigin(ca) as origin, demo_in_process(url, ca_bundle) as site:
        yield _Shared(site, origin)


@pytest.fixture
def posting_site(_shared: _Shared) -> Site:
    """Return a site without posts."""
    with _shared.site.app.app_context(), db.engine.begin() as connection:
        for name in ("post", "media"):
            connection.execute(db.metadata.tables[name].delete())
    return _shared.site


@pytest.fixture
def make_poster(_shared: _Shared, posting_site: Site) -> Callable[..., Poster]:
    """Return a function that lets an app in: ``make_poster("create update")``."""

    def make(scope: str = EVERYTHING) -> Poster:
        known = _shared.tokens.get(scope)
        poster = Poster(posting_site, _shared.origin, scope, token=known)
        _shared.tokens[scope] = poster.token
        return poster

    return make


@pytest.fixture
def poster(make_poster: Callable[..., Poster]) -> Poster:
    """Return an app that may do everything there is."""
    return make_poster()

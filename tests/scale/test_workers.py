"""Four gunicorn workers with the project's configuration."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
import requests

from tests.support.browser import Browser, SignIn, publish_client
from tests.support.databases import private_schema
from tests.support.gunicorn import running_gunicorn
from tests.support.origin import TLSOrigin
from tests.support.proves import proves

WORKERS, TOGETHER = 4, 40


@pytest.fixture
def owner(tmp_path: Path, ca_bundle: Path, postgres_url: str) -> Iterator[Browser]:
    url = private_schema(postgres_url)
    with running_gunicorn(tmp_path, database_url=url, workers=WORKERS, CIMD_CA_BUNDLE=str(ca_bundle)) as owner:
        yield owner


def ask(owner: Browser, client_id: str, together: Barrier) -> requests.Response:
    """Open the consent page over a connection of its own, with everybody else at once."""
    browser = Browser(owner.base_url)
    browser.session.cookies.update(owner.session.cookies)
    with browser.session:
        together.wait(30)
        return browser.authorize(SignIn.begin(client_id, scope="profile"))


@proves("C-65")
def test_many_requests_at_once_for_one_unknown_document_cost_one_get(owner: Browser, origin: TLSOrigin) -> None:
    client_id = publish_client(origin)
    together = Barrier(TOGETHER)
    with ThreadPoolExecutor(TOGETHER) as pool:
        answers = list(pool.map(lambda _: ask(owner, client_id, together), range(TOGETHER)))
    assert {answer.status_code for answer in answers} == {200}
    assert origin.count("/client.json") == 1

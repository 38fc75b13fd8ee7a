"""``/metrics`` counts for whoever has the token, with labels that strangers cannot choose."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from flask_cimd import ConfigurationError
from tests.support.browser import SignIn, Site, publish_client
from tests.support.demo import demo_in_process
from tests.support.gunicorn import gunicorn
from tests.support.origin import TLSOrigin

TOKEN = "a-token-of-the-monitor"
Scrape = Callable[[], dict[str, float]]


@pytest.fixture(scope="module")
def counting(tmp_path_factory: pytest.TempPathFactory, ca_bundle: Path) -> Iterator[Site]:
    """Return a site with metrics."""
    url = f"sqlite:///{tmp_path_factory.mktemp('metrics')}/site.db"
    with demo_in_process(url, ca_bundle, DEMO_METRICS_TOKEN=TOKEN) as site:
        yield site


def samples(text: str) -> dict[str, float]:
    """Return the samples by name and labels."""
    lines = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in lines}


@pytest.fixture
def scrape(counting: Site) -> Scrape:
    def scraped() -> dict[str, float]:
        answer = counting.app.test_client().get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
        assert (answer.status_code, answer.mimetype) == (200, "text/plain")
        return samples(answer.text)

    return scraped


@pytest.fixture
def grown(scrape: Scrape) -> Callable[[str], float]:
    """Return the function that says how much a sample has grown since the test began."""
    before = scrape()
    return lambda name: scrape().get(name, 0.0) - before.get(name, 0.0)


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer t\u00f6ken", TOKEN]
)
def test_strangers_get_a_challenge(counting: Site, header: str | None) -> None:
    answer = counting.app.test_client().get("/metrics", headers={} if header is None else {"Authorization": header})
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, 'Bearer realm="metrics"')
    assert "cimd_site" not in answer.text


def test_the_login_of_the_owner_is_no_token(counting: Site) -> None:
    assert counting.owner().get("/metrics").status_code == 401


def test_without_a_token_there_are_no_metrics(site: Site) -> None:
    answer = site.app.test_client().get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 404


def test_requests_count_by_route_and_status(counting: Site, grown: Callable[[str], float]) -> None:
    for path in ("/notes/no-such-note", "/notes/another", "/nothing/here"):
        counting.app.test_client().get(path)
    counting.app.test_client().open("/login", method="BREW")
    assert grown('cimd_site_requests_total{method="GET",route="/notes/<slug>",status="404"}') == 2
    assert grown('cimd_site_requests_total{method="GET",route="none",status="404"}') == 1
    assert grown('cimd_site_requests_total{method="other",route="none",status="405"}') == 1
    assert grown("cimd_site_request_seconds_count") == 8  # as many scrapes


def test_sign_ins_refusals_and_fetches_count(counting: Site, grown: Callable[[str], float], origin: TLSOrigin) -> None:
    owner = counting.owner()
    owner.tokens(publish_client(origin, "/counted.json"))
    owner.authorize(SignIn.begin(origin.url("/missing.json"), scope="profile"))
    counting.browser().post("/login", data={"password": "wrong"})
    assert grown('cimd_site_events_total{kind="login"}') == 1
    assert grown('cimd_site_events_total{kind="approved"}') == 1
    assert grown('cimd_site_clients_total{origin="fetch"}') == 1
    assert grown('cimd_site_fetch_seconds_count{outcome="ok"}') == 1
    assert grown('cimd_site_refusals_total{slug="status"}') == 1
    assert grown('cimd_site_failed_fetches_total{phase="response",slug="status"}') == 1
    assert grown('cimd_site_fetch_seconds_count{outcome="failed"}') == 1


def test_no_label_is_chosen_by_strangers(counting: Site, scrape: Scrape, origin: TLSOrigin) -> None:
    counting.owner().tokens(publish_client(origin, "/labelled.json"))
    counting.app.test_client().get("/marked-path?q=1", headers={"User-Agent": "marked-agent"})
    text = "\n".join(scrape())
    assert not re.search(r"localhost|127\.0\.0|labelled|marked|https?:", text)


@pytest.mark.parametrize("token", ["short", "has a blank in the middle", "x" * 15])
def test_a_weak_token_is_refused_at_the_start(make_site: Any, tmp_path: Path, token: str) -> None:
    with pytest.raises(ConfigurationError, match="DEMO_METRICS_TOKEN"):
        make_site(f"sqlite:///{tmp_path}/site.db", DEMO_METRICS_TOKEN=token)


def test_without_the_package_the_start_says_which_extra_is_missing(
    make_site: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with pytest.raises(ConfigurationError, match=r"flask-cimd\[metrics\]"):
        make_site(f"sqlite:///{tmp_path}/site.db", DEMO_METRICS_TOKEN=TOKEN)


@pytest.mark.slow
def test_workers_count_together_also_one_that_ended(tmp_path: Path) -> None:
    url, folder = f"sqlite:///{tmp_path}/site.db", tmp_path / "tmp"
    folder.mkdir()
    with gunicorn(tmp_path, database_url=url, workers=2, DEMO_METRICS_TOKEN=TOKEN, TMPDIR=str(folder)) as (
        process,
        owner,
    ):
        for _ in range(12):
            assert requests.get(f"{owner.base_url}/nowhere", timeout=20).status_code == 404
        os.kill(_children(process)[0], signal.SIGKILL)
        answer = requests.get(f"{owner.base_url}/metrics", headers={"Authorization": f"Bearer {TOKEN}"}, timeout=20)
        assert samples(answer.text)['cimd_site_requests_total{method="GET",route="none",status="404"}'] == 12
        assert len(list(folder.glob("flask-cimd-site-metrics-*"))) == 1


def _children(process: subprocess.Popen[bytes]) -> list[int]:
    return [int(pid) for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]

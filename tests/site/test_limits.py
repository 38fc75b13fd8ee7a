"""How much strangers can make the site do: fetches, pushed requests, threads that wait."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from itertools import islice
from threading import Event
from typing import Any

import pytest

from tests.support.atproto import HOST, App, development_hosts, publish_app
from tests.support.browser import SignIn, Site, publish_client
from tests.support.origin import SocketOrigin, TLSOrigin, server_context
from tests.support.proves import proves


@pytest.fixture
def named_origin(ca: Any) -> Iterator[TLSOrigin]:
    """Run an origin under the name of apps' documents."""
    with TLSOrigin(ca, HOST) as running:
        yield running


@pytest.fixture
def named_site(make_site: Callable[..., Site], named_origin: TLSOrigin) -> Site:
    """Return a site that finds apps' documents there."""
    return make_site(**development_hosts(named_origin))


def error_of(answer: Any) -> tuple[int, str]:
    """Return status and code of an error."""
    return answer.status_code, answer.json()["error"]


@proves("O-90")
def test_a_stranger_makes_the_site_fetch_only_so_often(make_site: Callable[..., Site], named_origin: TLSOrigin) -> None:
    site = make_site(**development_hosts(named_origin), DEMO_FETCH_LIMIT="2 per hour")
    apps = [App(site, publish_app(named_origin, f"/{n}.json"), f"https://{HOST}/callback") for n in range(3)]

    answers = [app.push() for app in apps]
    known = apps[0].push()

    assert [answer.status_code for answer in answers] == [201, 201, 429]
    assert error_of(answers[2]) == (429, "temporarily_unavailable")
    assert int(answers[2].headers["Retry-After"]) > 0
    assert known.status_code == 201
    assert named_origin.count("/2.json") == 0


@proves("O-90")
def test_one_address_pushes_so_many_requests_and_no_more(
    origin: TLSOrigin, make_site: Callable[..., Site]
) -> None:  # a request is kept, fetched for or not
    site = make_site(DEMO_PUSH_LIMIT="2 per minute")
    form = SignIn.begin(publish_client(origin)).parameters
    answers = [site.browser().post("/par", form) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [201, 201, 429]
    assert error_of(answers[-1]) == (429, "temporarily_unavailable")
    assert answers[-1].headers["Access-Control-Allow-Origin"] == "*"
    assert site.browser(peer="192.0.2.7").post("/par", form).status_code == 201


def test_without_a_limit_nothing_is_counted_in_development(named_origin: TLSOrigin, named_site: Site) -> None:
    for number in range(40):
        publish_app(named_origin, f"/{number}.json")
        pushed = App(named_site, f"https://{HOST}/{number}.json", f"https://{HOST}/callback").push()
        assert pushed.status_code == 201


@proves("C-98")
def test_strangers_who_wait_for_one_slow_document_leave_threads_to_others(
    make_site: Callable[..., Site], ca: Any
) -> None:
    refused = Event()

    def answer_late(connection: Any, _: bytes) -> None:
        refused.wait(20)
        connection.sendall(b"HTTP/1.1 404 Not here\r\nContent-Length: 0\r\n\r\n")

    with SocketOrigin(answer_late, server_context(ca, "localhost")) as slow:
        site = make_site(DEMO_FETCH_LIMIT="100 per hour")
        form = SignIn.begin(f"https://localhost:{slow.port}/client.json").parameters
        with ThreadPoolExecutor(12) as pool:
            pushed = [pool.submit(site.browser().post, "/par", form) for _ in range(12)]
            first = [answer.result().status_code for answer in islice(as_completed(pushed), 4)]
            refused.set()
        statuses = sorted(answer.result().status_code for answer in pushed)

        assert first == [503] * 4
        assert statuses.count(503) == 4
        assert site.browser().post("/par", form).status_code == 401  # the places are free again


def test_the_owner_is_not_counted(make_site: Callable[..., Site], origin: TLSOrigin) -> None:
    site = make_site(DEMO_FETCH_LIMIT="1 per hour")
    owner = site.owner()

    for number in range(3):
        client_id = publish_client(origin, f"/{number}.json")
        assert owner.authorize(SignIn.begin(client_id, scope="profile")).status_code == 200

"""The extension as an app author meets it, over real TLS."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749.errors import InvalidRequestError
from flask import Flask

from flask_cimd import (
    CIMD,
    CIMDError,
    ClientIdentifier,
    ClientMetadata,
    DocumentError,
    FetchError,
    IdentifierError,
    PolicyDeniedError,
    Profile,
    signals,
)
from flask_cimd.errors import UnexpectedResponseError
from tests.support.clock import Clock
from tests.support.origin import publish_document as publish
from tests.support.proves import proves


@proves("C-25", "C-56")
def test_a_url_becomes_a_client_with_exactly_one_get(origin: Any, make_app: Any) -> None:
    app, cimd = make_app()
    url = publish(origin)
    with app.app_context():
        assert cimd.resolve(url).client_name == "App"
        assert cimd.resolve(url).host == "localhost"
    assert len(origin.requests) == 1


@proves("C-26", "C-57")
def test_a_document_is_fetched_again_after_its_lifetime(origin: Any, make_app: Any, clock: Clock) -> None:
    app, cimd = make_app()
    url = publish(origin, headers={"Cache-Control": "max-age=600"})
    with app.app_context():
        cimd.resolve(url)
        clock.forward(seconds=599)
        cimd.resolve(url)
        assert len(origin.requests) == 1
        clock.forward(seconds=2)
        cimd.resolve(url)
    assert len(origin.requests) == 2


@proves("C-61")
def test_no_store_is_honoured_but_still_gives_a_client(origin: Any, make_app: Any) -> None:
    app, cimd = make_app()
    url = publish(origin, headers={"Cache-Control": "NO-STORE"})
    with app.app_context():
        cimd.resolve(url)
        cimd.resolve(url)
    assert len(origin.requests) == 2


@proves("C-55", "C-58")
def test_an_error_is_never_stored(origin: Any, make_app: Any) -> None:
    app, cimd = make_app()
    url = publish(origin)
    origin.serve("/client.json", b"down", status=500)
    with app.app_context():
        with pytest.raises(UnexpectedResponseError):
            cimd.resolve(url)
        publish(origin)
        assert cimd.resolve(url).client_name == "App"


@proves("C-59")
def test_an_invalid_document_is_never_stored(origin: Any, make_app: Any) -> None:
    app, cimd = make_app()
    url = publish(origin, client_id="https://other.example/c")
    with app.app_context():
        with pytest.raises(DocumentError) as caught:
            cimd.resolve(url)
        assert [problem.pointer for problem in caught.value.problems] == ["/client_id"]
        publish(origin)
        assert cimd.resolve(url).client_name == "App"


@proves("IA-51", "IA-54", "IA-55")
def test_a_page_becomes_a_legacy_client(origin: Any, make_app: Any) -> None:
    app, cimd = make_app()
    page = b'<link rel=redirect_uri href=/back><a class="h-app" href="/app">Old App</a>'
    origin.serve("/app", page, headers={"Content-Type": "text/html; charset=utf-8"})
    with app.app_context():
        client = cimd.resolve(origin.url("/app"))
    assert (client.source, client.client_name) == ("page", "Old App")
    assert client.redirect_uris == (origin.url("/back"),)


@proves("C-34")
def test_pages_are_refused_when_the_fallback_is_off(origin: Any, make_app: Any) -> None:
    app, cimd = make_app(CIMD_INDIEAUTH=False)
    origin.serve("/app", b"<p>", headers={"Content-Type": "text/html"})
    with app.app_context(), pytest.raises(UnexpectedResponseError) as caught:
        cimd.resolve(origin.url("/app"))
    assert caught.value.slug == "media-type"
    assert b"application/json\r\n" in origin.requests[0] + b"\r\n"


@proves("IA-51")
def test_a_bad_json_document_never_falls_back_to_the_page(origin: Any, make_app: Any) -> None:
    app, cimd = make_app()
    origin.serve("/app", b'<a class="h-app" href="/app">x</a>', headers={"Content-Type": "application/json"})
    with app.app_context(), pytest.raises(DocumentError):
        cimd.resolve(origin.url("/app"))


@proves("C-65")
def test_two_hundred_threads_cause_one_get(origin: Any, make_app: Any) -> None:
    app, cimd = make_app()
    url = publish(origin)
    together = Barrier(200)

    def resolve(_: int) -> str | None:
        with app.app_context():
            together.wait(30)
            name: str | None = cimd.resolve(url).client_name
            return name

    with ThreadPoolExecutor(200) as pool:
        assert set(pool.map(resolve, range(200))) == {"App"}
    assert len(origin.requests) == 1


@proves("C-97")
def test_a_denied_host_costs_nothing(origin: Any, make_app: Any) -> None:
    app, cimd = make_app(CIMD_DENIED_HOSTS=["localhost"])
    with app.app_context(), pytest.raises(PolicyDeniedError):
        cimd.resolve(publish(origin))
    assert origin.requests == []


def test_the_fetch_hook_runs_before_the_network_and_not_for_stored_clients(origin: Any, make_app: Any) -> None:
    app, cimd = make_app()
    asked: list[str] = []

    @cimd.allow_fetch
    def note(identifier: ClientIdentifier) -> bool:
        asked.append(identifier.raw)
        return len(asked) > 1

    url = publish(origin)
    with app.app_context():
        with pytest.raises(PolicyDeniedError) as caught:
            cimd.resolve(url)
        assert caught.value.slug == "fetch-refused"
        assert origin.requests == []
        cimd.resolve(url)
        cimd.resolve(url)
    assert asked == [url, url]


@proves("C-47")
def test_the_client_hook_runs_on_every_use(origin: Any, make_app: Any) -> None:
    # The app may ask more of a client than the draft does
    app, cimd = make_app()
    welcome = [True, True, False]

    @cimd.allow_client
    def decide(client: ClientMetadata) -> bool:
        assert client.client_name == "App"
        return welcome.pop(0)

    url = publish(origin)
    with app.app_context():
        cimd.resolve(url)
        cimd.resolve(url)
        with pytest.raises(PolicyDeniedError) as caught:
            cimd.resolve(url)
    assert caught.value.slug == "client-refused"
    assert len(origin.requests) == 1


def test_one_request_sees_one_document(origin: Any, make_app: Any) -> None:
    app, cimd = make_app()
    url = publish(origin, headers={"Cache-Control": "no-store"})
    with app.test_request_context():
        first = cimd.resolve(url)
        publish(origin, client_name="Rotated", headers={"Cache-Control": "no-store"})
        assert cimd.resolve(url) is first
    with app.test_request_context():
        assert cimd.resolve(url).client_name == "Rotated"


def test_one_request_sees_one_error(origin: Any, make_app: Any) -> None:
    app, cimd = make_app()
    url = str(origin.url("/missing"))
    with app.test_request_context():
        for _ in range(3):
            with pytest.raises(FetchError):
                cimd.resolve(url)
    assert len(origin.requests) == 1


@proves("C-27", "C-103", "C-104")
def test_a_registered_client_ends_the_search(origin: Any, make_app: Any) -> None:
    own = object()
    url = publish(origin)
    app, cimd = make_app(registered={url: own, "plain-id": own}.get)
    with app.app_context():
        assert cimd.query_client(url) is own
        assert cimd.query_client("plain-id") is own
        assert cimd.query_client("unknown-id") is None
    assert origin.requests == []


@pytest.mark.parametrize("odd", ["a\x00b", "a\nb", "\u00e9", "a\ufffd"])
def test_the_apps_own_look_up_is_never_asked_for_what_no_client_id_can_hold(make_app: Any, odd: str) -> None:
    # RFC 6749 appendix A.1; a look-up in PostgreSQL would fail on NUL
    asked: list[str] = []
    app, cimd = make_app(registered=asked.append)
    with app.app_context():
        assert cimd.query_client(odd) is None
        assert cimd.query_client("my client") is None
    assert asked == ["my client"]


def test_a_receiver_that_fails_ends_no_sign_in(origin: Any, make_app: Any, caplog: pytest.LogCaptureFixture) -> None:
    def fail(sender: Flask, **values: Any) -> None:
        raise RuntimeError("a counter is broken")

    app, cimd = make_app()
    for signal in (signals.client_resolved, signals.client_rejected, signals.fetch_failed):
        signal.connect(fail, app)
    with app.app_context():
        assert cimd.resolve(publish(origin)).client_name == "App"
        with pytest.raises(FetchError):
            cimd.resolve(origin.url("/gone"))
    assert "a counter is broken" in caplog.text


def test_two_apps_in_one_process_do_not_meet(origin: Any, make_app: Any) -> None:
    url = publish(origin)
    open_app, open_cimd = make_app()
    closed_app, closed_cimd = make_app(CIMD_ALLOWED_HOSTS=[])
    with open_app.app_context():
        open_cimd.resolve(url)
    with closed_app.app_context(), pytest.raises(PolicyDeniedError):
        closed_cimd.resolve(url)


def test_setting_up_one_app_twice_is_an_error(make_app: Any) -> None:
    app, _ = make_app()
    with pytest.raises(RuntimeError, match="already"):
        CIMD(app)


@proves("C-21", "C-90", "C-128")
def test_loopback_is_refused_without_the_development_switch(origin: Any) -> None:
    app = Flask("production")
    cimd = CIMD(app)
    with app.app_context(), pytest.raises(IdentifierError):
        cimd.resolve(origin.url("/client.json"))
    assert origin.requests == []


@proves("C-122", "C-123")
@pytest.mark.parametrize(
    "raw",
    [
        "https://127.0.0.1:1/c",
        "https://localhost/c",
        "http://app.example/c",
        "https://app.example/a/../c",
        "x" * 3000,
    ],
)
def test_what_a_visitor_sees_holds_no_address_and_no_remote_text(raw: str) -> None:
    app = Flask("app")
    cimd = CIMD(app)

    @app.get("/")
    def index() -> str:
        cimd.resolve(raw)
        return "unreachable"

    answer = app.test_client().get("/")
    assert answer.status_code == 400
    assert "Location" not in answer.headers
    assert "127.0.0.1" not in answer.text


def test_signals_tell_what_happened(origin: Any, make_app: Any, clock: Clock) -> None:
    app, cimd = make_app()
    heard: list[tuple[str, dict[str, Any]]] = []

    def listen(name: str) -> Callable[..., None]:
        def receive(sender: Flask, **values: Any) -> None:
            assert sender is app
            heard.append((name, values))

        return receive

    receivers = {
        name: listen(name) for name in ("client_resolved", "client_changed", "client_rejected", "fetch_failed")
    }
    for name, receiver in receivers.items():
        getattr(signals, name).connect(receiver, app)
    url = publish(origin)
    with app.app_context():
        cimd.resolve(url)
        clock.forward(hours=2)
        publish(origin, client_name="New name")
        cimd.resolve(url)
        with pytest.raises(CIMDError):
            cimd.resolve(str(origin.url("/missing")))
    assert [name for name, _ in heard] == [
        "client_resolved",
        "client_changed",
        "client_resolved",
        "fetch_failed",
        "client_rejected",
    ]
    assert heard[3][1]["host"].startswith("localhost:")
    assert heard[3][1]["error"].phase == "response"
    assert heard[3][1]["duration"] >= 0


@proves("C-65")
def test_memory_stays_bounded_over_ten_thousand_identifiers(make_app: Any) -> None:
    app, cimd = make_app(CIMD_PROFILE="allow_loopback_clients", CIMD_CACHE_SIZE=50)
    with app.app_context():
        for number in range(10_000):
            cimd.resolve(f"http://127.0.0.1:{number % 60000 + 1}/")
        assert len(cimd.store) <= 50


@proves("C-34")
def test_plain_text_is_a_document_by_a_switch_only(origin: Any, make_app: Any) -> None:
    # Raw Git hosting serves it so
    url = publish(origin, headers={"Content-Type": "text/plain; charset=utf-8"})
    for lenient in (False, True):
        app, cimd = make_app(CIMD_PROFILE=Profile(lenient_media_type=lenient))
        with app.app_context():
            if lenient:
                assert cimd.resolve(url).source == "document"
            else:
                with pytest.raises(UnexpectedResponseError):
                    cimd.resolve(url)


@proves("C-68")
def test_the_port_of_localhost_can_be_held_for_documents_and_pages(origin: Any, make_app: Any) -> None:
    app, cimd = make_app(CIMD_PROFILE="localhost_any_port=no")
    page = origin.serve(
        "/page", b"<link rel=redirect_uri href=http://localhost/cb>", headers={"Content-Type": "text/html"}
    )
    document = publish(origin, redirect_uris=["http://localhost/cb"])
    with app.app_context():
        for url in (page, document):
            client = cimd.query_client(url)
            assert client.check_redirect_uri("http://localhost/cb")
            assert not client.check_redirect_uri("http://localhost:4000/cb")


def test_errors_of_authlib_that_no_view_catches_end_on_a_page_and_are_explained_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = Flask("app")
    CIMD(app)
    app.add_url_rule("/", view_func=lambda: _refuse())
    with caplog.at_level("INFO", "flask_cimd"):
        answer = app.test_client().get("/")
    assert (answer.status_code, answer.mimetype, "https://elsewhere.example" in answer.text) == (
        400,
        "text/html",
        False,
    )
    assert "<code>request-refused</code>" in answer.text
    assert "invalid_request 'not registered: https://elsewhere.example'" in caplog.text


def test_an_apps_own_page_for_errors_of_authlib_stays() -> None:
    app = Flask("app")
    app.register_error_handler(OAuth2Error, lambda error: ("the app's own", 418))
    CIMD(app)
    app.add_url_rule("/", view_func=lambda: _refuse())
    assert app.test_client().get("/").status_code == 418


def _refuse() -> str:
    raise InvalidRequestError("not registered: https://elsewhere.example")

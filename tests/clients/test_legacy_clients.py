"""Legacy and loopback clients from the identifier to the metadata, over real connections."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import trustme
from flask import Flask

from flask_cimd import CIMD, DocumentError, IdentifierError
from flask_cimd.core.display import consent_view
from flask_cimd.errors import AddressBlockedError, ResponseTooLargeError, UnexpectedResponseError
from tests.support.keys import name_leads_to
from tests.support.origin import SocketOrigin, TLSOrigin
from tests.support.proves import proves

MakeApp = Callable[..., tuple[Flask, CIMD]]
HTML = {"Content-Type": "text/html; charset=utf-8"}
PAGE = b'<link rel="redirect_uri" href="cb"><div class="h-app"><b class="p-name">App</b></div>'


@contextmanager
def resolving(make_app: MakeApp, **config: Any) -> Iterator[CIMD]:
    app, cimd = make_app(**config)
    with app.app_context():
        yield cimd


@proves("IA-37", "IA-51")
def test_a_page_becomes_a_client_with_exactly_one_get_that_prefers_json(origin: TLSOrigin, make_app: MakeApp) -> None:
    url = origin.serve("/app/", PAGE, headers=HTML)
    with resolving(make_app) as cimd:
        client = cimd.resolve(url)
        cimd.resolve(url)
    assert (client.source, client.client_name) == ("page", "App")
    assert client.redirect_uris == (origin.url("/app/cb"),)
    assert len(origin.requests) == 1
    accept = re.search(rb"\r\nAccept: ([^\r]*)", origin.requests[0])
    assert accept
    assert accept[1] == b"application/json, application/*+json;q=0.9, text/html;q=0.5"


@proves("IA-51")
def test_xhtml_is_a_page_and_anything_else_is_no_information(origin: TLSOrigin, make_app: MakeApp) -> None:
    with resolving(make_app) as cimd:
        assert cimd.resolve(origin.serve("/x", PAGE, headers={"Content-Type": "Application/XHTML+xml"})).client_name
        for media_type in ("text/plain", "application/xml", "text/html+json"):
            with pytest.raises(UnexpectedResponseError) as caught:
                cimd.resolve(origin.serve("/y", PAGE, headers={"Content-Type": media_type}))
            assert caught.value.slug == "media-type"


@proves("IA-41", "IA-51")
def test_a_bad_document_is_never_tried_as_a_page(origin: TLSOrigin, make_app: MakeApp) -> None:
    switches = {"CIMD_CONTINUE_WITHOUT_CLIENT_INFO": True}
    body = json.dumps({"client_id": "https://other.example/", "html": PAGE.decode()}).encode()
    with resolving(make_app, **switches) as cimd:
        for path, document in (("/wrong", body), ("/page", PAGE), ("/list", b"[]")):
            url = origin.serve(path, document, headers={"Content-Type": "application/json"})
            with pytest.raises(DocumentError):
                cimd.resolve(url)
        url = origin.serve("/large", b" " * 5121, headers={"Content-Type": "application/json"})
        with pytest.raises(ResponseTooLargeError):
            cimd.resolve(url)


def test_without_the_fallback_only_json_is_asked_for(origin: TLSOrigin, make_app: MakeApp) -> None:
    url = origin.serve("/", PAGE, headers=HTML)
    with resolving(make_app, CIMD_INDIEAUTH=False, CIMD_CONTINUE_WITHOUT_CLIENT_INFO=True) as cimd:
        with pytest.raises(UnexpectedResponseError):
            cimd.resolve(url)
        with pytest.raises(IdentifierError):
            cimd.resolve(origin.url(""))
    assert b"text/html" not in origin.requests[0]


@proves("IA-49")
def test_a_document_without_a_list_is_an_indieauth_client_of_its_own_origin(
    origin: TLSOrigin, make_app: MakeApp
) -> None:
    url = origin.url("/client.json")
    origin.serve("/client.json", json.dumps({"client_id": url}).encode(), headers={"Content-Type": "application/json"})
    with resolving(make_app) as cimd:
        client = cimd.query_client(url)
        assert client.check_redirect_uri(origin.url("/cb"))
        assert not client.check_redirect_uri("https://other.example/cb")
    with resolving(make_app, CIMD_INDIEAUTH=False) as cimd:
        assert not cimd.query_client(url).check_redirect_uri(origin.url("/cb"))


@proves("IA-08", "IA-12", "IA-13")
@pytest.mark.parametrize("document_says", ["", "/"])
def test_a_client_without_a_path_is_the_one_with_a_slash(
    origin: TLSOrigin, make_app: MakeApp, document_says: str
) -> None:
    raw = origin.url("")
    document = {"client_id": raw + document_says, "redirect_uris": [origin.url("/cb")]}
    origin.serve("/", json.dumps(document).encode(), headers={"Content-Type": "application/json"})
    with resolving(make_app) as cimd:
        assert cimd.resolve(raw).client_id == raw


def test_a_client_with_a_slash_must_be_named_with_it(origin: TLSOrigin, make_app: MakeApp) -> None:
    document = {"client_id": origin.url(""), "redirect_uris": [origin.url("/cb")]}
    url = origin.serve("/", json.dumps(document).encode(), headers={"Content-Type": "application/json"})
    with resolving(make_app) as cimd, pytest.raises(DocumentError):
        cimd.resolve(url)


def test_a_page_of_one_megabyte_is_refused_and_not_cut(origin: TLSOrigin, make_app: MakeApp) -> None:
    url = origin.serve("/", b"<div>" * 200000, headers=HTML)
    exact = origin.serve("/exact", PAGE.ljust(262144), headers=HTML)
    over = origin.serve("/over", PAGE.ljust(262145), headers=HTML)
    with resolving(make_app) as cimd:
        for too_large in (url, over):
            with pytest.raises(ResponseTooLargeError):
                cimd.resolve(too_large)
        assert cimd.resolve(exact).client_name == "App"


# -- redirects of pages -----------------------------------------------------------------------------------------------


def redirect(origin: TLSOrigin, path: str, location: str, status: int = 302) -> str:
    return origin.serve(path, b"", status=status, headers={"Location": location, **HTML})


def test_redirects_are_not_followed(origin: TLSOrigin, make_app: MakeApp) -> None:
    origin.serve("/page", PAGE, headers=HTML)
    url = redirect(origin, "/", "/page")
    with resolving(make_app) as cimd, pytest.raises(UnexpectedResponseError) as caught:
        cimd.resolve(url)
    assert caught.value.slug == "redirect"
    assert len(origin.requests) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_switch_follows_redirects_within_the_host(origin: TLSOrigin, make_app: MakeApp, status: int) -> None:
    origin.serve("/moved/page", PAGE, headers=HTML)
    url = redirect(origin, "/", "/moved/page#top", status)
    with resolving(make_app, CIMD_PROFILE="follow_page_redirects") as cimd:
        client = cimd.resolve(url)
    # The identity stays what was asked for; the final place is only the base of what is relative.
    assert client.client_id == url
    assert client.client_uri == url
    assert client.redirect_uris == (origin.url("/moved/cb"),)


def test_three_redirects_are_followed_and_no_fourth(origin: TLSOrigin, make_app: MakeApp) -> None:
    urls = [redirect(origin, f"/{n}", f"/{n + 1}") for n in range(4)]
    origin.serve("/4", PAGE, headers=HTML)
    with resolving(make_app, CIMD_PROFILE="follow_page_redirects") as cimd:
        assert cimd.resolve(urls[1]).source == "page"
        with pytest.raises(UnexpectedResponseError):
            cimd.resolve(urls[0])


def test_json_behind_a_redirect_is_refused(origin: TLSOrigin, make_app: MakeApp) -> None:
    # CIMD §4 forbids redirects, so a document cannot be reached by one.
    url = redirect(origin, "/", "/client.json")
    document = {"client_id": url, "redirect_uris": [origin.url("/cb")]}
    origin.serve("/client.json", json.dumps(document).encode(), headers={"Content-Type": "application/json"})
    with (
        resolving(make_app, CIMD_PROFILE="follow_page_redirects") as cimd,
        pytest.raises(UnexpectedResponseError) as caught,
    ):
        cimd.resolve(url)
    assert caught.value.slug == "media-type"


@pytest.mark.parametrize(
    "location",
    [
        "https://other.example/page",
        "https://127.0.0.1/page",
        "//localhost:1/page",
        "https://localhost/page",
        "http://localhost/page",
        "https://user@localhost:{port}/page",
        "https://localhost:{port}\\@other.example/page",
        "https://localhost:99999/page",
        "javascript:alert(1)",
        "data:text/html,x",
        "/p\u00e4ge",
        "",
    ],
)
def test_a_redirect_to_anywhere_else_is_refused(origin: TLSOrigin, make_app: MakeApp, location: str) -> None:
    origin.serve("/page", PAGE, headers=HTML)
    url = redirect(origin, "/", location.replace("{port}", str(origin.port)))
    with (
        resolving(make_app, CIMD_PROFILE="follow_page_redirects") as cimd,
        pytest.raises(UnexpectedResponseError) as caught,
    ):
        cimd.resolve(url)
    assert caught.value.slug == "redirect"
    assert len(origin.requests) == 1


def test_a_redirect_to_another_host_at_the_same_port_is_refused(ca: trustme.CA, make_app: MakeApp) -> None:
    # An open redirector on a trusted host must not let another host describe its clients.
    with TLSOrigin(ca, "app.example.com") as own, TLSOrigin(ca, "other.example.com") as other:
        redirect(own, "/", "https://other.example.com/page")
        redirect(own, "/own", "https://app.example.com/page")
        own.serve("/page", PAGE, headers=HTML)
        other.serve("/page", PAGE, headers=HTML)
        hosts = f"app.example.com=127.0.0.1:{own.port},other.example.com=127.0.0.1:{other.port}"
        with resolving(make_app, CIMD_PROFILE="follow_page_redirects", CIMD_DEVELOPMENT_HOSTS=hosts) as cimd:
            assert cimd.resolve("https://app.example.com/own").client_name == "App"
            with pytest.raises(UnexpectedResponseError) as caught:
                cimd.resolve("https://app.example.com/")
        assert caught.value.slug == "redirect"
        assert other.connections == 0


# -- clients over plain http ------------------------------------------------------------------------------------------


class MixedOrigin(TLSOrigin):
    """Speaks plain http, and TLS to whoever begins with it, at one port; called ``app.example.com``."""

    def __init__(self, ca: trustme.CA) -> None:
        super().__init__(ca, "app.example.com")
        self._protected = self._context

    def _serve(self, connection: socket.socket) -> None:
        is_handshake = connection.recv(1, socket.MSG_PEEK) == b"\x16"
        self._context = self._protected if is_handshake else None
        super()._serve(connection)


@pytest.fixture
def plain(ca: trustme.CA) -> Iterator[TLSOrigin]:
    """Run an origin that can be reached without TLS."""
    with MixedOrigin(ca) as running:
        yield running


def hosts(origin: SocketOrigin) -> dict[str, str]:
    return {"app.example.com": f"127.0.0.1:{origin.port}"}


@proves("IA-06", "IA-07")
def test_plain_http_is_refused_without_a_look_up(make_app: MakeApp, plain: TLSOrigin) -> None:
    with resolving(make_app, CIMD_DEVELOPMENT_HOSTS=hosts(plain)) as cimd:
        with pytest.raises(IdentifierError) as caught:
            cimd.resolve("http://app.example.com/")
        assert caught.value.slug == "bad-scheme"
    assert plain.connections == 0


@proves("IA-07")
def test_a_switch_lets_plain_http_in_with_a_warning_and_trusts_no_list(make_app: MakeApp, plain: TLSOrigin) -> None:
    plain.serve(
        "/", b'<link rel="redirect_uri" href="https://evil.example/cb"><a class="h-app" href="/">App</a>', headers=HTML
    )
    config = {"CIMD_ALLOW_HTTP_CLIENTS": True, "CIMD_DEVELOPMENT_HOSTS": hosts(plain)}
    with resolving(make_app, **config) as cimd:
        client = cimd.query_client("http://app.example.com/")
    assert client.metadata.client_name == "App"
    assert client.check_redirect_uri("http://app.example.com/cb")
    assert not client.check_redirect_uri("https://evil.example/cb")
    view = consent_view(client.metadata, "http://app.example.com/cb")
    assert [warning.slug for warning in view.warnings] == ["unprotected-client"]


def test_plain_http_may_be_redirected_to_https_and_never_back(make_app: MakeApp, plain: TLSOrigin) -> None:
    switches: dict[str, Any] = {"CIMD_ALLOW_HTTP_CLIENTS": True, "CIMD_PROFILE": "follow_page_redirects"}
    redirect(plain, "/up", "https://app.example.com/page")
    redirect(plain, "/down", "http://app.example.com/page")
    plain.serve("/page", PAGE, headers=HTML)
    with resolving(make_app, **switches, CIMD_DEVELOPMENT_HOSTS=hosts(plain)) as cimd:
        assert cimd.resolve("http://app.example.com/up").client_name == "App"
        with pytest.raises(UnexpectedResponseError):
            cimd.resolve("https://app.example.com/down")
    assert plain.count("/page") == 1


# -- loopback clients, and clients about which nothing can be found out -----------------------------------------------


@proves("IA-05", "IA-38", "IA-50")
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_a_loopback_client_is_never_fetched(make_app: MakeApp, plain: TLSOrigin, host: str) -> None:
    plain.serve("/", PAGE, headers=HTML)
    with resolving(make_app, CIMD_PROFILE="allow_loopback_clients") as cimd:
        client = cimd.query_client(f"http://{host}:{plain.port}/")
    assert client.metadata.client_name is None
    assert client.metadata.redirect_uris == ()
    assert client.check_redirect_uri(f"http://{host}:{plain.port}/cb")
    assert client.check_redirect_uri(f"http://{host}:9999/cb")
    assert not client.check_redirect_uri(f"https://{host}:{plain.port}/cb")
    assert not client.check_redirect_uri("https://app.example.com/cb")
    view = consent_view(client.metadata, f"http://{host}:9999/cb")
    assert [warning.slug for warning in view.warnings] == ["loopback-client"]
    assert plain.connections == 0


@proves("IA-50")
def test_another_loopback_name_is_another_host(make_app: MakeApp) -> None:
    # The redirect host must be the same literal host
    with resolving(make_app, CIMD_PROFILE="allow_loopback_clients") as cimd:
        assert not cimd.query_client("http://127.0.0.1:8080/").check_redirect_uri("http://localhost:8080/cb")


@proves("IA-06")
def test_loopback_clients_need_their_switch(make_app: MakeApp) -> None:
    with resolving(make_app) as cimd, pytest.raises(IdentifierError):
        cimd.resolve("http://127.0.0.1:8080/")


@proves("IA-38", "IA-39")
def test_a_public_name_that_leads_to_this_computer_is_not_fetched(
    make_app: MakeApp, plain: TLSOrigin, monkeypatch: pytest.MonkeyPatch
) -> None:
    name_leads_to(monkeypatch, "app.example.com", "127.0.0.1")
    app, cimd = make_app(CIMD_ALLOW_LOOPBACK=False, CIMD_CONTINUE_WITHOUT_CLIENT_INFO=True)
    with app.app_context(), pytest.raises(AddressBlockedError):
        cimd.resolve(f"https://app.example.com:{plain.port}/")
    assert plain.connections == 0


@proves("IA-52")
def test_an_unreadable_client_is_refused(origin: TLSOrigin, make_app: MakeApp) -> None:
    with resolving(make_app) as cimd, pytest.raises(UnexpectedResponseError):
        cimd.resolve(origin.url("/missing"))


@proves("IA-52", "IA-113")
def test_a_switch_lets_an_unreadable_client_go_on_within_its_origin(origin: TLSOrigin, make_app: MakeApp) -> None:
    origin.serve("/picture", b"GIF89a", headers={"Content-Type": "image/gif"})
    origin.serve("/large", b" " * 262145, headers=HTML)
    with resolving(make_app, CIMD_CONTINUE_WITHOUT_CLIENT_INFO=True) as cimd:
        for path in ("/missing", "/picture", "/large"):
            client = cimd.query_client(origin.url(path))
            assert client.metadata.client_name is None
            assert client.check_redirect_uri(origin.url("/cb"))
            assert not client.check_redirect_uri("https://x.example/cb")
            view = consent_view(client.metadata, origin.url("/cb"))
            assert "unread-client" in [warning.slug for warning in view.warnings]
        cimd.query_client(origin.url("/missing"))
    assert origin.count("/missing") == 2, "a failure is never stored"

"""One guarded GET against origins that behave well, badly and not at all. Every byte crosses a real socket."""

import gzip
import socket
import ssl
import struct
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import NameOID

from flask_cimd.errors import DeadlineExceededError, FetchError, ResponseTooLargeError, UnexpectedResponseError
from flask_cimd.fetch.fetcher import Fetcher, FetchSettings, Response, _next_url, _translated
from flask_cimd.fetch.guard import Guard
from tests.support.origin import SocketOrigin, TLSOrigin, server_context
from tests.support.proves import proves

HOST = "client.example.com"
CAP = 5120
OK = b"HTTP/1.1 200 OK\r\n"
JSON = OK + b"Content-Type: application/json\r\n"
CHUNKED = JSON + b"Transfer-Encoding: chunked\r\n\r\n"

Behave = Callable[[SocketOrigin, socket.socket, bytes], None]
Serve = Callable[..., SocketOrigin]


@pytest.fixture
def serve(ca: trustme.CA) -> Iterator[Serve]:
    """Run origins called ``client.example.com`` that behave as told."""
    with ExitStack() as stack:

        def start(behave: Behave, context: ssl.SSLContext | None = None) -> SocketOrigin:
            origin: SocketOrigin = SocketOrigin(
                lambda connection, head: behave(origin, connection, head), context or server_context(ca, HOST)
            )
            return stack.enter_context(origin)

        yield start


@pytest.fixture
def fetch(ca_bundle: Path) -> Callable[..., Response]:
    """GET from an origin; JSON up to 5120 bytes is welcome, nothing else."""

    def get(
        origin: SocketOrigin, *, path: str = "/client.json", deadline: float | None = None, **more: Any
    ) -> Response:
        more.setdefault("ca_bundle", str(ca_bundle))
        settings = FetchSettings(development_hosts={HOST: ("127.0.0.1", origin.port)}, **more)
        return Fetcher(settings).fetch(
            f"https://{HOST}{path}",
            accept="application/json",
            max_size_for=lambda media_type: CAP if media_type == "application/json" else 0,
            deadline=deadline,
        )

    return get


def says(*parts: bytes) -> Behave:
    """Send these bytes and end the connection."""

    def behave(_: SocketOrigin, connection: socket.socket, head: bytes) -> None:
        for part in parts:
            connection.sendall(part)

    return behave


def drips(start: bytes, piece: bytes) -> Behave:
    """Send a start at once, then a piece fifty times a second for as long as somebody listens."""

    def behave(origin: SocketOrigin, connection: socket.socket, head: bytes) -> None:
        connection.sendall(start)
        while not origin.stopping.wait(0.02):
            connection.sendall(piece)

    return behave


def floods(start: bytes, piece: bytes) -> Behave:
    """Send a start, then a piece again and again as fast as it goes."""

    def behave(origin: SocketOrigin, connection: socket.socket, head: bytes) -> None:
        connection.settimeout(0.5)  # a reader that is gone does not always say so when its buffer is full
        connection.sendall(start)
        while not origin.stopping.is_set():
            connection.sendall(piece)

    return behave


def headers_of(head: bytes) -> dict[str, str]:
    lines = head.decode("latin-1").split("\r\n\r\n")[0].split("\r\n")[1:]
    return {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}


@proves("C-31", "C-40")
def test_the_request_says_who_asks_for_what_and_nothing_else(serve: Serve, fetch: Any) -> None:
    # No cookies, no credentials, no Referer, no body, no conditional headers
    origin = serve(says(JSON + b"Content-Length: 2\r\n\r\n{}"))
    fetch(origin, path="/a%2Fb/c.json?x=1&y", user_agent="flask-cimd/9 (+https://example.com)")
    (head,) = origin.requests
    assert head.startswith(b"GET /a%2Fb/c.json?x=1&y HTTP/1.1\r\n")
    assert head.endswith(b"\r\n\r\n")
    assert headers_of(head) == {
        "host": HOST,
        "user-agent": "flask-cimd/9 (+https://example.com)",
        "accept": "application/json",
        "accept-encoding": "identity",
    }


@proves("C-12", "C-41")
@pytest.mark.parametrize("path", ["/%7Ebob", "/a%2fb%41", "/c?", "/c?x=%7e&y=a'b", "//c", "/c/;x", "/%c3%a9"])
def test_the_path_is_asked_for_as_it_is_written(serve: Serve, fetch: Any, path: str) -> None:
    # urllib3 alone would ask for /~bob, /a%2FbA and /c
    origin = serve(says(JSON + b"Content-Length: 2\r\n\r\n{}"))
    fetch(origin, path=path)
    assert origin.requests[0].split(b" ")[1] == path.encode()


def test_the_response_keeps_status_media_type_and_link_fields(serve: Serve, fetch: Any) -> None:
    answer = fetch(
        serve(
            says(
                OK,
                b"content-type: Application/JSON; Charset=UTF-8\r\nETag: x\r\n",
                b"Link: </a>; rel=redirect_uri\r\nLink: </b>; rel=redirect_uri\r\nContent-Length: 2\r\n\r\n{}",
            )
        )
    )
    assert (answer.status, answer.media_type, answer.charset, answer.body) == (200, "application/json", "UTF-8", b"{}")
    assert answer.link_headers == ("</a>; rel=redirect_uri", "</b>; rel=redirect_uri")
    assert answer.headers["etag"] == "x"
    assert answer.url == f"https://{HOST}/client.json"


@proves("C-57", "C-61")
def test_repeated_header_fields_are_one_list(serve: Serve, fetch: Any) -> None:
    # A no-store in the first of two fields still counts
    fields = b"Cache-Control: no-store\r\nCache-Control: max-age=600\r\nContent-Length: 2\r\n\r\n{}"
    assert fetch(serve(says(JSON + fields))).headers["cache-control"] == "no-store, max-age=600"


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param((JSON + b"Content-Length: 7\r\n\r\n", b'{"a":1}'), id="length"),
        pytest.param((CHUNKED + b'3\r\n{"a\r\n4;ext=1\r\n":1}\r\n0\r\nTrailer: x\r\n\r\n',), id="chunked"),
        pytest.param((JSON + b'\r\n{"a":1}',), id="until the end of the connection"),
        pytest.param((b'HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n{"a":1}',), id="HTTP/1.0"),
        pytest.param((JSON.replace(b"\r\n", b"\n") + b'Content-Length: 7\n\n{"a":1}',), id="bare line feeds"),
        pytest.param((JSON[:9], JSON[9:30], JSON[30:] + b'Content-Length: 7\r\n\r\n{"a', b'":1}'), id="in pieces"),
        pytest.param((JSON + b'Content-Encoding: identity\r\nContent-Length: 7\r\n\r\n{"a":1}',), id="identity"),
    ],
)
def test_reads_every_framing(serve: Serve, fetch: Any, parts: tuple[bytes, ...]) -> None:
    assert fetch(serve(says(*parts))).body == b'{"a":1}'


@proves("C-28")
@pytest.mark.parametrize(
    "interim",
    [
        pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n", id="100"),
        pytest.param(b"HTTP/1.1 102 Processing\r\n\r\n", id="102"),
        pytest.param(b"HTTP/1.1 103 Early Hints\r\nLink: </evil>; rel=redirect_uri\r\n\r\n", id="103"),
        pytest.param(b"HTTP/1.1 103 Early Hints\r\nLink: </evil>; rel=redirect_uri\r\n\r\n" * 3, id="103 three times"),
    ],
)
def test_interim_responses_are_skipped_with_their_headers(serve: Serve, fetch: Any, interim: bytes) -> None:
    # Only the final status counts
    answer = fetch(serve(says(interim, JSON + b"Content-Length: 2\r\n\r\n{}")))
    assert (answer.body, answer.link_headers) == (b"{}", ())


@proves("C-39")
@pytest.mark.parametrize(
    ("start", "piece"),
    [
        pytest.param(b"", b"", id="silence"),
        pytest.param(b"", b"H", id="slow status line"),
        pytest.param(OK, b"X: y\r\n", id="slow headers"),
        pytest.param(JSON + b"X-Long: ", b"x", id="one header without end"),
        pytest.param(b"", b"HTTP/1.1 100 Continue\r\n\r\n", id="endless 100 Continue"),
        pytest.param(b"", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", id="endless 103 Early Hints"),
        pytest.param(JSON + b"Content-Length: 5000\r\n\r\n", b"", id="silence instead of the body"),
        pytest.param(JSON + b"Content-Length: 5000\r\n\r\n", b" ", id="slow body with a length"),
        pytest.param(JSON + b"\r\n", b" ", id="slow body without a length"),
        pytest.param(CHUNKED, b"1\r\nx\r\n", id="slow chunks"),
        pytest.param(CHUNKED, b"0", id="slow chunk size"),
        pytest.param(CHUNKED + b"2\r\n{}\r\n0\r\n", b"X: y\r\n", id="slow trailers"),
    ],
)
def test_one_deadline_ends_every_kind_of_slowness(serve: Serve, fetch: Any, start: bytes, piece: bytes) -> None:
    origin = serve(drips(start, piece))
    started = time.monotonic()
    with pytest.raises(DeadlineExceededError) as caught:
        fetch(origin, deadline=0.8)
    assert 0.75 < time.monotonic() - started < 8
    assert (caught.value.slug, caught.value.phase, caught.value.temporary) == ("deadline", "response", True)


@proves("C-39")
@pytest.mark.parametrize(
    ("start", "piece", "hint"),
    [
        pytest.param(b"", b"HTTP/1.1 100 Continue\r\n\r\n", "before the body", id="100 Continue"),
        pytest.param(b"", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", "before the body", id="103 Early Hints"),
        pytest.param(b"", b"H", "before the body", id="a status line"),
        pytest.param(JSON + b"X: ", b"x", "before the body", id="a field"),
        pytest.param(JSON, b"Link: </a>; rel=redirect_uri\r\n" * 50, "", id="fields"),
        pytest.param(CHUNKED + b"2\r\n{}\r\n0\r\n", b"X: y\r\n", "trailers", id="trailers"),
        pytest.param(CHUNKED + b"2\r\n{}\r\n0\r\nX: ", b"y", "trailers", id="one trailer"),
        pytest.param(CHUNKED, b"1;" + b"x" * 900 + b"\r\n \r\n", "chunk sizes", id="chunk extensions"),
        pytest.param(CHUNKED, b"0", "chunk sizes", id="a chunk size"),
    ],
)
def test_bytes_outside_the_body_are_bounded(serve: Serve, fetch: Any, start: bytes, piece: bytes, hint: str) -> None:
    # C-39: without a bound, interim responses would keep a core busy until the deadline
    origin = serve(floods(start, piece * 500))
    with pytest.raises(UnexpectedResponseError) as caught:
        fetch(origin)
    assert (caught.value.slug, caught.value.phase) == ("bad-response", "response")
    assert hint in caught.value.hint


def filled(head: bytes, size: int) -> bytes:
    """Return a head of exactly this many bytes."""
    end = b"Content-Length: 2\r\n\r\n"
    while size - len(head) - len(end) > 1000:
        head += b"X: " + b"x" * 495 + b"\r\n"
    return head + b"X: " + b"x" * (size - len(head) - len(end) - 5) + b"\r\n" + end


HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"


@pytest.mark.parametrize("interim", [b"", HINTS, HINTS * 300])
def test_one_count_of_32_kib_covers_everything_before_the_body(serve: Serve, fetch: Any, interim: bytes) -> None:
    for size, fits in ((32 * 1024, True), (32 * 1024 + 1, False)):
        origin = serve(says(interim + filled(JSON, size - len(interim)) + b"{}"))
        if fits:
            assert fetch(origin).body == b"{}"
            continue
        with pytest.raises(UnexpectedResponseError) as caught:
            fetch(origin)
        assert (caught.value.slug, caught.value.hint) == ("bad-response", "more than 32768 bytes before the body")


@pytest.mark.parametrize(("size", "fits"), [(8 * 1024, True), (8 * 1024 + 1, False)])
def test_trailers_have_8_kib(serve: Serve, fetch: Any, size: int, fits: bool) -> None:
    # the empty line that ends them counts
    trailers = b"X: y\r\n" * 1000 + b"X: " + b"y" * (size - 6007) + b"\r\n\r\n"
    origin = serve(says(CHUNKED + b"2\r\n{}\r\n0\r\n" + trailers))
    if fits:
        assert fetch(origin).body == b"{}"
        return
    with pytest.raises(UnexpectedResponseError) as caught:
        fetch(origin)
    assert (caught.value.slug, caught.value.hint) == ("bad-response", "more than 8192 bytes of trailers")


def test_interim_responses_without_end_cost_little_cpu(serve: Serve, fetch: Any) -> None:
    origin = serve(says(b"HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n" * 40_000))
    started = time.thread_time()
    with pytest.raises(UnexpectedResponseError):
        fetch(origin)
    assert time.thread_time() - started < 0.3


def test_a_body_in_tiny_pieces_ends_before_its_cap(serve: Serve, ca_bundle: Path) -> None:
    # each TLS record of one byte costs its reader some microseconds
    def behave(origin: SocketOrigin, connection: socket.socket, _: bytes) -> None:
        connection.settimeout(0.5)
        connection.sendall(JSON + b"\r\n")
        while not origin.stopping.is_set():
            connection.sendall(b"x")

    origin = serve(behave)
    settings = FetchSettings(ca_bundle=str(ca_bundle), development_hosts={HOST: ("127.0.0.1", origin.port)}, timeout=10)
    with pytest.raises(UnexpectedResponseError) as caught:
        Fetcher(settings).fetch(f"https://{HOST}/c", accept="*/*", max_size_for=lambda _: 1_000_000)
    assert (caught.value.slug, caught.value.hint) == ("bad-response", "the body arrives in more than 16384 pieces")


def test_the_deadline_of_the_settings_is_used_when_none_is_given(serve: Serve, fetch: Any) -> None:
    with pytest.raises(DeadlineExceededError):
        fetch(serve(drips(b"", b"")), timeout=0.3)


@proves("C-37")
@pytest.mark.parametrize(
    ("start", "piece"),
    [
        pytest.param(JSON + b"\r\n", b"x" * 4096, id="no length"),
        pytest.param(JSON + b"Content-Length: 999999999999\r\n\r\n", b"x" * 4096, id="a huge length"),
        pytest.param(CHUNKED, b"1000\r\n" + b"x" * 4096 + b"\r\n", id="chunked"),
        pytest.param(CHUNKED, b"1\r\nx\r\n" * 500, id="chunks of one byte"),
        pytest.param(CHUNKED + b"fffffffffffff\r\n", b"x" * 4096, id="one chunk without end"),
    ],
)
def test_an_endless_body_ends_at_the_cap(serve: Serve, fetch: Any, start: bytes, piece: bytes) -> None:
    with pytest.raises(ResponseTooLargeError) as caught:
        fetch(serve(floods(start, piece)))
    assert caught.value.slug == "too-large"


@proves("C-37")
@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
def test_the_cap_is_exact_and_nothing_is_cut(serve: Serve, fetch: Any, framing: str) -> None:
    def body(size: int) -> bytes:
        frame = {
            "length": (JSON + b"Content-Length: %d\r\n\r\n" % size, b""),
            "chunked": (CHUNKED + b"%x\r\n" % size, b"\r\n0\r\n\r\n"),
            "close": (JSON + b"\r\n", b""),
        }[framing]
        return frame[0] + b"x" * size + frame[1]

    assert len(fetch(serve(says(body(CAP)))).body) == CAP
    with pytest.raises(ResponseTooLargeError):
        fetch(serve(says(body(CAP + 1))))


@proves("C-37")
def test_a_body_longer_than_its_length_is_read_to_its_length(serve: Serve, fetch: Any) -> None:
    # A Content-Length of 10 with a longer body.
    answer = fetch(serve(says(JSON + b"Content-Length: 10\r\n\r\n" + b"0123456789" + b"x" * 100_000)))
    assert answer.body == b"0123456789"


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(JSON + b"Content-Length: 3\r\n\r\n{}", id="body shorter than its length"),
        pytest.param(JSON + b"Content-Length: 3\r\n\r\n", id="no body at all"),
        pytest.param(CHUNKED + b"2\r\n{}\r\n", id="no last chunk"),
        pytest.param(CHUNKED + b"5\r\n{}", id="cut inside a chunk"),
        pytest.param(CHUNKED, id="cut before the first chunk"),
        pytest.param(JSON + b"Cache-Con", id="cut inside the headers"),
        pytest.param(JSON, id="cut before the end of the headers"),
        pytest.param(JSON + b"Content-Length: 0\r\nCache-Con", id="cut inside the headers, with a length"),
        pytest.param(OK, id="cut before the first header"),
    ],
)
def test_a_truncated_answer_is_never_taken_for_a_complete_one(serve: Serve, fetch: Any, sent: bytes) -> None:
    with pytest.raises(UnexpectedResponseError) as caught:
        fetch(serve(says(sent)))
    assert caught.value.slug == "truncated"


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"{}", id="HTTP/0.9"),
        pytest.param(b"SSH-2.0-OpenSSH_9\r\n\r\n", id="another protocol"),
        pytest.param(b"HTTP/1.1 OK\r\n\r\n{}", id="no status code"),
        pytest.param(b"HTTP/1.1 20 OK\r\n\r\n{}", id="status code of two digits"),
        pytest.param(b"HTTP/1.1 99999 OK\r\n\r\n{}", id="status code of five digits"),
        pytest.param(OK + b"X: " + b"x" * 70_000 + b"\r\n\r\n{}", id="a header line over 64 kB"),
        pytest.param(OK + b"X: y\r\n" * 200 + b"\r\n{}", id="two hundred headers"),
        pytest.param(JSON + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{} ", id="two lengths"),
        pytest.param(CHUNKED + b"zz\r\n{}\r\n0\r\n\r\n", id="chunk size is no number"),
        pytest.param(b"HTTP/1.1 103 Early Hints\r\n\r\n", id="only an interim response"),
    ],
)
def test_what_is_not_http_is_refused(serve: Serve, fetch: Any, sent: bytes) -> None:
    with pytest.raises(UnexpectedResponseError) as caught:
        fetch(serve(says(sent)))
    assert caught.value.slug in {"bad-response", "truncated"}
    assert caught.value.phase == "response"


@proves("C-28", "C-31")
@pytest.mark.parametrize("status", [101, 201, 202, 203, 204, 206, 300, 304, 400, 401, 404, 410, 418, 429, 500, 503])
def test_only_200_is_success(serve: Serve, fetch: Any, status: int) -> None:
    # A 304 is another status, since nothing conditional was asked
    sent = b"HTTP/1.1 %d Status\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}" % status
    with pytest.raises(UnexpectedResponseError) as caught:
        fetch(serve(says(sent)))
    assert caught.value.slug == "status"
    assert str(status) in caught.value.hint


@proves("C-30", "M-84")
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("target", ["same host", "other host", "http"])
def test_redirects_are_never_followed(
    serve: Serve, fetch: Any, origin: TLSOrigin, status: int, target: str, ca_bundle: Path
) -> None:
    elsewhere = origin.serve("/client.json", b"{}", headers={"Content-Type": "application/json"})
    location = {"same host": "/other.json", "other host": elsewhere, "http": f"http://127.0.0.1:{origin.port}/"}[target]
    first = serve(says(f"HTTP/1.1 {status} Moved\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()))
    with pytest.raises(UnexpectedResponseError) as caught:
        fetch(first, allow_loopback=True)
    assert caught.value.slug == "redirect"
    assert location not in str(caught.value)
    assert (len(first.requests), first.connections, origin.connections) == (1, 1, 0)


@proves("C-38")
@proves("C-30", "M-84")
@pytest.mark.parametrize(
    ("location", "reached"),
    [
        (f"https://{HOST}/page", "same"),
        ("/page", "same"),
        ("https://other.example.com/page", None),
        ("https://a.client.example.com/page", None),
        ("https://example.com/page", None),
        (f"https://{HOST}:8443/page", None),
        (f"http://{HOST}/page", None),
        (f"https://me@{HOST}/page", None),
    ],
)
def test_a_page_redirect_stays_on_its_host(
    serve: Serve, ca: trustme.CA, ca_bundle: Path, location: str, reached: str | None
) -> None:
    # every other host is at the same port, has a valid certificate and answers with a page: its name alone decides
    names = (HOST, "other.example.com", "a.client.example.com", "example.com")
    page = OK + b"Content-Type: text/html\r\nContent-Length: 9\r\n\r\n<p>hello</"

    def behave(_: SocketOrigin, connection: socket.socket, head: bytes) -> None:
        moved = f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()
        connection.sendall(page if head.startswith(b"GET /page ") else moved)

    origin = serve(behave, server_context(ca, *names))
    settings = FetchSettings(
        ca_bundle=str(ca_bundle), development_hosts=dict.fromkeys(names, ("127.0.0.1", origin.port)), allow_http=True
    )

    def get() -> Response:
        size = lambda media_type: CAP if media_type == "text/html" else 0  # noqa: E731
        return Fetcher(settings).fetch(
            f"https://{HOST}/start", accept="text/html", max_size_for=size, max_size_after_redirect=size
        )

    if reached:
        assert get().url == f"https://{HOST}/page"
        return
    with pytest.raises(UnexpectedResponseError) as caught:
        get()
    assert (caught.value.slug, origin.connections) == ("redirect", 1)


@pytest.mark.parametrize(
    "fields",
    [
        b"Content-Encoding: gzip\r\n",
        b"Content-Encoding: GZIP\r\n",
        b"Content-Encoding: x-gzip\r\n",
        b"Content-Encoding: deflate\r\n",
        b"Content-Encoding: br\r\n",
        b"Content-Encoding: zstd\r\n",
        b"Content-Encoding: identity, gzip\r\n",
        b"Content-Encoding: gzip\r\nContent-Encoding: identity\r\n",
    ],
)
def test_compressed_answers_are_refused(serve: Serve, fetch: Any, fields: bytes) -> None:
    bomb = gzip.compress(b" " * 10_000_000)
    with pytest.raises(UnexpectedResponseError) as caught:
        fetch(serve(says(JSON + fields + b"Content-Length: %d\r\n\r\n" % len(bomb), bomb)))
    assert caught.value.slug == "content-coding"


@proves("C-38")
def test_a_gzip_body_that_is_not_announced_stays_bytes(serve: Serve, fetch: Any) -> None:
    # Nothing is ever inflated
    body = gzip.compress(b"{}")
    assert fetch(serve(says(JSON + b"Content-Length: %d\r\n\r\n" % len(body), body))).body == body


@proves("C-34")
@pytest.mark.parametrize(
    "fields",
    [
        b"",
        b"Content-Type:\r\n",
        b"Content-Type: text/plain\r\n",
        b"Content-Type: text/html\r\n",
        b"Content-Type: application/json\r\nContent-Type: text/html\r\n",
        b"Content-Type: text/html\r\nContent-Type: application/json\r\n",
        b"Content-Type: application/json, text/html\r\n",
        b"Content-Type: \xff\xfe\r\n",
        b"Content-Type: " + b"a" * 2000 + b"\r\n",
    ],
)
def test_a_media_type_without_a_size_is_refused_unread(serve: Serve, fetch: Any, fields: bytes) -> None:
    with pytest.raises(UnexpectedResponseError) as caught:
        fetch(serve(floods(OK + fields + b"\r\n", b"x" * 4096)))
    assert caught.value.slug == "media-type"
    assert caught.value.hint.isascii()
    assert len(caught.value.hint) < 200


@pytest.mark.parametrize(
    ("status", "fields", "named"),
    [
        (200, "cf-mitigated: challenge", "; a bot protection (Cloudflare) answered"),
        (403, "cf-mitigated: challenge", "; a bot protection (Cloudflare) answered"),
        (202, "x-amzn-waf-action: challenge", "; a bot protection (AWS WAF) answered"),
        (405, "x-amzn-waf-action: captcha", "; a bot protection (AWS WAF) answered"),
        (429, "X-Vercel-Mitigated: challenge", "; a bot protection (Vercel) answered"),
        (403, "X-DataDome: protected", "; a bot protection (DataDome) answered"),
        (403, "x-sucuri-block: 1", "; a bot protection (Sucuri) answered"),
        (403, "Server: cloudflare", "; probably a bot protection (Cloudflare) answered"),
        (503, "Server: Cloudflare", "; probably a bot protection (Cloudflare) answered"),
        (403, "Server: AkamaiGHost", "; probably a bot protection (Akamai) answered"),
        (503, "Server: Sucuri/Cloudproxy", "; probably a bot protection (Sucuri) answered"),
        (403, "Server: ddos-guard", "; probably a bot protection (DDoS-Guard) answered"),
        (403, "X-Iinfo: 1-2-3", "; probably a bot protection (Imperva) answered"),
        (200, "Server: cloudflare", ""),
        (404, "Server: cloudflare", ""),
        (500, "Server: AkamaiGHost", ""),
        (403, "Server: nginx", ""),
        (403, "Server: my-cloudflare", ""),
    ],
)
def test_a_bot_protection_is_named_for_the_clients_developer(
    serve: Serve, fetch: Any, status: int, fields: str, named: str
) -> None:
    head = f"HTTP/1.1 {status} X\r\nContent-Type: text/html\r\n{fields}\r\n\r\n<p>prove it"
    with pytest.raises(UnexpectedResponseError) as caught:
        fetch(serve(says(head.encode())))
    assert caught.value.slug == ("media-type" if status == 200 else "status")
    assert ("protection" in caught.value.hint) is bool(named)
    assert named in caught.value.hint


def expired(ca: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert(HOST, not_after=datetime.now(UTC) - timedelta(days=1)).configure_cert(context)
    return context


@proves("C-40", "C-94")
def without_alternative_names(ca: trustme.CA) -> ssl.SSLContext:
    """Return a server context whose certificate names the host as its subject alone, as they did until 2000."""
    authority = x509.load_pem_x509_certificate(ca.cert_pem.bytes())
    signing, key = load_pem_private_key(ca.private_key_pem.bytes(), None), ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)]))
        .issuer_name(authority.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(signing, hashes.SHA256())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    plain = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with trustme.Blob(plain + certificate.public_bytes(Encoding.PEM)).tempfile() as path:
        context.load_cert_chain(path)
    return context


@pytest.mark.parametrize(
    "make_context",
    [
        pytest.param(without_alternative_names, id="no subjectAltName"),
        pytest.param(lambda ca: server_context(ca, "other.example.com"), id="wrong name"),
        pytest.param(lambda ca: server_context(ca, "127.0.0.1"), id="IP address only"),
        pytest.param(lambda ca: server_context(ca, "*.com"), id="wildcard too wide"),
        pytest.param(lambda ca: server_context(ca, "example.com"), id="parent domain"),
        pytest.param(lambda ca: server_context(trustme.CA(), HOST), id="untrusted authority"),
        pytest.param(expired, id="expired"),
    ],
)
def test_the_certificate_must_be_for_the_name_in_the_url(
    serve: Serve, fetch: Any, ca: trustme.CA, make_context: Callable[[trustme.CA], ssl.SSLContext]
) -> None:
    origin = serve(says(JSON + b"Content-Length: 2\r\n\r\n{}"), make_context(ca))
    with pytest.raises(FetchError) as caught:
        fetch(origin)
    assert (caught.value.slug, caught.value.phase) == ("tls-failed", "tls")
    assert origin.requests == []


@proves("C-40")
def test_the_operators_authorities_replace_the_public_ones(serve: Serve, ca_bundle: Path, ca: trustme.CA) -> None:
    # CIMD_CA_BUNDLE narrows trust, it does not widen it
    origin = serve(says(JSON + b"Content-Length: 2\r\n\r\n{}"))
    fetcher = Fetcher(FetchSettings(ca_bundle=str(ca_bundle), development_hosts={HOST: ("127.0.0.1", origin.port)}))
    for _ in range(2):
        fetcher.fetch(f"https://{HOST}/c", accept="*/*", max_size_for=lambda _: CAP)
    assert len(fetcher._context.get_ca_certs()) == 1
    assert fetcher._context.check_hostname
    assert fetcher._context.verify_mode is ssl.CERT_REQUIRED


def test_a_private_authority_is_not_trusted_by_default(serve: Serve, fetch: Any) -> None:
    with pytest.raises(FetchError) as caught:
        fetch(serve(says(JSON + b"Content-Length: 2\r\n\r\n{}")), ca_bundle=None)
    assert caught.value.slug == "tls-failed"


class Greeter(SocketOrigin):
    """Speaks first and never TLS."""

    greeting = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            connection.sendall(self.greeting)
            self.stopping.wait(10)


def test_plain_http_on_the_port_is_refused(fetch: Any) -> None:
    with Greeter(lambda *_: None) as origin, pytest.raises(FetchError) as caught:
        fetch(origin)
    assert (caught.value.slug, caught.value.phase) == ("tls-failed", "tls")


def test_a_connection_that_is_reset_in_the_handshake_failed_at_tls(fetch: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as pool:

        def reset() -> None:
            connection, _ = listener.accept()
            connection.recv(1)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()

        done = pool.submit(reset)
        host = {HOST: ("127.0.0.1", listener.getsockname()[1])}
        with pytest.raises(FetchError) as caught:
            Fetcher(FetchSettings(development_hosts=host)).fetch(
                f"https://{HOST}/c", accept="application/json", max_size_for=lambda _: CAP
            )
        done.result(10)
    assert (caught.value.slug, caught.value.phase) == ("tls-failed", "tls")


def test_an_error_after_the_deadline_is_the_deadline() -> None:
    with Guard(FetchSettings(), 0.01) as guard:
        ours, peer = socket.socketpair()
        with ours, peer:
            guard._deadline.watch(ours)
            peer.settimeout(10)
            assert peer.recv(1) == b""  # the deadline cut it
        with pytest.raises(DeadlineExceededError), _translated(guard):
            raise UnexpectedResponseError("media-type", hint="a head that was cut can lack it")


@pytest.mark.parametrize(
    ("url", "location", "target"),
    [
        ("http://app.example/", "https://app.example/x", "https://app.example/x"),
        ("http://app.example/", "https://app.example:8443/x", None),
        ("http://app.example:8080/", "https://app.example/x", "https://app.example/x"),
        ("https://app.example/", "http://app.example/x", None),
        ("https://app.example/", "https://app.example:8443/x", None),
        ("https://app.example:8443/", "/x", "https://app.example:8443/x"),
        ("https://app.example/", "https://app.example/ü", None),
        ("https://app.example/", "", None),
    ],
)
def test_a_redirect_keeps_scheme_and_port_or_moves_up_to_https(url: str, location: str, target: str | None) -> None:
    if target:
        assert _next_url(url, location) == target
        return
    with pytest.raises(UnexpectedResponseError) as caught:
        _next_url(url, location)
    assert caught.value.slug == "redirect"


@proves("C-39")
def test_the_deadline_covers_the_handshake(fetch: Any) -> None:
    with SocketOrigin(lambda *_: None) as silent, pytest.raises(DeadlineExceededError) as caught:
        fetch(silent, deadline=0.3)
    assert caught.value.phase == "tls"


@proves("C-92")
@pytest.mark.parametrize(
    "url", ["http://{}/c", "HTTP://{}/c", "file:///etc/passwd", "ftp://{}/c", "gopher://{}/c", "//{}/c", ""]
)
def test_only_https_is_fetched(url: str, serve: Serve) -> None:
    origin = serve(says(b""))
    fetcher = Fetcher(FetchSettings(development_hosts={HOST: ("127.0.0.1", origin.port)}))
    with pytest.raises(UnexpectedResponseError) as caught:
        fetcher.fetch(url.format(HOST), accept="*/*", max_size_for=lambda _: CAP)
    assert caught.value.slug == "scheme"
    assert origin.connections == 0


PROXY_VARIABLES = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")


@proves("C-40")
def test_proxies_of_the_environment_are_ignored(serve: Serve, fetch: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    origin = serve(says(JSON + b"Content-Length: 2\r\n\r\n{}"))
    with SocketOrigin(lambda connection, _: connection.sendall(b"HTTP/1.1 502 No\r\n\r\n")) as proxy:
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        for name in PROXY_VARIABLES:
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert fetch(origin).body == b"{}"
        assert proxy.connections == 0
        with pytest.raises(requests.exceptions.ProxyError):  # the bait works on those who look at it
            requests.get(f"https://{HOST}/", timeout=5)
        assert proxy.connections == 1


@proves("C-40")
def test_passwords_of_the_users_netrc_file_stay_at_home(
    serve: Serve, fetch: Any, origin: TLSOrigin, ca_bundle: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / ".netrc"
    netrc.write_text(f"machine {HOST} login me password secret\nmachine localhost login me password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HOME", str(tmp_path))
    client = serve(says(JSON + b"Content-Length: 2\r\n\r\n{}"))
    fetch(client)
    assert "authorization" not in headers_of(client.requests[0])
    requests.get(origin.url("/"), verify=str(ca_bundle), timeout=5)  # the bait works on those who look at it
    assert headers_of(origin.requests[0])["authorization"].startswith("Basic ")


@proves("C-40")
def test_authorities_of_the_environment_are_ignored(
    serve: Serve, fetch: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    rogue, bundle = trustme.CA(), tmp_path / "rogue.pem"
    rogue.cert_pem.write_to_path(str(bundle))
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, str(bundle))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    answer = says(JSON + b"Content-Length: 2\r\n\r\n{}")
    with pytest.raises(FetchError) as caught:
        fetch(serve(answer, server_context(rogue, HOST)))
    assert caught.value.slug == "tls-failed"
    assert fetch(serve(answer)).body == b"{}"


@proves("C-31", "C-40")
def test_cookies_are_neither_kept_nor_sent(serve: Serve, ca_bundle: Path) -> None:
    # Validators of an answer do not make the next request conditional
    origin = serve(
        says(JSON + b'Set-Cookie: id=1; Path=/\r\nETag: "1"\r\nLast-Modified: Tue, 24 Nov 2026 12:00:00 GMT\r\n\r\n{}')
    )
    fetcher = Fetcher(FetchSettings(ca_bundle=str(ca_bundle), development_hosts={HOST: ("127.0.0.1", origin.port)}))
    for _ in range(2):
        fetcher.fetch(f"https://{HOST}/c", accept="*/*", max_size_for=lambda _: CAP)
    assert origin.connections == 2
    assert set(headers_of(origin.requests[1])) == {"host", "user-agent", "accept", "accept-encoding"}


@proves("C-88")
@pytest.mark.parametrize("behave", [says(b""), says(JSON + b"Content-Length: 9\r\n\r\n{}"), drips(b"", b"")])
def test_what_a_visitor_reads_holds_no_address_and_no_remote_text(serve: Serve, fetch: Any, behave: Behave) -> None:
    with pytest.raises(FetchError) as caught:
        fetch(serve(behave), deadline=0.3)
    assert "127.0.0.1" not in str(caught.value) + caught.value.public_message + caught.value.hint
    assert caught.value.public_message.isascii()

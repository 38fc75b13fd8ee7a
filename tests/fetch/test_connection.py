"""Which address a fetch goes to, and that it goes nowhere else: look-ups, vetting, ports, names and bounds."""

import os
import select
import signal
import socket
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from ipaddress import ip_network
from pathlib import Path
from threading import Event
from typing import Any

import pytest
import trustme

from flask_cimd.errors import AddressBlockedError, DeadlineExceededError, FetchError
from flask_cimd.fetch.deadline import Deadline
from flask_cimd.fetch.fetcher import Fetcher, FetchSettings, Response
from flask_cimd.fetch.guard import Guard
from flask_cimd.fetch.happy_eyeballs import alternate, connect_first
from flask_cimd.fetch.look_up import LookUps, look_up
from tests.support.origin import SocketOrigin, TLSOrigin, own_private_address, read_head, server_context
from tests.support.proves import proves

HOST = "client.example.com"
#: Inside 2000::/3, outside every special range, and never handed out: vetted, but nobody is there.
NOBODY = "2e00::1"


class Names:
    """A name service that gives its answers in turn, the last one for ever, and counts the questions."""

    def __init__(self, *answers: list[str] | Exception) -> None:
        self._answers = list(answers)
        self.asked: list[tuple[str, int]] = []

    def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append((host, port))
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def fetch(ca_bundle: Path) -> Callable[..., Response]:
    look_ups = LookUps(16)

    def get(url: str, *, deadline: float | None = None, document_host: str | None = None, **settings: Any) -> Response:
        fetcher = Fetcher(FetchSettings(ca_bundle=str(ca_bundle), **settings), look_ups=look_ups)
        return fetcher.fetch(
            url,
            accept="application/json",
            max_size_for=lambda _: 5120,
            deadline=deadline,
            document_host=document_host,
        )

    return get


@pytest.fixture
def document(origin: TLSOrigin) -> str:
    return origin.serve("/client.json", b"{}", headers={"Content-Type": "application/json"})


SPECIAL_USE = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "100.127.255.254",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.0.1",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.0.8",
    "192.0.0.9",
    "192.0.0.170",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.1.1.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fe80::1",
    "febf::1",
    "fec0::1",
    "fc00::1",
    "fd12:3456::1",
    "ff02::1",
    "ff0e::1",
    "100::1",
    "100:0:0:1::1",
    "2001::1",
    "2001:2::1",
    "2001:10::1",
    "2001:20::1",
    "2001:db8::1",
    "3fff::1",
    "5f00::1",
    "4000::1",
    "e000::1",
]
CARRYING_IPV4 = [
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:7f00:1",
    "::7f00:1",
    "::127.0.0.1",
    "::ffff:0:127.0.0.1",
    "2002:7f00:1::",
    "2002:0a00:0001::1",
    "64:ff9b::7f00:1",
    "64:ff9b::8.8.8.8",
    "64:ff9b:1::1",
    "2001:0:7f00:1::",
    "2a00:1450::5efe:127.0.0.1",
    "2a00:1450::200:5efe:10.0.0.1",
]
NOT_ADDRESSES = ["fe80::1%eth0", "2a00:1450::1%1", "127.0.0.1%lo", "127.1", "0x7f.0.0.1", "0177.0.0.1", "", "localhost"]


@proves("C-88", "C-95", "M-84")
@pytest.mark.parametrize("address", SPECIAL_USE + CARRYING_IPV4 + NOT_ADDRESSES)
def test_a_special_use_address_is_refused_before_any_connection(fetch: Any, address: str) -> None:
    names = Names([address])
    with pytest.raises(AddressBlockedError) as caught:
        fetch("https://client.example.com/c", resolve=names)
    assert (caught.value.slug, caught.value.phase) == ("address-blocked", "resolve")
    assert address == "" or address not in caught.value.public_message + caught.value.hint
    assert names.asked == [(HOST, 443)]


@proves("C-93")
@pytest.mark.parametrize(
    "answers",
    [
        [NOBODY, "10.0.0.1"],
        ["10.0.0.1", NOBODY],
        [NOBODY, "8.8.8.8", "::ffff:127.0.0.1"],
        ["127.0.0.1", "10.0.0.1"],
    ],
)
def test_one_bad_address_among_many_refuses_the_host(fetch: Any, answers: list[str]) -> None:
    with pytest.raises(AddressBlockedError) as caught:
        fetch("https://client.example.com/c", resolve=Names(answers))
    assert caught.value.phase == "resolve"


def test_a_public_address_passes_the_check(fetch: Any) -> None:
    with pytest.raises(FetchError) as caught:
        fetch("https://client.example.com/c", resolve=Names([NOBODY]), deadline=0.3)
    assert caught.value.phase == "connect"


@proves("C-95")
def test_nat64_addresses_are_judged_by_what_they_carry_only_by_switch(fetch: Any) -> None:
    for inside in ("127.0.0.1", "10.0.0.1", "169.254.169.254"):
        with pytest.raises(AddressBlockedError):
            fetch("https://client.example.com/c", resolve=Names([f"64:ff9b::{inside}"]), nat64=True)
    public = Names(["64:ff9b::46.0.0.1"])
    with pytest.raises(AddressBlockedError):
        fetch("https://client.example.com/c", resolve=public)
    with pytest.raises(FetchError) as caught:
        fetch("https://client.example.com/c", resolve=public, nat64=True, deadline=0.3)
    assert caught.value.phase == "connect"


@proves("C-94", "L-03", "L-08", "M-84")
@pytest.mark.parametrize("second", ["127.0.0.1", "::1"])
def test_a_name_that_changes_its_address_is_looked_up_once(
    fetch: Any, origin: TLSOrigin, document: str, second: str
) -> None:
    # Localhost is what the system's own resolver would answer with if it were asked once more
    names = Names([NOBODY], [second])
    with pytest.raises(FetchError) as caught:
        fetch(document, resolve=names, deadline=0.3)
    assert caught.value.phase == "connect"
    assert len(names.asked) == 1
    assert origin.connections == 0


@proves("C-94")
def test_the_address_that_was_checked_is_the_one_connected_to(fetch: Any, origin: TLSOrigin, document: str) -> None:
    names = Names(["127.0.0.1"], ["10.0.0.1"])
    assert fetch(document, resolve=names, allow_loopback=True).body == b"{}"
    assert names.asked == [("localhost", origin.port)]


def test_each_vetted_address_is_tried_in_turn(fetch: Any, origin: TLSOrigin, document: str) -> None:
    assert fetch(document, resolve=Names(["::1", "127.0.0.1"]), allow_loopback=True).body == b"{}"
    assert origin.connections == 1


def test_an_ipv6_origin_is_reached(fetch: Any, ca: trustme.CA) -> None:
    try:
        origin = SocketOrigin(
            lambda connection, _: connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"),
            server_context(ca, "::1"),
            socket.AF_INET6,
        )
    except OSError:
        pytest.skip("no IPv6 on this computer")
        raise
    with origin:
        assert fetch(f"https://[::1]:{origin.port}/c", allow_loopback=True).body == b"{}"


@proves("C-90")
def test_loopback_is_refused_by_default_although_this_very_computer_listens(
    fetch: Any, origin: TLSOrigin, document: str
) -> None:
    # And the proof that no change in urllib3 takes our connection out of the way
    with pytest.raises(AddressBlockedError):
        fetch(document)
    assert origin.connections == 0


@proves("C-21", "C-88", "M-84")
@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST",
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0177.0.0.1",
        "0",
        "0.0.0.0",
        "127.0.0.2",
        "１２７.0.0.1",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::127.0.0.1]",
    ],
)
def test_no_spelling_of_this_computer_is_reached(fetch: Any, origin: TLSOrigin, host: str) -> None:
    # The system's resolver turns most of these into 127.0.0.1, so its answer is judged
    with pytest.raises(FetchError) as caught:
        fetch(f"https://{host}:{origin.port}/client.json", deadline=2)
    assert caught.value.phase == "resolve"
    assert origin.connections == 0


@proves("C-90")
@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("localhost", "127.0.0.2"),
        ("localhost", "10.0.0.1"),
        ("localhost", "169.254.169.254"),
        ("localhost", "::ffff:127.0.0.1"),
        ("client.example.com", "127.0.0.1"),
        ("client.example.com", "::1"),
        ("localhost.example.com", "127.0.0.1"),
        ("app.localhost", "127.0.0.1"),
        ("127.1", "127.0.0.1"),
    ],
)
def test_the_development_switch_covers_loopback_names_and_addresses_only(
    fetch: Any, origin: TLSOrigin, host: str, address: str
) -> None:
    # "exception covers loopback only"
    with pytest.raises(AddressBlockedError):
        fetch(f"https://{host}:{origin.port}/c", resolve=Names([address]), allow_loopback=True)
    assert origin.connections == 0


def test_allowed_ports_are_checked_before_the_look_up(fetch: Any, origin: TLSOrigin, document: str) -> None:
    names = Names(["127.0.0.1"])
    with pytest.raises(AddressBlockedError) as caught:
        fetch(document, resolve=names, allow_loopback=True, allowed_ports=(443, 8443))
    assert (caught.value.slug, names.asked, origin.connections) == ("port-blocked", [], 0)
    assert fetch(document, resolve=names, allow_loopback=True, allowed_ports=(443, origin.port)).body == b"{}"


def test_a_proxy_is_not_asked_for_a_port_that_is_not_allowed(fetch: Any) -> None:
    with SocketOrigin(lambda *_: None) as proxy, pytest.raises(AddressBlockedError) as caught:
        fetch(f"https://{HOST}:8443/c", proxy=f"http://127.0.0.1:{proxy.port}", allowed_ports=(443,))
    assert (caught.value.slug, proxy.connections) == ("port-blocked", 0)


def test_the_default_port_counts_as_a_port(fetch: Any) -> None:
    with pytest.raises(AddressBlockedError) as caught:
        fetch("https://client.example.com/c", resolve=Names([NOBODY]), allowed_ports=(8443,))
    assert caught.value.slug == "port-blocked"


@pytest.fixture
def named(ca: trustme.CA) -> Iterator[tuple[SocketOrigin, list[str | None]]]:
    """An origin called ``client.example.com``, and the names that TLS clients asked it for."""
    context, asked = server_context(ca, HOST), list[str | None]()
    context.sni_callback = lambda _socket, name, _context: asked.append(name)
    answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
    with SocketOrigin(lambda connection, _: connection.sendall(answer), context) as origin:
        yield origin, asked


@proves("C-94", "L-18")
@pytest.mark.parametrize(
    ("url", "host"),
    [
        (f"https://{HOST}/c", HOST),
        (f"https://{HOST}:443/c", HOST),
        (f"https://{HOST}:8443/c", f"{HOST}:8443"),
        ("https://CLIENT.example.com/c", HOST),
    ],
)
def test_a_development_host_keeps_its_name_everywhere_but_in_the_connection(
    fetch: Any, named: tuple[SocketOrigin, list[str | None]], url: str, host: str
) -> None:
    # TLS name, certificate and Host are those of the URL
    origin, asked = named
    names = Names(OSError("nobody should ask"))
    assert fetch(url, resolve=names, development_hosts={HOST: ("127.0.0.1", origin.port)}).body == b"{}"
    assert asked == [HOST]
    assert f"\r\nhost: {host}\r\n" in origin.requests[0].decode().lower()
    assert names.asked == []


def test_a_development_host_gives_its_neighbours_nothing(
    fetch: Any, named: tuple[SocketOrigin, list[str | None]]
) -> None:
    origin, _ = named
    for host in ("example.com", "a.client.example.com", "other.example.com"):
        with pytest.raises(AddressBlockedError):
            fetch(
                f"https://{host}:{origin.port}/c",
                resolve=Names(["127.0.0.1"]),
                development_hosts={HOST: ("127.0.0.1", origin.port)},
            )
    assert origin.connections == 0


@proves("C-55")
@pytest.mark.parametrize(
    "trouble",
    [
        socket.gaierror(socket.EAI_NONAME, "Name or service not known"),
        socket.gaierror(socket.EAI_AGAIN, "Temporary failure"),
        OSError("no network"),
        UnicodeError("label too long"),
    ],
)
def test_a_name_that_does_not_resolve_is_a_fetch_error(fetch: Any, trouble: Exception) -> None:
    with pytest.raises(FetchError) as caught:
        fetch("https://client.example.com/c", resolve=Names(trouble))
    assert (caught.value.slug, caught.value.phase) == ("name-not-found", "resolve")


def test_a_name_without_addresses_is_a_fetch_error(fetch: Any) -> None:
    with pytest.raises(FetchError) as caught:
        fetch("https://client.example.com/c", resolve=Names([]))
    assert caught.value.slug == "name-not-found"


@pytest.mark.parametrize("url", ["https://" + "a" * 64 + ".example/c", "https://a..example/c", "https://x.invalid/c"])
def test_hosts_that_no_resolver_knows_are_fetch_errors(fetch: Any, url: str) -> None:
    with pytest.raises(FetchError) as caught:
        fetch(url, deadline=2)
    assert caught.value.phase == "resolve"


@proves("C-55")
def test_a_refused_connection_is_a_fetch_error(fetch: Any) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        with pytest.raises(FetchError) as caught:
            fetch(f"https://localhost:{closed.getsockname()[1]}/c", allow_loopback=True)
    assert (caught.value.slug, caught.value.phase) == ("connection-failed", "connect")


def test_look_up_gives_every_address_once() -> None:
    addresses = look_up("localhost", 443)
    assert "127.0.0.1" in addresses
    assert len(addresses) == len(set(addresses))


def silence(stack: ExitStack, address: str, port: int = 0) -> int:
    """Return a port that answers no SYN: its queue of unaccepted connections is full."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = stack.enter_context(socket.socket(family))
    listener.bind((address, port))
    listener.listen(0)
    found: int = listener.getsockname()[1]
    for _ in range(8):
        filler = stack.enter_context(socket.socket(family))
        filler.setblocking(False)
        filler.connect_ex((address, found))
    probe = stack.enter_context(socket.socket(family))
    probe.settimeout(0.1)
    with suppress(TimeoutError):
        probe.connect((address, found))
        pytest.skip("this system's queue of connections does not fill")
    return found


@pytest.fixture
def black_hole() -> Iterator[int]:
    """Return a silent port of ``127.0.0.1``."""
    with ExitStack() as stack:
        yield silence(stack, "127.0.0.1")


@pytest.fixture
def half_silent(origin: TLSOrigin) -> Iterator[int]:
    """Return a port that is silent at ``::1`` and answers well at ``127.0.0.1``."""
    with ExitStack() as stack:
        try:
            yield silence(stack, "::1", origin.port)
        except OSError:
            pytest.skip("no IPv6 on this computer, or the port is taken")


@proves("C-39")
@pytest.mark.parametrize(
    "addresses", [["::1"] * 4 + ["127.0.0.1"], ["::1", "127.0.0.1"] * 3, ["::1"] * 20 + ["127.0.0.1"]]
)
def test_silent_addresses_of_one_family_delay_the_other_by_a_quarter_of_a_second(
    fetch: Any, origin: TLSOrigin, document: str, half_silent: int, addresses: list[str]
) -> None:
    # RFC 8305 §4: the families alternate; §5: the next attempt begins after 250 ms, whatever the first comes to
    started = time.monotonic()
    assert fetch(document, resolve=Names(addresses), allow_loopback=True).body == b"{}"
    assert 0.24 < time.monotonic() - started < 1.5
    assert origin.connections == 1


def test_an_attempt_that_fails_starts_the_next_at_once(fetch: Any, origin: TLSOrigin, document: str) -> None:
    # nothing listens at [::1] on this port; 20 delays of 250 ms would be longer than the deadline
    names = Names(["::1"] * 19 + ["127.0.0.1"])
    assert fetch(document, resolve=names, allow_loopback=True, deadline=2).body == b"{}"


def test_an_attempt_that_is_given_up_starts_the_next_at_once_beside_those_under_way(black_hole: int) -> None:
    # RFC 8305 §5: ten attempts of 0.26 s, two at a time; 250 ms after each other they would take 2.5 s
    started = time.monotonic()
    silent = [("127.0.0.1", black_hole)] * 10
    assert connect_first(silent, attempt_timeout=0.26, seconds_left=lambda: 5) is None
    assert time.monotonic() - started < 2.1


def test_the_families_alternate_and_keep_their_order() -> None:
    targets = [(address, 443) for address in ("a::1", "a::2", "a::3", "1.1.1.1", "1.1.1.2")]
    assert [address for address, _ in alternate(targets)] == ["a::1", "1.1.1.1", "a::2", "1.1.1.2", "a::3"]
    assert [address for address, _ in alternate(targets[::-1])] == ["1.1.1.2", "a::3", "1.1.1.1", "a::2", "a::1"]
    assert alternate(targets[:3]) == targets[:3]


def test_a_name_with_a_thousand_addresses_is_no_port_scan(fetch: Any, origin: TLSOrigin) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        refuses, accepts = closed.getsockname(), ("127.0.0.1", origin.port)
        for before, is_reached in ((19, True), (20, False)):
            found = connect_first([refuses] * before + [accepts], attempt_timeout=5, seconds_left=lambda: 5)
            assert (found is not None) is is_reached
            if found is not None:
                found[0].close()
    with pytest.raises(AddressBlockedError):  # those that would not be tried are vetted too
        fetch(f"https://{HOST}/c", resolve=Names([NOBODY] * 1000 + ["10.0.0.1"]))


@proves("C-39")
def test_ten_silent_addresses_cost_one_deadline(fetch: Any, black_hole: int) -> None:
    started = time.monotonic()
    with pytest.raises(DeadlineExceededError) as caught:
        fetch(
            f"https://localhost:{black_hole}/c",
            resolve=Names(["127.0.0.1"] * 10),
            allow_loopback=True,
            connect_timeout=0.1,
            deadline=0.4,
        )
    assert 0.35 < time.monotonic() - started < 8
    assert caught.value.phase == "connect"


def test_one_connection_attempt_has_its_own_bound(fetch: Any, black_hole: int) -> None:
    started = time.monotonic()
    with pytest.raises(FetchError) as caught:
        fetch(f"https://127.0.0.1:{black_hole}/c", allow_loopback=True, connect_timeout=0.1)
    assert time.monotonic() - started < 8
    assert caught.value.slug == "connection-failed"


@pytest.fixture
def stuck() -> Iterator[Callable[[str, int], list[str]]]:
    """A name service that hangs until the test ends."""
    release = Event()

    def resolve(host: str, port: int) -> list[str]:
        release.wait(20)
        return [NOBODY]

    yield resolve
    release.set()


@proves("C-39")
def test_the_deadline_covers_the_look_up(fetch: Any, stuck: Any) -> None:
    started = time.monotonic()
    with pytest.raises(DeadlineExceededError) as caught:
        fetch("https://client.example.com/c", resolve=stuck, deadline=0.3)
    assert 0.25 < time.monotonic() - started < 8
    assert caught.value.phase == "resolve"


@proves("C-98")
def test_hanging_look_ups_are_bounded_and_others_are_told_at_once(
    fetch: Any, stuck: Any, named: tuple[SocketOrigin, list[str | None]]
) -> None:
    # A look-up cannot be cancelled, so a stranger's name servers could otherwise collect threads
    before = sum(thread.name == "cimd-look-up" for thread in threading.enumerate())

    def hang(_: int) -> Exception | None:
        with pytest.raises(DeadlineExceededError) as caught:
            fetch("https://client.example.com/c", resolve=stuck, deadline=1.5)
        return caught.value

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(hang, range(16)))
    for _ in range(50):
        with pytest.raises(FetchError) as caught:
            fetch("https://other.example.com/c", resolve=stuck, deadline=5)
        assert caught.value.slug == "too-many-look-ups"
        assert caught.value.temporary
    assert sum(thread.name == "cimd-look-up" for thread in threading.enumerate()) <= before + 16
    origin, _ = named
    assert fetch(f"https://{HOST}/c", development_hosts={HOST: ("127.0.0.1", origin.port)}).body == b"{}"


def relay(client: socket.socket, port: int) -> None:
    """Carry bytes between a proxy's client and a port until one of them ends."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as target:
        client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        pairs = {client: target, target: client}
        while True:
            for source in select.select(list(pairs), [], [], 10)[0]:
                data = source.recv(65536)
                if not data:
                    return
                pairs[source].sendall(data)


def test_a_configured_proxy_makes_the_connection_and_tls_goes_through_it(
    fetch: Any, named: tuple[SocketOrigin, list[str | None]]
) -> None:
    origin, asked = named
    names = Names(["127.0.0.1"])
    with SocketOrigin(lambda client, _: relay(client, origin.port)) as proxy:
        answer = fetch(f"https://{HOST}/c", resolve=names, proxy=f"http://127.0.0.1:{proxy.port}")
        assert answer.body == b"{}"
        assert proxy.requests[0].startswith(f"CONNECT {HOST}:443 HTTP/1.".encode())
        assert names.asked == [("127.0.0.1", proxy.port)]  # the proxy looks the client's name up, not we
    assert asked == [HOST]


@proves("C-39")
@pytest.mark.parametrize(("url", "port"), [(f"http://{HOST}/c?x=%7e", None), (f"http://{HOST}:8080/c?x=%7e#y", 8080)])
def test_a_proxy_is_asked_for_the_whole_url_of_plain_http_and_told_who_asks(
    fetch: Any, url: str, port: int | None
) -> None:
    # RFC 9112 §3.2.2
    answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
    with SocketOrigin(lambda client, _: client.sendall(answer)) as proxy:
        at = f"127.0.0.1:{proxy.port}"
        assert fetch(url, proxy=f"http://me:a%40b@{at}", allow_http=True).body == b"{}"
        assert fetch(url, proxy=at, allow_http=True).body == b"{}"
    told, untold = (head.decode().lower() for head in proxy.requests)
    host = f"{HOST}:{port}" if port else HOST
    assert told.startswith(f"get http://{host}/c?x=%7e http/1.1\r\nhost: {host}\r\n")
    assert f"\r\nproxy-authorization: basic {b64encode(b'me:a@b').decode().lower()}\r\n" in told
    assert "authorization" not in untold


def test_a_connection_that_ends_behind_the_proxy_failed_in_tls(fetch: Any) -> None:
    def hang_up(client: socket.socket, _: object) -> None:
        client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        client.recv(1)

    with SocketOrigin(hang_up) as proxy, pytest.raises(FetchError) as caught:
        fetch(f"https://{HOST}/c", proxy=f"http://127.0.0.1:{proxy.port}")
    assert (caught.value.slug, caught.value.phase) == ("tls-failed", "tls")


def test_a_proxy_that_is_silent_in_tls_is_told_from_one_that_does_not_connect(fetch: Any) -> None:
    def say_nothing(client: socket.socket, _: object) -> None:
        client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        while client.recv(65536):
            pass

    with SocketOrigin(say_nothing) as proxy, pytest.raises(FetchError) as caught:
        fetch(f"https://{HOST}/c", proxy=f"http://127.0.0.1:{proxy.port}", deadline=0.5)
    assert caught.value.phase == "tls"


def test_the_credentials_of_a_proxy_stay_with_it(fetch: Any, named: tuple[SocketOrigin, list[str | None]]) -> None:
    origin, _ = named
    with SocketOrigin(lambda client, _: relay(client, origin.port)) as proxy:
        fetch(f"https://{HOST}/c", proxy=f"http://me:secret@127.0.0.1:{proxy.port}")
    assert b"Proxy-Authorization: Basic " in proxy.requests[0].replace(b"proxy-auth", b"Proxy-Auth")
    assert b"authorization" not in origin.requests[0].lower()


def test_a_proxy_behind_tls_carries_tls(
    fetch: Any, ca: trustme.CA, named: tuple[SocketOrigin, list[str | None]]
) -> None:
    origin, asked = named
    with SocketOrigin(lambda client, _: relay(client, origin.port), server_context(ca, "127.0.0.1")) as proxy:
        assert fetch(f"https://{HOST}/c", proxy=f"https://127.0.0.1:{proxy.port}").body == b"{}"
    assert asked == [HOST]


@pytest.mark.parametrize(
    ("answer", "slug"),
    [(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", "connection-failed"), (b"", "deadline")],
)
def test_a_proxy_that_refuses_or_hangs_is_a_fetch_error(fetch: Any, answer: bytes, slug: str) -> None:
    def behave(client: socket.socket, _: bytes) -> None:
        if answer:
            client.sendall(answer)
        else:
            read_head(client)  # until the client gives up

    with SocketOrigin(behave) as proxy, pytest.raises(FetchError) as caught:
        fetch(f"https://{HOST}/c", proxy=f"http://127.0.0.1:{proxy.port}", deadline=0.3)
    assert caught.value.slug == slug


def test_a_socket_that_opens_after_the_deadline_is_cut() -> None:
    # C-39: the first one proves without a clock that the deadline has passed
    with Deadline(0.01) as deadline:
        first, its_peer = socket.socketpair()
        second, other_peer = socket.socketpair()
        with first, its_peer, second, other_peer:
            deadline.watch(first)
            its_peer.settimeout(10)
            assert its_peer.recv(1) == b""
            deadline.watch(second)
            other_peer.settimeout(10)
            assert other_peer.recv(1) == b""
        assert (deadline.has_passed, deadline.seconds_left()) == (True, 0)


def test_a_deadline_of_a_fetch_that_is_over_cuts_nothing() -> None:
    ours, peer = socket.socketpair()
    with ours, peer:
        with Deadline(0.01) as over:
            pass
        with Deadline(0.02) as later:  # ends after the one that is over
            watched, its_peer = socket.socketpair()
            with watched, its_peer:
                later.watch(watched)
                its_peer.settimeout(10)
                assert its_peer.recv(1) == b""
        assert (over.has_passed, later.has_passed) == (False, True)


def test_a_deadline_that_comes_just_after_the_end_has_not_passed() -> None:
    with Deadline(60) as over:
        pass
    over.expire()  # as its thread does that took it up a moment before
    assert not over.has_passed


def test_no_time_left_is_an_error_before_anything_else_is_tried() -> None:
    with Guard(FetchSettings(), 0) as guard, pytest.raises(DeadlineExceededError):
        guard.remaining()


def test_deadlines_end_in_their_own_order() -> None:
    with Deadline(60), Deadline(0.02) as soon, Deadline(30):
        ours, peer = socket.socketpair()
        with ours, peer:
            soon.watch(ours)
            peer.settimeout(10)
            assert peer.recv(1) == b""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # of Python 3.12: what the test is about
def test_a_forked_worker_has_deadlines_and_look_ups_of_its_own(fetch: Any, origin: TLSOrigin, document: str) -> None:
    # gunicorn --preload forks after the first fetch, and no thread of the parent is in the child
    def drip(client: socket.socket, _: bytes) -> None:
        while not slow.stopping.wait(0.02):
            client.sendall(b"H")

    assert fetch(document, allow_loopback=True).body == b"{}"
    child = os.fork()
    if child == 0:
        signal.alarm(10)
        with SocketOrigin(drip) as slow:
            try:
                plain = {"development_hosts": {HOST: ("127.0.0.1", slow.port)}, "allow_http": True}
                fetch(f"http://{HOST}/c", deadline=0.2, **plain)
            except DeadlineExceededError as error:
                if error.phase != "response":
                    os._exit(2)
                found = fetch(document, allow_loopback=True, deadline=5)  # its name is looked up by a thread
                os._exit(0 if found.body == b"{}" else 5)
            except BaseException:
                os._exit(3)
        os._exit(4)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.parametrize("url", ["https://me:secret@{}/c", "https://me@{}/c", "https://@{}/c", "https://a%40b:@{}/c"])
def test_a_url_with_user_information_is_not_fetched(fetch: Any, origin: TLSOrigin, url: str) -> None:
    with pytest.raises(FetchError) as caught:
        fetch(url.format(f"localhost:{origin.port}"), allow_loopback=True)
    assert (caught.value.slug, caught.value.phase, origin.connections) == ("userinfo", "resolve", 0)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["https://", "https:///c", "https://host:x/c", "https://host:99999/c", "https://h:0/c", "https://[::1/c"]
)
def test_a_url_that_names_no_place_is_not_fetched(fetch: Any, url: str) -> None:
    names = Names(["127.0.0.1"])
    with pytest.raises(FetchError) as caught:
        fetch(url, resolve=names)
    assert (caught.value.slug, caught.value.phase, names.asked) == ("malformed-url", "resolve", [])


@pytest.fixture
def private(ca: trustme.CA) -> Iterator[tuple[SocketOrigin, str]]:
    """Run an origin called ``app.corp.example`` at an address of this computer that is not public."""
    address = own_private_address()
    answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    context = server_context(ca, "app.corp.example", "stranger.example.com")
    with SocketOrigin(lambda connection, _: connection.sendall(answer), context, family, address) as origin:
        yield origin, address


def networks(*texts: str) -> dict[str, tuple[Any, ...]]:
    return {"app.corp.example": tuple(ip_network(text) for text in texts)}


def test_a_private_host_is_reached_for_its_own_documents_alone(fetch: Any, private: tuple[SocketOrigin, str]) -> None:
    origin, address = private
    settings = {"resolve": Names([address]), "private_hosts": networks(address)}
    url = f"https://app.corp.example:{origin.port}/c"
    for document_host in ("app.corp.example", "APP.corp.example"):
        assert fetch(url, document_host=document_host, **settings).body == b"{}"
    assert fetch(url.replace("app", "APP"), document_host="app.corp.example", **settings).body == b"{}"
    reached = origin.connections
    for document_host in (None, "stranger.example.com", "corp.example", "a.app.corp.example", "app.corp.example."):
        with pytest.raises(AddressBlockedError) as caught:
            fetch(url, document_host=document_host, **settings)
        assert caught.value.slug == "address-blocked"
    for other in ("stranger.example.com", "b.app.corp.example", "corp.example"):
        with pytest.raises(AddressBlockedError):
            fetch(f"https://{other}:{origin.port}/c", document_host=other, **settings)
    assert origin.connections == reached


@pytest.mark.parametrize("also", ["8.8.8.8", "10.9.9.9", "127.0.0.1", "169.254.169.254", "fd00:ec2::254", "::1"])
def test_every_address_of_a_private_host_lies_in_its_networks(
    fetch: Any, private: tuple[SocketOrigin, str], also: str
) -> None:
    origin, address = private
    with pytest.raises(AddressBlockedError) as caught:
        fetch(
            f"https://app.corp.example:{origin.port}/c",
            document_host="app.corp.example",
            resolve=Names([address, also]),
            private_hosts=networks(address, "126.0.0.0/7", "169.254.0.0/15", "fd00::/8", "::/1"),
        )
    assert (caught.value.slug, origin.connections) == ("address-blocked", 0)


def test_nothing_is_left_open_after_a_fetch(fetch: Any, origin: TLSOrigin, document: str) -> None:
    def everything() -> None:
        fetch(document, allow_loopback=True)
        for url, deadline in [(origin.url("/missing"), 2), ("https://client.example.com/c", 0.2)]:
            with pytest.raises(FetchError):
                fetch(url, resolve=Names(["127.0.0.1"]), allow_loopback=True, deadline=deadline)
        with SocketOrigin(lambda client, _: None) as silent, pytest.raises(DeadlineExceededError):
            fetch(f"https://localhost:{silent.port}/c", allow_loopback=True, deadline=0.1)

    if not Path("/dev/fd").is_dir():
        pytest.skip("no list of open files on this system")
    everything()
    open_files = len(list(Path("/dev/fd").iterdir()))
    for _ in range(5):
        everything()
    assert len(list(Path("/dev/fd").iterdir())) <= open_files + origin.connections
    assert not [
        thread
        for thread in threading.enumerate()
        if isinstance(thread, threading.Timer) and not thread.finished.is_set()
    ]

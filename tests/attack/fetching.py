"""Attacks through what the site fetches: addresses, documents, heads of responses, certificates."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Callable, Iterator
from typing import Any

import requests
import trustme

from tests.support.browser import SignIn, publish_client
from tests.support.origin import SocketOrigin, server_context
from tests.support.vectors import load_vectors

from .target import Outcome, Target

#: Ways to write an address that a careless parser takes for a name: of this computer, or of a cloud's secrets.
_WRITTEN = (
    "2130706433", "0x7f000001", "017700000001", "127.1", "127.0.1", "0", "0.0.0.0", "[::]", "[::ffff:127.0.0.1]",
    "[::ffff:a9fe:a9fe]", "[64:ff9b::a9fe:a9fe]", "[2002:a9fe:a9fe::1]", "[fe80::1%25lo]", "169.254.169.254",
    "0xa9fea9fe", "metadata.google.internal", "localhost.localdomain", "127.0.0.1.", "①②⑦.⓪.⓪.①",
    "localhost%00.example", "app.example@127.0.0.1", "127.0.0.1\\@app.example", "127.0.0.1#@app.example",
)  # fmt: skip


def ask(target: Target, client_id: str) -> requests.Response:
    """Let the owner follow a link of the attacker."""
    return target.owner.authorize(SignIn.begin(client_id, scope="profile"))


def is_refused(answer: requests.Response) -> bool:
    """Say whether the sign-in ended on a page of the site, without a consent form, a redirect or a fault."""
    is_error = answer.status_code in (400, 401, 403, 429, 503)
    return is_error and "Location" not in answer.headers and "Traceback" not in answer.text


def addresses(target: Target) -> Iterator[Outcome]:
    """Name clients on special-use addresses, in every way to write one."""
    rows = [row["address"] for row in load_vectors("addresses") if row["reason"] and "loopback" not in row["reason"]]
    for row in rows[:: 8 if target.is_short else 1]:
        host = f"[{row}]" if ":" in row else row
        if not row.startswith("127.") and row != "::1":
            yield f"client on {host}", is_refused(ask(target, f"https://{host}/c.json"))
    for host in _WRITTEN:
        yield f"client on {host}", is_refused(ask(target, f"https://{host}:{target.origin.port}/c.json"))


def schemes(target: Target) -> Iterator[Outcome]:
    """Name clients with other schemes, and with http, which is never fetched."""
    with SocketOrigin(lambda connection, _: connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n{}")) as plain:
        for url in (
            f"http://127.0.0.1:{plain.port}/c.json", f"http://localhost:{plain.port}/", "file:///etc/passwd",
            f"ftp://127.0.0.1:{plain.port}/c", f"gopher://127.0.0.1:{plain.port}/_x", "data:application/json,{}",
            f"unix://127.0.0.1:{plain.port}/", "jar:https://a.example!/c", "//127.0.0.1/c",
        ):  # fmt: skip
            answer = ask(target, url)
            yield f"client at {url.partition(':')[0]}", answer.status_code < 500 and "Traceback" not in answer.text
        yield "nothing was fetched without TLS", plain.connections == 0


def redirects(target: Target) -> Iterator[Outcome]:
    """Answer the fetch of a document with a redirect into the inside."""
    inside = "/inside.json"
    publish_client(target.origin, inside)
    for status in (301, 302, 303, 307, 308):
        path = f"/redirect-{status}.json"
        target.origin.serve(path, b"", status=status, headers={"Location": target.origin.url(inside)})
        yield f"a document that redirects with {status}", is_refused(ask(target, target.origin.url(path)))
    yield "no redirect was followed", target.origin.count(inside) == 0


def _document(target: Target, path: str, **members: Any) -> dict[str, Any]:
    url = target.origin.url(path)
    usual = {"client_id": url, "client_name": "App", "redirect_uris": ["http://127.0.0.1:7777/callback"]}
    return {**usual, **members}


def _written(target: Target, path: str, **members: Any) -> bytes:
    return json.dumps(_document(target, path, **members)).encode()


def documents(target: Target) -> Iterator[Outcome]:
    """Publish documents that lie, are broken, or are too large."""
    bodies: dict[str, Callable[[str], bytes]] = {
        "of another client": lambda path: _written(target, path, client_id="https://bank.example/c"),
        "with a secret": lambda path: _written(target, path, client_secret="s"),
        "with javascript: as redirect": lambda path: _written(target, path, redirect_uris=["javascript:alert(1)"]),
        "with two client_id": lambda path: b'{"client_id":"x",' + json.dumps(_document(target, path)).encode()[1:],
        "that is a list": lambda _: b"[]",
        "that is deep": lambda _: b'{"a":' * 2000 + b"1" + b"}" * 2000,
        "that is large": lambda path: _written(target, path, x="y" * 300_000),
        "with NaN": lambda path: _written(target, path, x=float("nan")),
        "in UTF-16": lambda path: json.dumps(_document(target, path)).encode("utf-16"),
        "that is empty": lambda _: b"",
        "with a huge number": lambda _: b'{"client_id": ' + b"9" * 5000 + b"}",
        "with lone surrogates": lambda path: _written(target, path, client_id="\ud800"),
    }  # fmt: skip
    for number, (name, body) in enumerate(bodies.items()):
        path = f"/hostile-{number}.json"
        url = target.origin.serve(path, body(path), headers={"Content-Type": "application/json"})
        yield f"a document {name}", is_refused(ask(target, url))
    for number, kind in enumerate(("text/plain", "application/octet-stream", "image/png", "text/javascript")):
        path = f"/kind-{number}.json"
        url = target.origin.serve(path, json.dumps(_document(target, path)).encode(), headers={"Content-Type": kind})
        yield f"a document as {kind}", is_refused(ask(target, url))


def markup(target: Target) -> Iterator[Outcome]:
    """Publish a client whose name is markup."""
    name = '<script>alert(1)</script>"><img src=x onerror=alert(1)>'
    page = ask(target, publish_client(target.origin, "/markup.json", client_name=name))
    yield (
        "markup in a name",
        page.status_code in (200, 400) and "<script>" not in page.text and "<img src=x" not in page.text,
    )


_JSON = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
_HEADS = {
    "without end": b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 20_000,
    "with a very long field": b"HTTP/1.1 200 OK\r\nX: " + b"y" * 200_000 + b"\r\n\r\n",
    "with a negative length": _JSON + b"Content-Length: -1\r\n\r\n{}",
    "with two lengths": _JSON + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}x",
    "with wrong chunks": _JSON + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n",
    "with a compressed body": _JSON + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
    "that is no HTTP": b"SSH-2.0-OpenSSH_9.2\r\n",
    "that is empty": b"",
    "with status 100 again and again": b"HTTP/1.1 100 Continue\r\n\r\n" * 5000,
}  # fmt: skip


def heads(target: Target) -> Iterator[Outcome]:
    """Answer the fetch with heads that no server should send."""
    for name, head in _HEADS.items():

        def behave(connection: socket.socket, _: bytes, head: bytes = head) -> None:
            with contextlib.suppress(OSError):
                connection.sendall(head)

        with SocketOrigin(behave, server_context(target.ca, "localhost")) as origin:
            yield f"a head {name}", is_refused(ask(target, f"https://localhost:{origin.port}/c.json"))


def certificates(target: Target) -> Iterator[Outcome]:
    """Serve a valid document with certificates that prove nothing."""

    def behave(connection: socket.socket, head: bytes) -> None:
        url = f"https://localhost:{port[0]}/c.json"
        body = json.dumps({"client_id": url, "client_name": "A", "redirect_uris": [url]}).encode()
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n" + body)

    port = [0]
    for name, context in {
        "of an unknown authority": server_context(trustme.CA(), "localhost"),
        "of another name": server_context(target.ca, "bank.example"),
    }.items():
        with SocketOrigin(behave, context) as origin:
            port[0] = origin.port
            yield f"a certificate {name}", is_refused(ask(target, f"https://localhost:{origin.port}/c.json"))
            yield f"no request after a certificate {name}", origin.requests == []


ATTACKS = (addresses, schemes, redirects, documents, markup, heads, certificates)

"""Logos: a stranger's picture becomes a small PNG of our own, or nothing at all."""

from __future__ import annotations

import io
import json
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from PIL import Image, PngImagePlugin

from flask_cimd import CIMD, ClientMetadata
from flask_cimd.clients.logo import EDGE, NotAPicture, draw
from flask_cimd.core.policy import Rule
from flask_cimd.stores import Fetched, MemoryFetchedStore, MemoryStore
from tests.support.origin import SocketOrigin, TLSOrigin, server_context
from tests.support.proves import proves

pytestmark = pytest.mark.broad

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def picture(format_: str = "PNG", size: tuple[int, int] = (300, 200), colour: str = "red", **options: Any) -> bytes:
    drawn = io.BytesIO()
    Image.new("RGB", size, colour).save(drawn, format_, **options)
    return drawn.getvalue()


class Clock:
    now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["memory", "sqlalchemy"])
def app(request: pytest.FixtureRequest, ca_bundle: Path, clock: Clock, tmp_path: Path) -> Iterator[Flask]:
    app = Flask("app")
    app.config.update(
        SECRET_KEY="test",
        SQLALCHEMY_DATABASE_URI=f"sqlite:///{tmp_path / 'logos.db'}",
        CIMD_ALLOW_LOOPBACK=True,
        CIMD_CA_BUNDLE=str(ca_bundle),
        CIMD_STORE=request.param,
        CIMD_LOGOS=True,
    )
    db = SQLAlchemy(app)
    CIMD(clock=clock).init_app(app, db=db)
    with app.app_context():
        db.create_all()
        yield app
        db.engine.dispose()


@pytest.fixture
def look(app: Flask) -> Callable[[str], tuple[str | None, bytes]]:
    """Resolve a client, prepare its logo and fetch that as a browser does."""

    def show(url: str) -> tuple[str | None, bytes]:
        cimd = app.extensions["cimd"]
        with app.test_request_context():
            address = cimd.logo_url(cimd.resolve(url))
        return address, app.test_client().get(address).data if address else b""

    return show


def publish(origin: TLSOrigin, logo_uri: str, *, lifetime: int = 600) -> str:
    url = origin.url("/client.json")
    body = json.dumps({"client_id": url, "redirect_uris": [origin.url("/cb")], "logo_uri": logo_uri}).encode()
    headers = {"Content-Type": "application/json", "Cache-Control": f"max-age={lifetime}"}
    return origin.serve("/client.json", body, headers=headers)


def serve_logo(origin: TLSOrigin, body: bytes, media_type: str = "image/png", **answer: Any) -> str:
    return origin.serve("/logo", body, headers={"Content-Type": media_type}, **answer)


@proves("C-100", "C-113", "C-114", "IA-45")
@pytest.mark.parametrize(("format_", "media_type"), [
    ("PNG", "image/png"), ("JPEG", "image/jpeg"), ("GIF", "image/gif"), ("WEBP", "image/webp"),
    ("AVIF", "image/avif"), ("ICO", "image/x-icon"), ("PNG", "application/octet-stream"), ("JPEG", "text/plain"),
])  # fmt: skip
def test_a_logo_is_served_from_our_own_origin_as_a_small_png(
    origin: TLSOrigin, look: Any, format_: str, media_type: str
) -> None:
    address, png = look(publish(origin, serve_logo(origin, picture(format_), media_type)))
    assert address is not None
    assert address.startswith("/cimd/logo/")
    with Image.open(io.BytesIO(png)) as shown:
        assert shown.format == "PNG"
        assert max(shown.size) == EDGE


@proves("C-114")
def test_the_answer_can_be_nothing_but_a_picture(origin: TLSOrigin, app: Flask, look: Any) -> None:
    address, _ = look(publish(origin, serve_logo(origin, picture())))
    answer = app.test_client().get(address)
    assert answer.mimetype == "image/png"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"


@proves("C-114")
def test_metadata_and_trailing_bytes_do_not_survive() -> None:
    notes = PngImagePlugin.PngInfo()
    notes.add_text("Comment", "payload-in-a-chunk")
    drawn = draw(picture(pnginfo=notes) + b"<script>alert(1)</script>")
    assert b"payload" not in drawn
    assert b"script" not in drawn


@proves("C-114")
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        b"<html>not here</html>",
        picture()[:60],
        b"\x89PNG\r\n\x1a\n" + b"\x00" * 100,
        picture("BMP"),
        picture("TIFF"),
    ],
)
def test_anything_else_is_no_picture(body: bytes) -> None:
    with pytest.raises(NotAPicture):
        draw(body)


@proves("C-114")
@pytest.mark.parametrize("size", [(4097, 4096), (10000, 10000), (20000, 20000)])
def test_pixels_are_counted_before_they_are_decoded(size: tuple[int, int]) -> None:
    # 20 kB may claim to be hundreds of millions of pixels
    with pytest.raises(NotAPicture, match=r"pixels|Decompression"):
        draw(_claiming(*size))


@pytest.mark.parametrize("mode", ["RGBA", "RGB", "P", "L", "1"])
def test_a_png_of_sixteen_million_pixels_is_never_in_memory_whole(mode: str, tmp_path: Path) -> None:
    # In a process of its own, whose peak the kernel knows; a copy of RGBA has 64 MiB.
    drawn = io.BytesIO()
    Image.new(mode, (4096, 4096)).save(drawn, "PNG")
    file = tmp_path / "large.png"
    file.write_bytes(drawn.getvalue())
    done = subprocess.run([sys.executable, "-c", _PEAK, file], capture_output=True, text=True, check=True)
    assert float(done.stdout) < 32


_PEAK = """
import io, pathlib, sys
from PIL import Image
from flask_cimd.clients.logo import draw
small = io.BytesIO()
Image.new("RGBA", (9, 9)).save(small, "PNG")
draw(small.getvalue())
body = pathlib.Path(sys.argv[1]).read_bytes()
def peak():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")) / 1024
pathlib.Path("/proc/self/clear_refs").write_text("5")
before = peak()
draw(body)
print(peak() - before)
"""


@pytest.mark.parametrize("format_", ["WEBP", "GIF", "AVIF"])
def test_other_formats_are_read_up_to_four_million_pixels(format_: str) -> None:
    assert Image.open(io.BytesIO(draw(picture(format_, (2048, 2048))))).size == (EDGE, EDGE)
    with pytest.raises(NotAPicture, match="pixels"):
        draw(picture(format_, (2049, 2048)))


def test_the_colours_and_the_shape_survive_the_shrinking() -> None:
    large = Image.new("RGBA", (3000, 1500), (0, 0, 0, 0))
    large.paste((200, 10, 10, 255), (1500, 0, 3000, 1500))
    drawn = io.BytesIO()
    large.save(drawn, "PNG")
    with Image.open(io.BytesIO(draw(drawn.getvalue()))) as shown:
        assert shown.size == (128, 64)
        assert shown.getpixel((10, 30)) == (0, 0, 0, 0)
        assert shown.getpixel((120, 30)) == (200, 10, 10, 255)


def test_the_orientation_of_a_photo_is_applied() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    with Image.open(io.BytesIO(draw(picture("JPEG", (400, 200), exif=exif)))) as shown:
        assert shown.size == (64, 128)


def test_an_icon_is_read_and_one_that_is_larger_than_it_says_is_not() -> None:
    icon = picture("ICO", (256, 256))
    with Image.open(io.BytesIO(draw(icon))) as shown:
        assert shown.size == (128, 128)
    at = icon.index(b"\x89PNG")
    head = b"IHDR" + struct.pack(">II", 9000, 9000) + icon[at + 24 : at + 29]
    large = icon[: at + 12] + head + struct.pack(">I", zlib.crc32(head)) + icon[at + 33 :]
    with pytest.raises(NotAPicture, match="another size"):
        draw(large)


def _claiming(width: int, height: int) -> bytes:
    head = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + head + struct.pack(">I", zlib.crc32(head))
    return b"\x89PNG\r\n\x1a\n" + chunk + picture()[33:]


@proves("C-114")
@pytest.mark.parametrize(
    ("media_type", "body"),
    [
        ("image/svg+xml", b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
        ("text/html", b"<html>"),
        ("application/json", picture()),
        ("image/png", b"\0" * 600_000),
        ("image/png", b"not a picture"),
    ],
)
def test_a_logo_that_will_not_do_is_no_logo_and_no_error(
    origin: TLSOrigin, look: Any, media_type: str, body: bytes
) -> None:
    assert look(publish(origin, serve_logo(origin, body, media_type))) == (None, b"")


@proves("C-114")
def test_a_redirected_or_missing_logo_is_no_logo(origin: TLSOrigin, look: Any) -> None:
    origin.serve("/real", picture(), headers={"Content-Type": "image/png"})
    origin.serve("/logo", b"", status=302, headers={"Location": "/real"})
    assert look(publish(origin, origin.url("/logo"))) == (None, b"")
    assert origin.count("/real") == 0


@proves("C-89", "C-92", "L-10")
def test_a_logo_on_a_private_address_is_never_asked_for(origin: TLSOrigin, look: Any) -> None:
    for uri in ("https://192.168.1.1/logo.png", "file:///etc/passwd", "data:image/png;base64,AA", "http://a.example/l"):
        address, _ = look(publish(origin, uri))
        assert address is None


@proves("C-113")
def test_a_logo_is_fetched_once_in_the_lifetime_of_the_document(origin: TLSOrigin, look: Any, clock: Clock) -> None:
    # A changed logo is not seen until the document is fetched again
    url = publish(origin, serve_logo(origin, picture(colour="red")))
    _, first = look(url)
    serve_logo(origin, picture(colour="blue"))
    assert look(url)[1] == first
    assert origin.count("/logo") == 1
    clock.now += timedelta(seconds=601)
    assert look(url)[1] != first


def test_a_failure_is_remembered_for_minutes_only(origin: TLSOrigin, look: Any, clock: Clock) -> None:
    url = publish(origin, origin.url("/logo"), lifetime=86400)
    assert look(url)[0] is None
    assert look(url)[0] is None
    assert origin.count("/logo") == 1
    serve_logo(origin, picture())
    clock.now += timedelta(minutes=6)
    assert look(url)[0] is not None


@proves("C-114")
def test_a_slow_logo_host_costs_its_bound_and_no_more(ca: Any, origin: TLSOrigin, look: Any) -> None:
    def drip(connection: Any, _: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\r\n")
        slow.stopping.wait(20)

    with SocketOrigin(drip, server_context(ca, "localhost")) as slow:
        assert look(publish(origin, f"https://localhost:{slow.port}/logo"))[0] is None


def test_nobody_can_ask_which_clients_were_seen(origin: TLSOrigin, app: Flask, look: Any) -> None:
    url = publish(origin, serve_logo(origin, picture()))
    address, _ = look(url)
    import hashlib

    guess = hashlib.sha256(f"{url}\n{origin.url('/logo')}".encode()).hexdigest()
    assert guess not in str(address)
    assert app.test_client().get(f"/cimd/logo/{guess}.png").status_code == 404


def test_without_the_setting_nothing_is_fetched_and_no_route_exists(origin: TLSOrigin, ca_bundle: Path) -> None:
    app = Flask("plain")
    app.config.update(CIMD_ALLOW_LOOPBACK=True, CIMD_CA_BUNDLE=str(ca_bundle))
    cimd = CIMD(app)
    with app.test_request_context():
        client: ClientMetadata = cimd.resolve(publish(origin, serve_logo(origin, picture())))
        assert cimd.logo_url(client) is None
    assert origin.count("/logo") == 0
    assert "flask_cimd.clients.logo" not in app.view_functions


def test_no_name_leads_to_anything_but_a_logo() -> None:
    # a shared store keeps key sets beside logos, under names that anybody can compute
    store = MemoryStore()
    store.fetched = MemoryFetchedStore(10)
    store.fetched.put("a" * 64, Fetched(b'{"keys": []}', datetime.now(UTC) + timedelta(hours=1)), NOW)
    app = Flask("app")
    app.config.update(CIMD_LOGOS=True, CIMD_STORE=store)
    CIMD(app)
    assert app.test_client().get(f"/cimd/logo/{'a' * 64}.png").status_code == 404


@pytest.mark.parametrize("name", ["A" * 64, "a" * 63, "a" * 65, "a" * 63 + "g", "a" * 64 + "\n", "../" + "a" * 61])
def test_only_what_may_be_a_name_is_looked_up(name: str) -> None:
    class Asked(MemoryFetchedStore):
        def get(self, key: str) -> Fetched | None:
            asked.append(key)
            return Fetched(b"png", datetime.now(UTC) + timedelta(hours=1))

    asked: list[str] = []
    store = MemoryStore()
    store.fetched = Asked(10)
    app = Flask("app")
    app.config.update(CIMD_LOGOS=True, CIMD_STORE=store)
    CIMD(app)
    browser = app.test_client()
    assert (browser.get(f"/cimd/logo/{'a' * 64}.png").status_code, len(asked)) == (200, 1)
    assert (browser.get(f"/cimd/logo/{quote(name)}.png").status_code, len(asked)) == (404, 1)


def test_a_logo_on_a_denied_host_is_not_asked_for(origin: TLSOrigin, app: Flask, look: Any) -> None:
    # whoever names the host
    serve_logo(origin, picture())
    client = publish(origin, origin.url("/logo").replace("localhost", "127.0.0.1"))
    with app.test_request_context():
        metadata = app.extensions["cimd"].resolve(client)
    app.extensions["cimd"].admission.set_rule(Rule.parse("127.0.0.1", "deny"))
    with app.test_request_context():
        assert app.extensions["cimd"].logo_url(metadata) is None
    assert origin.count("/logo") == 0


def test_a_store_in_trouble_means_no_logo_and_no_error(origin: TLSOrigin, app: Flask, look: Any) -> None:
    client = publish(origin, serve_logo(origin, picture()))
    with app.test_request_context():
        metadata = app.extensions["cimd"].resolve(client)
    with app.extensions["sqlalchemy"].engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE IF EXISTS cimd_fetched")
    with app.test_request_context():
        address = app.extensions["cimd"].logo_url(metadata)
    assert address is not None
    is_lost = app.config["CIMD_STORE"] == "sqlalchemy"  # the table that is gone held the picture
    assert app.test_client().get(address).status_code == (404 if is_lost else 200)

"""Images: measured before they are decoded, written anew, served as nothing but pictures."""

from __future__ import annotations

import io
import struct
import zlib

import pytest
import requests
from PIL import Image

from tests.site.posting import Poster, png
from tests.support.browser import Site


def opened(poster: Poster, url: str) -> Image.Image:
    return Image.open(io.BytesIO(poster.page(url).content))


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def bomb(width: int, height: int) -> bytes:
    """Return a small PNG file that says it is large, and is: all black."""
    row = b"\0" * (1 + width // 8)
    compressor = zlib.compressobj(9)
    body = b"".join(compressor.compress(row * 512) for _ in range(height // 512)) + compressor.flush()
    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("kind", "media_type"), [("PNG", "image/png"), ("JPEG", "image/jpeg"), ("GIF", "image/png"), ("WEBP", "image/webp")]
)
def test_takes_the_formats_of_the_web_and_answers_with_an_address(poster: Poster, kind: str, media_type: str) -> None:
    answer = poster.upload(png(20, 10, kind))
    assert (answer.status_code, answer.content) == (201, b"")
    shown = poster.page(answer.headers["Location"])
    assert shown.headers["Content-Type"] == media_type
    assert opened(poster, answer.headers["Location"]).size == (20, 10)


def test_serves_a_picture_that_can_be_nothing_else(poster: Poster) -> None:
    shown = poster.page(poster.upload(png()).headers["Location"])
    assert shown.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in shown.headers["Content-Security-Policy"]
    assert "default-src 'none'" in shown.headers["Content-Security-Policy"]
    assert "Set-Cookie" not in shown.headers


def test_drops_metadata_and_what_stands_behind_the_picture(poster: Poster) -> None:
    exif = Image.Exif()
    exif[0x010F] = "Camera of Ada"
    exif[0x0112] = 6  # lies on its side
    sent = png(30, 10, "JPEG", exif=exif, comment=b"where I live") + b"<script>alert(1)</script>"
    location = poster.upload(sent, "x.html").headers["Location"]
    kept = poster.page(location).content
    for secret in (b"Ada", b"where I live", b"<script>"):
        assert secret not in kept
    assert opened(poster, location).size == (10, 30)
    assert location.endswith(".jpg")


def test_makes_large_pictures_smaller(poster: Poster) -> None:
    location = poster.upload(png(5000, 100, "JPEG")).headers["Location"]
    assert opened(poster, location).size == (2048, 41)


def test_keeps_transparency(poster: Poster) -> None:
    out = io.BytesIO()
    Image.new("LA", (4, 4), (10, 0)).save(out, "PNG")
    assert opened(poster, poster.upload(out.getvalue()).headers["Location"]).mode == "RGBA"


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(bomb(30_000, 30_720), id="900 million pixels in 110 kB"),
        pytest.param(bomb(8_000, 8_192), id="65 million pixels"),
        pytest.param(b"", id="nothing"),
        pytest.param(b"GIF89a", id="a beginning"),
        pytest.param(png(64, 64)[:-30], id="a cut end"),
        pytest.param(png(64, 64, "JPEG")[:400], id="a cut photo"),
        pytest.param(b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>', id="svg"),
        pytest.param(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", id="postscript"),
        pytest.param(png(kind="BMP"), id="bmp"),
        pytest.param(png(kind="TIFF"), id="tiff"),
        pytest.param(b"<html><script>alert(1)</script></html>", id="html"),
        pytest.param(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", b"\0" * 13) + chunk(b"IEND", b""), id="no size"),
        pytest.param(
            b"\x89PNG\r\n\x1a\n"
            + chunk(b"IHDR", struct.pack(">IIBBBBB", 9, 9, 8, 0, 0, 0, 0))
            + chunk(b"zTXt", b"a\0\0" + zlib.compress(b"x" * 50_000_000))
            + chunk(b"IEND", b""),
            id="a text bomb",
        ),
    ],
)
def test_answers_400_to_what_is_no_picture_and_stores_nothing(
    posting_site: Site, poster: Poster, content: bytes
) -> None:
    for answer in (
        poster.upload(content),
        poster.form({"content": "with a bomb"}, files={"photo": ("a.png", content)}),
    ):
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert poster.query(q="source").json() == {"items": []}
    assert count_of_images(posting_site) == 0


def count_of_images(site: Site) -> int:
    from sqlalchemy import func, select

    from flask_cimd_site.models import db
    from flask_cimd_site.site.tables import MediaRow

    with site.app.app_context():
        return db.session.scalar(select(func.count()).select_from(MediaRow))


def test_refuses_a_file_above_the_bound(posting_site: Site, poster: Poster) -> None:
    # Between the bound of one file and that of the whole request.
    answer = poster.form({"content": "x"}, files={"photo": ("a.png", png() + b"\0" * (10 * 2**20))})
    assert (answer.status_code, answer.json()["error"]) == (413, "invalid_request")
    assert count_of_images(posting_site) == 0


def assert_refused(answer: requests.Response, description: str) -> None:
    assert (answer.status_code, answer.json()["error_description"]) == (400, description)


def test_a_bad_photo_spoils_the_post_with_the_good_ones(posting_site: Site, poster: Poster) -> None:
    files = [("photo[]", ("a.png", png())), ("photo[]", ("b.png", b"no picture"))]
    answer = poster.form({"content": "x"}, files=files)
    assert (answer.status_code, answer.json()["error_description"]) == (
        400,
        "The file is not an image that can be read. Send PNG, JPEG, GIF, WebP, AVIF or ICO.",
    )
    assert count_of_images(posting_site) == 0


def test_refuses_files_in_other_parts_and_too_many(poster: Poster) -> None:
    most = [("photo[]", (f"{n}.png", png())) for n in range(10)]
    assert poster.form({"content": "x"}, files=most).status_code == 201
    for files in ({"video": ("a.png", png())}, [*most, ("photo[]", ("10.png", png()))]):
        answer = poster.form({"content": "x"}, files=files)
        assert (answer.status_code, answer.json()["error_description"]) == (
            400,
            "A post can have up to 10 files, each in a part named photo.",
        )


def test_the_media_endpoint_takes_one_file(poster: Poster) -> None:
    two = [("file", ("a.png", png())), ("file", ("b.png", png()))]
    for files in (two, None, {"photo": ("a.png", png())}):
        answer = poster.browser.request("POST", "/media", files=files, headers=poster.bearer)
        assert (answer.status_code, answer.json()["error_description"]) == (
            400,
            "Send one file, in a part named file.",
        )


@pytest.mark.parametrize(
    "name",
    [
        "../../flask_cimd_site/config.py",
        "%2e%2e%2fconfig.py",
        "x.png",
        "a" * 32 + ".svg",
        "A" * 32 + ".png",
        "%00",
        "a" * 9000,
    ],
)
def test_knows_images_by_their_exact_name_alone(poster: Poster, name: str) -> None:
    assert poster.browser.get(f"/media/{name}").status_code == 404


def test_the_name_of_a_file_decides_nothing(poster: Poster) -> None:
    for name in ("../../x.html", "x.svg", 'a".png\r\nX: y', "日本.png"):
        location = poster.upload(png(), name).headers["Location"]
        assert location.rpartition("/")[2].endswith(".png")
        assert len(location.rpartition("/")[2]) == 36


@pytest.mark.parametrize("scope", ["media", "create", "post"])
def test_takes_pictures_from_apps_that_may_bring_them(make_poster, scope: str) -> None:
    assert make_poster(scope).upload(png()).status_code == 201


@pytest.mark.parametrize("scope", ["update delete", "draft"])
def test_takes_none_from_others(make_poster, scope: str) -> None:
    answer = make_poster(scope).upload(png())
    assert (answer.status_code, answer.json()["error"]) == (403, "insufficient_scope")
    assert 'scope="media"' in answer.headers["WWW-Authenticate"]


def test_an_app_cannot_fill_the_database(posting_site: Site, poster: Poster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flask_cimd_site.site.media._MOST_STORED", 2 * len(png()))
    statuses = [poster.upload(png()).status_code for _ in range(4)]
    assert statuses[0] == 201
    assert statuses[-1] == 413

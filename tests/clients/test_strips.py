"""Strips of a picture: the same pixels as Pillow's own, and the memory of a few rows."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image, ImageChops

from flask_cimd.clients import ImageError, reencode, strips

SIZE = (2003, 411)  # several strips, of which the last is shorter


def noise(mode: str) -> Image.Image:
    """Return a picture that needs every filter of PNG."""
    if mode == "P":
        return Image.effect_noise(SIZE, 90).convert("P", palette=Image.Palette.ADAPTIVE, colors=13)
    bands = [Image.effect_noise(SIZE, 20 + 30 * number) for number, _ in enumerate(mode)]
    return Image.merge(mode, bands) if len(bands) > 1 else bands[0].convert(mode)


def file_of(picture: Image.Image, **options: object) -> io.BytesIO:
    file = io.BytesIO()
    picture.save(file, "PNG", **options)
    return file


def streamed(file: io.BytesIO, mode: str = "RGBA") -> Iterator[Image.Image]:
    with Image.open(file) as picture:
        yield from strips.streamed(file, picture, mode)


def joined(parts: Iterator[Image.Image], mode: str = "RGBA") -> Image.Image:
    whole, top = Image.new(mode, SIZE), 0
    for part in parts:
        whole.paste(part, (0, top))
        top += part.height
    assert top == SIZE[1]
    return whole


@pytest.mark.parametrize("mode", ["1", "L", "LA", "RGB", "RGBA", "P"])
def test_the_strips_of_a_png_are_the_picture(mode: str) -> None:
    file = file_of(noise(mode))
    assert len(list(streamed(file))) > 2
    assert joined(streamed(file)).tobytes() == Image.open(file).convert("RGBA").tobytes()


@pytest.mark.parametrize(("mode", "transparency"), [("L", 77), ("RGB", (0, 0, 0)), ("P", b"\x00\x80\xff")])
def test_a_colour_that_stands_for_transparency_is_transparent(mode: str, transparency: object) -> None:
    file = file_of(noise(mode), transparency=transparency)
    assert joined(streamed(file)).tobytes() == Image.open(file).convert("RGBA").tobytes()


def test_of_sixteen_bits_the_upper_eight_count() -> None:
    values = [(x * 40503 + y * 977) % 65536 for y in range(SIZE[1]) for x in range(SIZE[0])]
    file = file_of(Image.frombytes("I;16", SIZE, struct.pack(f"<{len(values)}H", *values)))
    assert joined(streamed(file, "L"), "L").tobytes() == bytes(value >> 8 for value in values)


def test_scaling_strip_by_strip_is_like_scaling_the_picture() -> None:
    picture = Image.radial_gradient("L").resize(SIZE).convert("RGB")
    for target in ((700, 144), (2003, 411), (90, 18), (1, 1)):
        ours = strips.scaled(strips.whole(picture, "RGB"), SIZE, target, "RGB")
        theirs = picture.resize(target, Image.Resampling.BICUBIC)
        assert max(most for _, most in ImageChops.difference(ours, theirs).getextrema()) <= 2


@pytest.mark.parametrize("cut", [40, 200, 100_000])
def test_a_png_that_is_cut_is_no_picture(cut: int) -> None:
    with pytest.raises(ImageError, match="not an image that can be read"):
        reencode(file_of(noise("RGB")).getvalue()[:-cut], max_pixels=10**6, max_edge=100)


def test_an_interlaced_png_is_decoded_whole_and_so_bounded_like_other_formats() -> None:
    head = b"IHDR" + struct.pack(">IIBBBBB", 1001, 1000, 8, 2, 0, 0, 1)
    plain = file_of(Image.new("RGB", (1001, 1000))).getvalue()
    interlaced = plain[:12] + head + struct.pack(">I", zlib.crc32(head)) + plain[33:]
    with pytest.raises(ImageError, match="more than 1 million pixels"):
        reencode(interlaced, max_pixels=1_000_000, max_streamed_pixels=2_000_000, max_edge=100)
    assert reencode(plain, max_pixels=1_000_000, max_streamed_pixels=2_000_000, max_edge=100).width == 100


@pytest.mark.parametrize("is_progressive", [True, False])
def test_a_progressive_photo_is_decoded_whole_and_so_bounded_like_other_formats(*, is_progressive: bool) -> None:
    photo = io.BytesIO()
    Image.new("RGB", (1001, 1000)).save(photo, "JPEG", progressive=is_progressive)
    if is_progressive:
        with pytest.raises(ImageError, match="more than 1 million pixels"):
            reencode(photo, max_pixels=1_000_000, max_streamed_pixels=2_000_000, max_edge=100)
    else:
        assert reencode(photo, max_pixels=1_000_000, max_streamed_pixels=2_000_000, max_edge=100).width == 100


def test_a_picture_with_an_edge_longer_than_65535_pixels_is_refused() -> None:
    long = file_of(Image.new("1", (65_536, 1)))
    with pytest.raises(ImageError, match="pixels"):
        reencode(long, max_pixels=10**6, max_edge=100)


@pytest.mark.slow
def test_four_uploads_of_forty_million_pixels_at_once_take_less_than_100_megabytes(tmp_path: Path) -> None:
    # In a process of its own, whose peak the kernel knows; one decoded picture of this size has 160 MB.
    done = subprocess.run([sys.executable, "-c", _PEAK, tmp_path], capture_output=True, text=True, check=True)
    assert float(done.stdout) < 100


_PEAK = """
import io, os, pathlib, sys
from concurrent.futures import ThreadPoolExecutor
from PIL import Image
from flask_cimd.clients import reencode
file = pathlib.Path(sys.argv[1]) / "large.png"
if os.fork() == 0:  # what drawing it takes is not counted
    gradient = Image.linear_gradient("L").resize((6324, 6324))
    Image.merge("RGB", [gradient, gradient.transpose(2), gradient.transpose(1)]).save(file, compress_level=1)
    os._exit(0)
os.wait()
def draw(opened):
    return reencode(opened, max_pixels=12_000_000, max_streamed_pixels=40_000_000, max_edge=2048)
small = io.BytesIO()
Image.new("RGBA", (9, 9)).save(small, "PNG")
draw(small.getvalue())
def peak():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")) / 1024
pathlib.Path("/proc/self/clear_refs").write_text("5")
before = peak()
with ThreadPoolExecutor(4) as pool:
    drawn = list(pool.map(draw, [file.open("rb") for _ in range(4)]))
assert {(image.width, image.height) for image in drawn} == {(2048, 2048)}
print(peak() - before)
"""

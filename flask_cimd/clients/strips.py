"""Decode a picture in strips: a PNG a few rows at a time, with each strip scaled down at once.

Pillow decodes only whole pictures. A row of a PNG depends only on the row above it, so Pillow can decode a strip as a
picture whose first row is the last row of the previous strip.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from PIL import Image

#: Approximate size of a strip, and of one read from a file, in bytes.
_STRIP_BYTES = 1 << 20
_READ_BYTES = 1 << 16
#: Pillow mode by PNG colour type, with the same number of bytes per pixel (PNG §11.2.2).
_BYTE_MODES = {0: "L", 2: "RGB", 3: "L", 4: "LA", 6: "RGBA"}
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PALETTE = 3
#: Reduction factors for a picture that is much larger than its result; a strip has a multiple of the factor in rows.
_FACTORS = (16, 8, 4, 2, 1)
#: Support of the bicubic filter on each side of a target row, in target rows.
_SUPPORT = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class _Header:
    width: int
    height: int
    depth: int
    colour: int

    @property
    def row_bytes(self) -> int:
        """Length of one row in bytes, without its filter type."""
        return -(-self.width * self.depth * len(_BYTE_MODES[self.colour]) // 8)


def can_stream(picture: Image.Image) -> bool:
    """Return whether a picture is a PNG that is not interlaced."""
    return picture.format == "PNG" and not picture.info.get("interlace")


def whole(picture: Image.Image, mode: str) -> Iterator[Image.Image]:
    """Yield the strips of a picture that Pillow has decoded completely."""
    rows = _rows(picture.width)
    for top in range(0, picture.height, rows):
        yield picture.crop((0, top, picture.width, min(top + rows, picture.height))).convert(mode)


def streamed(file: BinaryIO, picture: Image.Image, mode: str) -> Iterator[Image.Image]:
    """Yield the strips of a PNG file; ``picture`` is the same file opened by Pillow.

    16-bit samples are reduced to their upper 8 bits, as in Pillow.

    Raises:
        ValueError: the file is damaged or truncated.
        zlib.error: the compressed data is damaged.
    """
    header = _read_header(file)
    rows = _rows(header.width)
    above, left = b"", header.height
    for data in _lines(file, header, rows):
        count = min(rows, left)
        left -= count
        strip, above = _decode(header, picture, data, above, count)
        yield strip.convert(mode)


def scaled(strips: Iterator[Image.Image], size: tuple[int, int], target: tuple[int, int], mode: str) -> Image.Image:
    """Return a picture scaled down, with only a few strips in memory.

    Args:
        strips: the strips in order, each as wide as the picture.
        size: width and height of the picture in pixels.
        target: width and height of the result in pixels, at most ``size``.
        mode: Pillow mode of the strips and the result.
    """
    factor = next(factor for factor in _FACTORS if factor * 2 * target[1] <= size[1] or factor == 1)
    width, height = size[0] / factor, size[1] / factor
    step = height / target[1]
    result = Image.new(mode, target)
    window, first = Image.new(mode, (math.ceil(width), 0)), 0  # source rows from ``first`` on
    done = 0
    for strip in strips:
        window = _below(window, strip.reduce(factor))
        held = first + window.height
        until = target[1] if held >= height else max(done, math.floor(held / step) - _SUPPORT - 1)
        if until > done:
            box = (0, done * step - first, width, min(until * step, height) - first)
            part = window.resize((target[0], until - done), Image.Resampling.BICUBIC, box=box)
            result.paste(part, (0, done))
            done = until
            keep = max(first, math.floor((done - _SUPPORT - 1) * step))
            window, first = window.crop((0, keep - first, window.width, window.height)), keep
    return result


def _rows(width: int) -> int:
    most = max(_FACTORS)
    return most * max(1, _STRIP_BYTES // (4 * width * most))


def _below(upper: Image.Image, lower: Image.Image) -> Image.Image:
    joined = Image.new(lower.mode, (lower.width, upper.height + lower.height))
    if upper.height:
        joined.paste(upper, (0, 0))
    joined.paste(lower, (0, upper.height))
    return joined


def _read_header(file: BinaryIO) -> _Header:
    file.seek(0)
    begin, width, height, depth, colour = struct.unpack(">16sIIBB3x", file.read(29))
    if begin != _SIGNATURE + b"\0\0\0\x0dIHDR":
        raise ValueError("the file does not begin with its header")
    return _Header(width=width, height=height, depth=depth, colour=colour)


def _data(file: BinaryIO) -> Iterator[bytes]:
    """Yield the content of the IDAT chunks."""
    file.seek(len(_SIGNATURE))
    while len(head := file.read(8)) == 8:
        length, kind = struct.unpack(">I4s", head)
        if kind == b"IEND":
            return
        if kind != b"IDAT":
            file.seek(length + 4, 1)
            continue
        while length:
            piece = file.read(min(length, _READ_BYTES))
            if not piece:
                raise ValueError("the file is truncated")
            length -= len(piece)
            yield piece
        file.seek(4, 1)


def _lines(file: BinaryIO, header: _Header, rows: int) -> Iterator[bytes]:
    """Yield up to ``rows`` decompressed rows at a time, each with its filter type."""
    left = (header.row_bytes + 1) * header.height
    wanted = min(left, (header.row_bytes + 1) * rows)
    stream, buffer = zlib.decompressobj(), bytearray()
    for piece in _data(file):
        pending = piece
        while True:
            buffer += stream.decompress(pending, wanted - len(buffer))
            pending = stream.unconsumed_tail
            if len(buffer) < wanted:
                break
            yield bytes(buffer)
            left -= wanted
            buffer.clear()
            wanted = min(left, wanted)
            if not left:
                return
    raise ValueError("the file is truncated")


def _decode(header: _Header, picture: Image.Image, data: bytes, above: bytes, rows: int) -> tuple[Image.Image, bytes]:
    """Return a strip and its last row as bytes."""
    length = header.row_bytes + 1
    if header.depth == 16:
        # Filters work on each byte separately, so the upper bytes form an 8-bit picture.
        lines = (data[at : at + length] for at in range(0, len(data), length))
        data, length = b"".join(line[:1] + line[1::2] for line in lines), (length - 1) // 2 + 1
    byte_mode = _BYTE_MODES[header.colour]
    across = (length - 1) // len(byte_mode)
    first = b"\0" + (above or bytes(length - 1))
    both = Image.frombytes(byte_mode, (across, rows + 1), zlib.compress(first + data, 0), "zip", byte_mode, False)
    last = both.crop((0, rows, across, rows + 1)).tobytes()
    strip = both.crop((0, 1, across, rows + 1))
    if header.depth < 8 or header.colour == _PALETTE:
        mode, raw = picture.mode, _raw_mode(picture)
        strip = Image.frombytes(mode, (header.width, rows), strip.tobytes(), "raw", raw)
        if header.colour == _PALETTE and picture.palette is not None:
            strip.putpalette(picture.palette.palette, "RGB")
    if header.depth < 16 and "transparency" in picture.info:
        strip.info["transparency"] = picture.info["transparency"]
    return strip, last


def _raw_mode(picture: Image.Image) -> str:
    raw = picture.tile[0].args  # type: ignore[attr-defined]  # of an ImageFile
    return raw if isinstance(raw, str) else str(raw[0])

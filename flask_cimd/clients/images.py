"""Make an untrusted image safe to show: known formats only, measured before it is decoded, encoded anew.

Needs Pillow (the extra ``logo``).
"""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass
from threading import BoundedSemaphore
from typing import Literal

from PIL import Image, ImageOps, features

#: Format that is read, to format that is written. MPO is the JPEG of cameras that put several pictures in one file.
_WRITTEN_AS = {"JPEG": "JPEG", "MPO": "JPEG", "PNG": "PNG", "GIF": "PNG", "ICO": "PNG", "WEBP": "WEBP", "AVIF": "WEBP"}
_READ = ("JPEG", "PNG", "GIF", "WEBP", "ICO", *(("AVIF",) if features.check("avif") else ()))
#: The one format whose decoder needs no second copy of the pixels.
_DECODED_IN_PLACE = "PNG"
#: Rows of a picture that are scaled down at once.
_STRIP = 64
_MOST_ICONS = 64
_TOO_MANY_PIXELS = "The image has more than {} million pixels."
_MEDIA_TYPES = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
#: Number of pictures decoded at once; a decoded one takes up to four bytes per pixel.
_DECODERS = BoundedSemaphore(2)
_TROUBLE = (
    OSError, ValueError, SyntaxError, EOFError, OverflowError, IndexError, KeyError, TypeError, AttributeError,
    ZeroDivisionError, struct.error, zlib.error, MemoryError,
)  # fmt: skip  # Pillow's readers raise all of these on damaged files


class ImageError(ValueError):
    """The bytes are not an image that can be shown; ``args[0]`` is a sentence for the sender."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SafeImage:
    """An image that was decoded and encoded anew: only the pixels of the original file are left.

    Attributes:
        media_type: ``image/jpeg``, ``image/png`` or ``image/webp``.
        extension: of a file name, without a dot.
        width: in pixels, after scaling down.
        height: in pixels, after scaling down.
    """

    content: bytes
    media_type: str
    extension: str
    width: int
    height: int


def reencode(
    data: bytes,
    *,
    max_pixels: int,
    max_edge: int,
    written_as: Literal["PNG"] | None = None,
    max_png_pixels: int | None = None,
) -> SafeImage:
    """Decode an image and encode it anew, without metadata and at most ``max_edge`` pixels wide and high.

    The format is told from the bytes. A picture is held in memory once, with four bytes per pixel at most, and scaled
    down strip by strip; of an animation the first frame is taken.

    Args:
        data: the file; the caller bounds its length.
        max_pixels: largest number of pixels; a larger picture is refused before anything is decoded.
        max_edge: in pixels; a larger picture is scaled down.
        written_as: the format of the result; ``None`` keeps photos JPEG or WebP.
        max_png_pixels: the largest number for PNG, whose decoder needs least memory; ``None`` means ``max_pixels``.

    Raises:
        ImageError: not a JPEG, PNG, GIF, WebP, ICO or AVIF image, damaged, or with too many pixels.
    """
    try:
        with _DECODERS:
            return _reencode(data, max_pixels, max_edge, written_as, max_png_pixels or max_pixels)
    except ImageError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as exc:  # far above any ``max_pixels``
        raise ImageError(_TOO_MANY_PIXELS.format(max_pixels // 1_000_000)) from exc
    except _TROUBLE as exc:
        if b"<svg" in data[:1000].lower():
            # A rasteriser for SVG reads files and addresses that the picture names; none that loads nothing is at hand.
            raise ImageError("SVG is not read, since it can hold scripts and load files. Send a PNG.") from exc
        raise ImageError("The file is not an image that can be read. Send PNG, JPEG, GIF, WebP, AVIF or ICO.") from exc


def _reencode(data: bytes, max_pixels: int, max_edge: int, written_as: str | None, max_png_pixels: int) -> SafeImage:
    # Formats are named: otherwise Pillow tries every reader it has, PostScript among them.
    with Image.open(io.BytesIO(data), formats=_READ) as picture:
        width, height = picture.size
        limit = max_png_pixels if picture.format == _DECODED_IN_PLACE else max_pixels
        if width * height > limit:
            raise ImageError(_TOO_MANY_PIXELS.format(limit // 1_000_000))
        if picture.format == "ICO":
            _check_icons(data)
        kind = written_as or _WRITTEN_AS[picture.format or ""]
        # JPEG can be decoded at a fraction of its size; other formats ignore the hint.
        picture.draft(None, (max_edge, max_edge))
        small = _shrunk(picture, max_edge, "RGBA" if kind != "JPEG" and picture.has_transparency_data else "RGB")
        small.info = dict(picture.info)
    # The orientation is metadata too: it is applied before the rest is dropped.
    upright = ImageOps.exif_transpose(small)
    plain = Image.new(upright.mode, upright.size)
    plain.paste(upright)
    plain.thumbnail((max_edge, max_edge))
    return _write(plain, kind)


def _shrunk(picture: Image.Image, max_edge: int, mode: str) -> Image.Image:
    """Return the pixels of a picture; its longer side is two to four times ``max_edge``, or less if it was less."""
    factor = max(1, max(picture.size) // (2 * max_edge))
    rows = factor * max(1, _STRIP // factor)
    small = Image.new(mode, (-(-picture.width // factor), -(-picture.height // factor)))
    for top in range(0, picture.height, rows):
        strip = picture.crop((0, top, picture.width, min(top + rows, picture.height))).convert(mode)
        small.paste(strip.reduce(factor), (0, top // factor))
    return small


def _check_icons(data: bytes) -> None:
    """Refuse an ICO file with a picture of another size than its directory says: Pillow would decode it whole."""
    (count,) = struct.unpack_from("<4xH", data)
    if not 0 < count <= _MOST_ICONS:
        raise ImageError("The file has too many icons.")
    for number in range(count):
        width, height, offset = struct.unpack_from("<BB10xI", data, 6 + 16 * number)
        size = (width or 256, height or 256)
        if data[offset : offset + 8] == b"\x89PNG\r\n\x1a\n":
            inside = struct.unpack_from(">II", data, offset + 16)
        else:
            (wide, high) = struct.unpack_from("<ii", data, offset + 4)
            inside = (wide, high // 2)  # pixels and mask
        if inside != size:
            raise ImageError("The file holds an icon of another size than it says.")


def _write(picture: Image.Image, kind: str) -> SafeImage:
    out = io.BytesIO()
    picture.save(out, kind, **({"quality": 85} if kind != "PNG" else {"optimize": False}))
    return SafeImage(
        content=out.getvalue(),
        media_type=_MEDIA_TYPES[kind],
        extension={"JPEG": "jpg", "PNG": "png", "WEBP": "webp"}[kind],
        width=picture.width,
        height=picture.height,
    )

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

from PIL import Image, ImageOps

#: Format that is read, to format that is written. MPO is the JPEG of cameras that put several pictures in one file.
_WRITTEN_AS = {"JPEG": "JPEG", "MPO": "JPEG", "PNG": "PNG", "GIF": "PNG", "WEBP": "WEBP"}
_READ = ("JPEG", "PNG", "GIF", "WEBP")
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


def reencode(data: bytes, *, max_pixels: int, max_edge: int, written_as: Literal["PNG"] | None = None) -> SafeImage:
    """Decode an image and encode it anew, without metadata and at most ``max_edge`` pixels wide and high.

    Args:
        data: the file; the caller bounds its length.
        max_pixels: largest number of pixels; a larger picture is refused before anything is decoded.
        max_edge: in pixels; a larger picture is scaled down.
        written_as: the format of the result; ``None`` keeps photos JPEG or WebP.

    Raises:
        ImageError: not a JPEG, PNG, GIF or WebP image, damaged, or with too many pixels.
    """
    try:
        with _DECODERS:
            return _reencode(data, max_pixels, max_edge, written_as)
    except ImageError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as exc:  # far above any ``max_pixels``
        raise ImageError(_TOO_MANY_PIXELS.format(max_pixels // 1_000_000)) from exc
    except _TROUBLE as exc:
        raise ImageError("The file is not an image that can be read. Send JPEG, PNG, GIF or WebP.") from exc


def _reencode(data: bytes, max_pixels: int, max_edge: int, written_as: str | None) -> SafeImage:
    # Formats are named: otherwise Pillow tries every reader it has, PostScript among them.
    with Image.open(io.BytesIO(data), formats=_READ) as picture:
        width, height = picture.size
        if width * height > max_pixels:
            raise ImageError(_TOO_MANY_PIXELS.format(max_pixels // 1_000_000))
        kind = written_as or _WRITTEN_AS[picture.format or ""]
        # JPEG can be decoded at a fraction of its size; other formats ignore the hint.
        picture.draft(None, (max_edge, max_edge))
        # The orientation is metadata too: it is applied before the rest is dropped.
        upright = ImageOps.exif_transpose(picture)
        plain = _plain(upright, kind)
    plain.thumbnail((max_edge, max_edge))
    return _write(plain, kind)


def _plain(picture: Image.Image, kind: str) -> Image.Image:
    """Return the pixels alone, in a mode that browsers support."""
    is_transparent = kind != "JPEG" and picture.has_transparency_data
    converted = picture.convert("RGBA" if is_transparent else "RGB")
    plain = Image.new(converted.mode, converted.size)
    plain.paste(converted)
    return plain


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

"""Make an untrusted image safe to show: accept known formats, check the size before decoding, and re-encode.

Requires Pillow (the extra ``logo``).
"""

from __future__ import annotations

import io
import os
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, BinaryIO, Literal

from PIL import Image, ImageOps, features

from ..core.sentences import sentence
from . import strips

#: Output format by input format. MPO is a JPEG file with several pictures, from cameras.
_WRITTEN_AS = {"JPEG": "JPEG", "MPO": "JPEG", "PNG": "PNG", "GIF": "PNG", "ICO": "PNG", "WEBP": "WEBP", "AVIF": "WEBP"}
_READ = ("JPEG", "PNG", "GIF", "WEBP", "ICO", *(("AVIF",) if features.check("avif") else ()))
#: Maximum edge of an input image, in pixels: a strip of a longer row would need too much memory.
_LONGEST_EDGE = 65_535
_MOST_ICONS = 64
_MEDIA_TYPES = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
_TROUBLE = (
    OSError, ValueError, SyntaxError, EOFError, OverflowError, IndexError, KeyError, TypeError, AttributeError,
    ZeroDivisionError, struct.error, zlib.error, MemoryError,
)  # fmt: skip  # Pillow's readers raise all of these on damaged files


class _Decoder:
    """Decodes all pictures of a process in one thread, because a large picture needs much memory.

    A lock would not bound the memory: the C library keeps the freed memory of each thread for that thread.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Reset the state after a fork: the child process does not have the parent's thread."""
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="cimd-picture")

    def run(self, *arguments: Any) -> SafeImage:
        """Run `_decode` after the earlier pictures, and return its result."""
        return self._thread.submit(_decode, *arguments).result()


class ImageError(ValueError):
    """The bytes are not an image that this package can show; ``args[0]`` is a sentence for the sender."""


def _too_large(pixels: int) -> ImageError:
    return ImageError(sentence("The image has more than %(number)s million pixels.", number=pixels // 1_000_000))


@dataclass(frozen=True, slots=True, kw_only=True)
class SafeImage:
    """A re-encoded image; only the pixels come from the original file.

    Attributes:
        media_type: ``image/jpeg``, ``image/png`` or ``image/webp``.
        extension: file name extension, without a dot.
        width: in pixels, after scaling down.
        height: in pixels, after scaling down.
    """

    content: bytes
    media_type: str
    extension: str
    width: int
    height: int


def reencode(
    data: bytes | BinaryIO,
    *,
    max_pixels: int,
    max_edge: int,
    written_as: Literal["PNG"] | None = None,
    max_streamed_pixels: int | None = None,
) -> SafeImage:
    """Re-encode an image without metadata, at most ``max_edge`` pixels wide and high.

    The bytes determine the format. A PNG is decoded and scaled down a few rows at a time, and a JPEG is decoded at a
    fraction of its size; other pictures are decoded in memory. A process decodes one picture at a time, and only the
    first frame of an animation.

    Args:
        data: the file as bytes or as a seekable binary file object; the caller bounds its length.
        max_pixels: maximum number of pixels, checked before decoding; a decoder needs up to 8 bytes per pixel.
        max_edge: maximum width and height in pixels; a larger picture is scaled down.
        written_as: format of the result; ``None`` keeps photos as JPEG or WebP.
        max_streamed_pixels: maximum number of pixels of a non-interlaced PNG or a non-progressive JPEG, which are
            decoded in parts; ``None`` means ``max_pixels``.

    Raises:
        ImageError: not a JPEG, PNG, GIF, WebP, ICO or AVIF image, damaged, or with too many pixels.
    """
    file = io.BytesIO(data) if isinstance(data, bytes) else data
    return _decoder.run(file, max_pixels, max_edge, written_as, max_streamed_pixels or max_pixels)


def _decode(file: BinaryIO, max_pixels: int, max_edge: int, written_as: str | None, max_streamed: int) -> SafeImage:
    try:
        return _reencode(file, max_pixels, max_edge, written_as, max_streamed)
    except ImageError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as exc:  # far above any ``max_pixels``
        raise _too_large(max_streamed) from exc
    except _TROUBLE as exc:
        file.seek(0)
        if b"<svg" in file.read(1000).lower():
            # SVG rasterisers load files and URLs that the picture names; no suitable one can turn this off.
            raise ImageError("SVG is not read, since it can hold scripts and load files. Send a PNG.") from exc
        raise ImageError("The file is not an image that can be read. Send PNG, JPEG, GIF, WebP, AVIF or ICO.") from exc


def _reencode(file: BinaryIO, max_pixels: int, max_edge: int, written_as: str | None, max_streamed: int) -> SafeImage:
    # Without a list of formats, Pillow tries every reader, including PostScript.
    with Image.open(file, formats=_READ) as picture:
        width, height = picture.size
        is_png = strips.can_stream(picture)
        limit = max_streamed if is_png or _can_skip(picture) else max_pixels
        if width * height > limit or max(width, height) > _LONGEST_EDGE:
            raise _too_large(limit)
        if picture.format == "ICO":
            file.seek(0)
            _check_icons(file.read())
        kind = written_as or _WRITTEN_AS[picture.format or ""]
        # Pillow can decode a JPEG at a fraction of its size; other formats ignore this call.
        picture.draft(None, _target(picture.size, max_edge))
        mode = "RGBA" if kind != "JPEG" and picture.has_transparency_data else "RGB"
        rows = strips.streamed(file, picture, mode) if is_png else strips.whole(picture, mode)
        small = strips.scaled(rows, picture.size, _target(picture.size, max_edge), mode)
        # The orientation is metadata: apply it before the metadata is dropped.
        small.info = {"exif": picture.info.get("exif", b"")}
    ImageOps.exif_transpose(small, in_place=True)
    small.info = {}
    return _write(small, kind)


def _can_skip(picture: Image.Image) -> bool:
    """Return whether a picture is a JPEG whose decoder holds only the pixels of the result."""
    return picture.format in ("JPEG", "MPO") and not picture.info.get("progressive")


def _target(size: tuple[int, int], max_edge: int) -> tuple[int, int]:
    """Return the size of the result in pixels, with the same aspect ratio."""
    share = min(1, max_edge / max(size))
    return max(1, round(size[0] * share)), max(1, round(size[1] * share))


def _check_icons(data: bytes) -> None:
    """Refuse an ICO file whose pictures differ in size from its directory: Pillow would decode them completely."""
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


_decoder = _Decoder()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_decoder.reset)

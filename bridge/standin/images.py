"""A tiny picture, made here so that none has to be shipped. Pure."""

from __future__ import annotations

import base64
import struct
import zlib
from functools import lru_cache

SIDE_PIXELS = 8

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_EIGHT_BITS, _RGB = 8, 2


@lru_cache(maxsize=8)
def png_base64(red: int, green: int, blue: int) -> str:
    """Return a square of one colour as the base64 text of a PNG file."""
    line = b"\x00" + bytes((red, green, blue)) * SIDE_PIXELS
    header = struct.pack(">IIBBBBB", SIDE_PIXELS, SIDE_PIXELS, _EIGHT_BITS, _RGB, 0, 0, 0)
    chunks = (
        _chunk(b"IHDR", header),
        _chunk(b"IDAT", zlib.compress(line * SIDE_PIXELS, 9)),
        _chunk(b"IEND", b""),
    )
    return base64.b64encode(_SIGNATURE + b"".join(chunks)).decode("ascii")


def _chunk(kind: bytes, content: bytes) -> bytes:
    check = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + check

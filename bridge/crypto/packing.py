"""What is inside a seal: one flag byte, then the payload as compact JSON (SPEC 152). Pure.

The flag says how the JSON is written: as it is, or as one LZ4 frame. It is the form of the
earlier pipe, so rows of both are unpacked here. Nothing is unpacked without a flag that is known:
a payload that came without one was never ours (SPEC 153).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import msgspec

from bridge.crypto.lz4_frames import Lz4Frames
from bridge.crypto.seal_broken import SealBroken, WhyBroken

# JSON of one row, packed or unpacked. The longest output of a tool is a million characters, of at
# most six bytes each; the rest is room. A frame of a few kilobytes can claim gigabytes: this is
# where it ends.
PAYLOAD_BYTES_MAX: Final = 32 * 1024 * 1024


class Flag(IntEnum):
    """The first byte of what is sealed: how the rest is written."""

    RAW = 0
    LZ4 = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Packer:
    """How rows are packed.

    Attributes:
        lz4: the library for compressed rows, or None where there is none: then nothing is
            compressed, and what was compressed elsewhere can't be read.
        compress_min_bytes: JSON shorter than this is not worth the work; None: never compress.
    """

    lz4: Lz4Frames | None
    compress_min_bytes: int | None = None

    def pack(self, payload: Mapping[str, object]) -> bytes:
        """Write a JSON object as flag and bytes, compressed where that makes it smaller.

        Raises:
            SealBroken: it is larger than `PAYLOAD_BYTES_MAX`.
        """
        plain = _json_of(payload)
        if len(plain) > PAYLOAD_BYTES_MAX:
            raise SealBroken(WhyBroken.TOO_LARGE)
        if (frame := self._frame(plain)) is not None:
            return bytes((Flag.LZ4,)) + frame
        return bytes((Flag.RAW,)) + plain

    def unpack(self, packed: bytes) -> dict[str, object]:
        """Read what `pack` wrote, here or in the earlier pipe.

        Raises:
            SealBroken: it was written by neither.
        """
        payload = _object_in(self._json_in(packed))
        if payload is None:
            raise SealBroken(WhyBroken.NOT_JSON)
        return payload

    def _frame(self, plain: bytes) -> bytes | None:
        if self.lz4 is None or self.compress_min_bytes is None:
            return None
        if len(plain) < self.compress_min_bytes:
            return None
        frame = self.lz4.compress(plain)
        return frame if len(frame) < len(plain) else None

    def _json_in(self, packed: bytes) -> bytes:
        flag, written = packed[:1], packed[1:]
        if flag == bytes((Flag.LZ4,)):
            if self.lz4 is None:
                raise SealBroken(WhyBroken.LZ4_MISSING)
            return self.lz4.decompress(written, PAYLOAD_BYTES_MAX)
        if flag != bytes((Flag.RAW,)):
            raise SealBroken(WhyBroken.HEADERLESS)
        if len(written) > PAYLOAD_BYTES_MAX:
            raise SealBroken(WhyBroken.TOO_LARGE)
        return written


def _json_of(payload: Mapping[str, object]) -> bytes:
    try:
        return msgspec.json.encode(payload)
    except UnicodeEncodeError:
        pass  # It holds the payload: it must not become the context of what happens next.
    # Lone surrogates can stand in JSON, but only escaped; then so is everything else.
    return json.dumps(payload, separators=(",", ":")).encode("ascii")


def _object_in(text: bytes) -> dict[str, object] | None:
    """Read a JSON object, or return None for anything else."""
    try:
        value: object = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        value = _loosely_read(text)
    return value if isinstance(value, dict) else None


def _loosely_read(text: bytes) -> object:
    """Read what Python's own writer allows beyond the standard: lone surrogates, infinity."""
    try:
        value: object = json.loads(text.decode("utf-8"))
    except (ValueError, RecursionError):
        return None
    return value
